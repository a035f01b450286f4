"""Boots every entry point from the archive and sends each one a real push.

    make smoke          # builds dist/benchkeeper.zip first

The archive is unpacked into an empty directory and served with the packages of requirements.txt
only; the local cloud stands in for Google's APIs. Exit 1 with what was found instead.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tools.package import ARCHIVE, ROOT
from tools.smoke.deployed import deploy
from tools.smoke.entry_points import entry_points
from tools.smoke.python import CannotInstall, environment
from tools.smoke.server import DidNotStart
from tools.smoke.stage import Failed, Stage
from tools.smoke.story import tell, tell_unreadable


def run(archive: Path, workdir: Path) -> list[str]:
    """What every entry point did, a line each; raises ``Failed`` or ``DidNotStart``."""
    python = environment(ROOT / "requirements.txt")
    source = deploy(archive, workdir / "source", python / "bin" / "python")
    listed = entry_points()
    topics = {each.name: each.topic for each in listed if each.topic is not None}
    with Stage(source, python, listed, workdir) as stage:
        return tell(stage, [each.name for each in listed]) + tell_unreadable(stage, topics)


def main(arguments: Sequence[str]) -> int:
    """Smoke-test the archive named in ``arguments``; the exit code."""
    parser = argparse.ArgumentParser(prog="smoke", description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, nargs="?", default=ARCHIVE)
    archive = parser.parse_args(arguments).archive
    if not zipfile.is_zipfile(archive):  # before minutes of installing packages
        reason = "is no zip file" if archive.exists() else "is not there"
        print(f"{archive}: {reason}; `make package` builds it", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="smoke-") as workdir:
        try:
            lines = run(archive, Path(workdir))
        except (CannotInstall, DidNotStart, Failed, OSError, zipfile.BadZipFile) as error:
            print(error, file=sys.stderr)
            return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
