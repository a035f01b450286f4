"""The entry points and the permissions of their accounts, from the files that Terraform reads.

`infra/functions.yaml` and `infra/grants.yaml` explain their fields. A grant is on a *place*:
"project", "database", "templates", "profiles", or the name of a topic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.iam.permissions import Permitted

_INFRA = Path(__file__).parents[2] / "infra"


@dataclass(frozen=True)
class Function:
    """An entry point of ``main.py``; without a topic it is called over HTTP."""

    name: str
    topic: str | None


@dataclass(frozen=True)
class Grant:
    """Permissions on a place, and the functions whose accounts get them."""

    name: str
    place: str
    functions: tuple[str, ...]
    permissions: tuple[str, ...]
    only_with: str | None  # the setting that must be on

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
    """The permissions of a function's account; ``settings``: those that are on ("older_kinds")."""
    return frozenset(
        one
        for grant in given
        if function in grant.functions and (grant.only_with is None or grant.only_with in settings)
        for one in grant.permitted()
    )


def _read(name: str) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load((_INFRA / name).read_text(encoding="utf-8"))
    return loaded
