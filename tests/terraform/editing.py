"""Makes one thing wrong in a copy of a configuration that is right."""

from __future__ import annotations

from pathlib import Path


def replace(file: Path, old: str, new: str) -> None:
    """Replace ``old``, which must be in the file once, by ``new``."""
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))


def line_of(file: Path, text: str) -> int:
    """The line (from 1) where ``text``, which must be in the file once, begins."""
    content = file.read_text()
    assert content.count(text) == 1, f"{text!r} is {content.count(text)} times in {file.name}"
    return content[: content.index(text)].count("\n") + 1
