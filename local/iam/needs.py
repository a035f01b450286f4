"""Records which permissions the accounts of the functions needed, across processes.

If the environment variable ``NEEDS_DIR`` names a directory, each process that runs a stack appends
one JSON line for each new account, permission and place to its own file there. It writes at once,
so that a killed process loses nothing. `tools.permissions` compares the lines with the grants.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import NamedTuple, Self

VARIABLE = "NEEDS_DIR"


class Needed(NamedTuple):
    """An account needed a permission on a place."""

    account: str
    permission: str
    place: str


class Needs:
    """Records each need once."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._seen: set[Needed] = set()

    @classmethod
    def of_environment(cls) -> Self:
        """Write to the directory in the environment variable; if it is not set, don't write."""
        named = os.environ.get(VARIABLE)
        return cls(Path(named) if named else None)

    def note(self, account: str, permission: str, place: str) -> None:
        """Write the need, unless it was written before."""
        need = Needed(account, permission, place)
        if self._directory is None or need in self._seen:
            return
        with self._lock:
            self._seen.add(need)
            self._directory.mkdir(parents=True, exist_ok=True)
            with (self._directory / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(need) + "\n")


def read(directory: Path) -> set[Needed]:
    """All needs recorded in ``directory``."""
    return {
        Needed(*json.loads(line))
        for file in directory.glob("*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
