"""The entry points as infra/functions.yaml lists them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).parents[2] / "infra" / "functions.yaml"


@dataclass(frozen=True)
class EntryPoint:
    """``topic``: whose messages it gets, or None if it is asked over HTTP.

    ``memory`` as Cloud Functions writes it (``512Mi``); ``concurrency``: requests at once.
    """

    name: str
    topic: str | None
    memory: str
    concurrency: int


def entry_points(file: Path = FILE) -> tuple[EntryPoint, ...]:
    """All of them, in the file's order."""
    listed = yaml.safe_load(file.read_text(encoding="utf-8"))
    return tuple(
        EntryPoint(name, entry["topic"], entry["memory"], entry["concurrency"])
        for name, entry in listed.items()
    )
