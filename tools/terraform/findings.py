"""What a check found, and where: one line that an editor can jump to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Finding:
    """A problem at ``place``, which is ``file:line`` or a file or directory."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def place_of(path: Path, line: int | None = None) -> str:
    """``path:line``, relative to the working directory if it is below it."""
    resolved = path.resolve()
    here = Path.cwd()
    shown = resolved.relative_to(here) if resolved.is_relative_to(here) else resolved
    return f"{shown}:{line}" if line else str(shown)
