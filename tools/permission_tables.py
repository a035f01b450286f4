"""The tables of docs/permissions.md, out of the grants and of what the local cloud checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from local.deployment import Grant, grants
from local.permissions import NEEDS, Need, When

PAGE = Path(__file__).parent.parent / "docs" / "permissions.md"

_BLOCK = re.compile(r"(<!-- (\w+): generated -->\n).*?(\n<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """The page with each of its tables as it should be."""
    tables = {"grants": _grants(), "permissions": _granted(), "others": _others()}
    return _BLOCK.sub(lambda found: found[1] + "\n".join(tables[found[2]]) + found[3], page)


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
    return _table(("grant", "on", "accounts", "only with"), rows)


def _granted() -> list[str]:
    named: dict[str, list[str]] = {}
    for grant in grants():
        for permission in grant.permissions:
            named.setdefault(permission, []).append(f"`{grant.name}`")
    rows = [
        (f"`{permission}`", _calls(permission), ", ".join(names), _known(permission))
        for permission, names in sorted(named.items())
    ]
    return _table(("permission", "needed for", "granted in", "known from"), rows)


def _others() -> list[str]:
    granted = {permission for grant in grants() for permission in grant.permissions}
    rest = sorted({need.permission for need in NEEDS} - granted)
    rows = [(f"`{p}`", _calls(p), _known(p)) for p in rest]
    return _table(("permission", "would be needed for", "known from"), rows)


def _calls(permission: str) -> str:
    return ", ".join(_call(need) for need in NEEDS if need.permission == permission)


def _call(need: Need) -> str:
    if need.when is When.ALWAYS:
        return f"`{need.method}`"
    return f"`{need.method}` if {need.when.value}"


def _known(permission: str) -> str:
    return ", ".join(dict.fromkeys(n.known.value for n in NEEDS if n.permission == permission))


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
