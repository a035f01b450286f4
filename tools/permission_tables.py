"""The tables of docs/permissions.md, out of the grants and of what the local cloud checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from local.iam.permissions import NEEDS, Known, When
from local.stack.deployment import Grant, grants

PAGE = Path(__file__).parent.parent / "docs" / "permissions.md"

_BLOCK = re.compile(r"(<!-- (\w+): generated -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """The page with each of its tables as it should be."""
    tables = {"grants": _grants(), "permissions": _granted(), "others": _others()}
    return _BLOCK.sub(lambda found: found[1] + "\n".join([*tables[found[2]], found[3]]), page)


def _grants() -> list[str]:
    rows = [
        (
            f"`{grant.name}`",
            _place(grant),
            ", ".join(f"`{name}`" for name in grant.functions),
            f"`{grant.only_with.upper()}=on`" if grant.only_with else "",
        )
        for grant in grants()
    ]
    return _table(("grant", "place", "accounts", "only with"), rows)


def _granted() -> list[str]:
    named: dict[str, list[str]] = {}
    for grant in grants():
        for permission in grant.permissions:
            named.setdefault(permission, []).append(f"`{grant.name}`")
    rows = [
        (f"`{permission}`", calls, ", ".join(names), known)
        for permission, names in sorted(named.items())
        for calls, known in _calls(permission)
    ]
    return _table(("permission", "needed for", "granted in", "known from"), rows)


def _others() -> list[str]:
    granted = {permission for grant in grants() for permission in grant.permissions}
    rest = sorted({need.permission for need in NEEDS} - granted)
    rows = [(f"`{p}`", calls, known) for p in rest for calls, known in _calls(p)]
    return _table(("permission", "would be needed for", "known from"), rows)


def _calls(permission: str) -> list[tuple[str, str]]:
    """The calls that need it, and how that is known; apart where it is known in several ways."""
    calls: dict[tuple[Known, When], list[str]] = {}
    for need in NEEDS:
        if need.permission == permission:
            calls.setdefault((need.known, need.when), []).append(f"`{need.method}`")
    found: dict[Known, list[str]] = {}
    for (known, when), methods in calls.items():
        condition = "" if when is When.ALWAYS else f", if {when.value}"
        found.setdefault(known, []).append(", ".join(methods) + condition)
    return [("; ".join(parts), known.value) for known, parts in found.items()]


def _place(grant: Grant) -> str:
    places = {
        "project": "the project",
        "database": "the Firestore database",
        "templates": "the bucket `TEMPLATES_BUCKET`",
        "profiles": "the bucket of `PROFILES`",
    }
    return places.get(grant.place, f"topic `{grant.place}`")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return [f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines]
