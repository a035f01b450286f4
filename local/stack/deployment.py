"""The entry points and what the account of each may do, out of the files Terraform reads, too.

`infra/functions.yaml` and `infra/grants.yaml` say what their fields mean. A grant is on a *place*:
"project", "database", "templates", "profiles", or the name of a topic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

_INFRA = Path(__file__).parents[2] / "infra"


class Permitted(NamedTuple):
    """A permission on a place."""

    permission: str
    place: str


@dataclass(frozen=True)
class Function:
    """An entry point of ``main.py``; without a topic it is asked over HTTP."""

    name: str
    topic: str | None


@dataclass(frozen=True)
class Grant:
    """A role and the functions whose accounts have it on a place."""

    name: str
    place: str
    functions: tuple[str, ...]
    permissions: tuple[str, ...]
    only_with: str | None  # the setting without which it is not granted

    def permitted(self) -> set[Permitted]:
        """Each permission on the place."""
        return {Permitted(permission, self.place) for permission in self.permissions}


def functions() -> list[Function]:
    """Every entry point, in the order of the file."""
    return [Function(name, fields["topic"]) for name, fields in _read("functions.yaml").items()]


def grants() -> list[Grant]:
    """Every grant, in the order of the file."""
    return [
        Grant(
            name,
            fields["place"],
            tuple(fields["functions"]),
            tuple(fields["permissions"]),
            fields.get("only_with"),
        )
        for name, fields in _read("grants.yaml").items()
    ]


def permitted(
    function: str, given: Iterable[Grant], settings: Collection[str]
) -> frozenset[Permitted]:
    """What the account of a function may do; ``settings``: those that are on ("older_kinds")."""
    return frozenset(
        one
        for grant in given
        if function in grant.functions and (grant.only_with is None or grant.only_with in settings)
        for one in grant.permitted()
    )


def _read(name: str) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load((_INFRA / name).read_text(encoding="utf-8"))
    return loaded
