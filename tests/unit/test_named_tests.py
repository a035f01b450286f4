"""Pages, comments and docstrings name only tests that exist."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")]
IN_PAGES = re.compile(r"[\w/]*\btest_\w+\.py|\btests/\w[\w/]*(?:\.py)?")
IN_DOCSTRINGS = re.compile(r"``([\w/]*\btest_\w+\.py|tests/[\w/.]*)``")


def named() -> set[tuple[str, str]]:
    """Each name of a test or of a directory of tests, with the file that has it."""
    pages = chain((ROOT / "docs").rglob("*.md"), ROOT.glob("*.md"), (ROOT / "infra").glob("*.yaml"))
    found = {(page, name) for page in pages for name in IN_PAGES.findall(page.read_text("utf-8"))}
    for test in TESTS:
        source = ROOT / test
        found |= {(source, name) for name in IN_DOCSTRINGS.findall(source.read_text("utf-8"))}
    return {(path.relative_to(ROOT).as_posix(), name.rstrip("/")) for path, name in found}


def exists(name: str) -> bool:
    """Whether ``name`` is a path from the root, or the end of the path of a test."""
    return (ROOT / name).exists() or any(test.endswith(f"/{name}") for test in TESTS)


def test_every_test_that_is_named_exists() -> None:
    found = named()
    assert len(found) > 50
    assert sorted(f"{file}: {name}" for file, name in found if not exists(name)) == []
