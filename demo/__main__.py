"""``make demo``: tell the story; exit 1 if it did not come true."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from demo.stage import Stage
from demo.story import tell
from demo.tables import closing
from demo.teller import Teller
from local.stack.stack import Stack


def main() -> int:
    """Start the stack, tell the story, print the tables."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="benchkeeper-") as directory:
        _say("Starting a local Google Cloud and the functions …")
        # The story moves time by itself: it wants the tick on the cloud's clock, nothing faster.
        with Stack(Path(directory), domains="example.com") as stack:
            stage = Stage(stack)
            teller = Teller(stage, _say)
            tell(teller)
            _say(closing(stage))
    _say(f"\n{time.monotonic() - began:.0f} seconds")
    if teller.failed:
        _say("The story did NOT come true: " + "; ".join(teller.failed))
        return 1
    _say("The story came true.")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
