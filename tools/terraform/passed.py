"""Remembers the last state that passed, so that checking it again takes no time."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tools.terraform.environment import HERE

_IGNORED = {"__pycache__", ".terraform"}


def fingerprint(directory: Path) -> str:
    """Of every file below ``directory`` and of this tool, its pinned requirements included."""
    digest = sha256()
    for top in (directory, HERE):
        for file in sorted(top.rglob("*")):
            if file.is_file() and not _IGNORED.intersection(file.parts):
                content = sha256(file.read_bytes()).hexdigest()
                digest.update(f"{file.relative_to(top)} {content}\n".encode())
    return digest.hexdigest()


def passed_before(state: str, cache: Path) -> bool:
    """Whether ``state``, a fingerprint, is the last that passed."""
    file = _file(cache)
    return file.exists() and file.read_text() == state


def remember(state: str, cache: Path) -> None:
    _file(cache).parent.mkdir(parents=True, exist_ok=True)
    _file(cache).write_text(state)


def _file(cache: Path) -> Path:
    return cache / "terraform" / "passed"
