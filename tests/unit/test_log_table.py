"""The table of log lines in docs/operations.md has a row for each action that the code logs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN = re.compile(r"""["']?action["']?\s*[:=]\s*["']([a-z]+\.[a-z-]+)["']""")


def documented() -> set[str]:
    """The actions of the table; `intent.applied`, `.stale` is short for two of one kind."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition("## Log lines\n")[2].partition("\n## ")[0]
    found = set()
    for row in re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE):
        kind = ""
        for name in re.findall(r"`([^`]+)`", row):
            kind = kind if name.startswith(".") else name.partition(".")[0]
            found.add(kind + name if name.startswith(".") else name)
    return found


def in_code() -> set[str]:
    files = [*ROOT.glob("shared/**/*.py"), *ROOT.glob("functions/**/*.py")]
    return {action for file in files for action in WRITTEN.findall(file.read_text("utf-8"))}


def test_the_code_is_searched_where_the_actions_are() -> None:
    assert {"resource.lost", "event.parked", "profiles.invalid", "fleet.failed"} <= in_code()


@pytest.mark.parametrize("action", sorted(in_code()))
def test_every_action_has_a_row(action: str) -> None:
    assert action in documented()
