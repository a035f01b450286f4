"""Checks the profiles of a directory, when the stack starts and after each change.

It runs ``make check-profiles`` as a separate process, since the local cloud shares no code with
what it serves.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_LOOK_SECONDS = 1.0


class ProfileCheck:
    """Checks ``directory`` for ``region``, and notices when a file in it has changed."""

    def __init__(self, directory: Path, region: str) -> None:
        self._directory = directory.resolve()
        self._region = region
        self._seen = self._times()
        self._look_at = time.monotonic() + _LOOK_SECONDS

    def faults(self) -> str:
        """The errors, one per line; '' if there are none."""
        command = [sys.executable, "-m", "tools.check_profiles", str(self._directory)]
        done = subprocess.run(
            [*command, "--region", self._region],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr.strip() if done.returncode else ""

    def has_changed(self) -> bool:
        """Whether a file has changed since the last call; checks once a second at most."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _LOOK_SECONDS
        before, self._seen = self._seen, self._times()
        return before != self._seen

    def _times(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for path in self._directory.rglob("*.yaml"):
            try:
                stat = path.stat()
            except OSError:  # deleted since it was listed, which is a change, too
                continue
            found[path] = (stat.st_mtime_ns, stat.st_size)
        return found
