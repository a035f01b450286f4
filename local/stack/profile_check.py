"""Checks the profiles in a directory when the stack starts and after each change.

It runs ``make check-profiles`` as a separate process, because the local cloud must not import the
product's code.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_CHECK_SECONDS = 1.0


class ProfileCheck:
    """Checks ``directory`` for ``region``, and notices when a file in it has changed."""

    def __init__(self, directory: Path, region: str) -> None:
        self._directory = directory.resolve()
        self._region = region
        self._seen = self._times()
        self._next_check = time.monotonic() + _CHECK_SECONDS

    def errors(self) -> str:
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
        if time.monotonic() < self._next_check:
            return False
        self._next_check = time.monotonic() + _CHECK_SECONDS
        before, self._seen = self._seen, self._times()
        return before != self._seen

    def _times(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for path in self._directory.rglob("*.yaml"):
            try:
                stat = path.stat()
            except OSError:  # deleted since it was listed
                continue
            found[path] = (stat.st_mtime_ns, stat.st_size)
        return found
