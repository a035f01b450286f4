"""What the accounts of the functions were seen to need, written down over many processes.

Where the environment variable ``NEEDS_DIR`` names a directory, each process that runs a stack
appends to a file of its own there, one JSON line for each account, permission and place that is new
to it; at once, so that a process that is killed loses nothing. `tools.permissions` compares them
with the grants.
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
    """Notes each need once."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._seen: set[Needed] = set()

    @classmethod
    def of_environment(cls) -> Self:
        """Into the directory that the environment names; into none if it names none."""
        named = os.environ.get(VARIABLE)
        return cls(Path(named) if named else None)

    def note(self, account: str, permission: str, place: str) -> None:
        """Write it down, unless it is there already."""
        need = Needed(account, permission, place)
        if self._directory is None or need in self._seen:
            return
        with self._lock:
            self._seen.add(need)
            self._directory.mkdir(parents=True, exist_ok=True)
            with (self._directory / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(need) + "\n")


def read(directory: Path) -> set[Needed]:
    """All that was noted in ``directory``."""
    return {
        Needed(*json.loads(line))
        for file in directory.glob("*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
