"""A virtual environment with the packages of requirements.txt and nothing else."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CACHE = ROOT / ".local" / "smoke"


class CannotInstall(Exception):
    """requirements.txt could not be installed; the text is what pip said."""


def environment(requirements: Path, cache: Path = _CACHE) -> Path:
    """The directory of one for ``requirements``, made at its first use and kept in ``cache``.

    It is found by the content of ``requirements`` and the version of Python. Processes that ask at
    once wait for the one that makes it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    content = sys.version.encode() + requirements.read_bytes()
    directory = cache / hashlib.sha256(content).hexdigest()[:12]
    complete = directory / ".complete"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(directory, ignore_errors=True)  # one that was interrupted
            _make(directory, requirements)
            complete.touch()
    return directory


def _make(directory: Path, requirements: Path) -> None:
    pip = [str(directory / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", str(directory)],
        [*pip, "install", "-r", str(requirements)],
        [*pip, "check"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotInstall(f"{' '.join(command)}:\n{(done.stdout + done.stderr).strip()}")
