"""Allows one stack at a time in a directory; a second would delete the state of the first."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.stack.ports import CannotStart


@contextmanager
def locked_directory(directory: Path) -> Iterator[None]:
    """Hold the lock file of ``directory``, with our pid in it; ``CannotStart`` if it is locked.

    The system releases the lock when the process ends, even if it is killed, so a file that is left
    over doesn't block the next start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CannotStart(
                f"another one runs in this directory (pid {file.read().strip() or 'unknown'}); "
                "stop it with Ctrl-C first, or start this one in another directory"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
