"""The service accounts of one cloud: their grants, revoked permissions, and observed needs.

Every request is checked against the permissions that its method needs (see `permissions`) and those
that its account was granted. The owner has all permissions. It must not know functions or roles.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from local.errors import ApiError
from local.iam.callers import OWNER
from local.iam.needs import Needs
from local.iam.permissions import Permitted, When, needed, place_of

EVERYBODY = "*"


class Accounts:
    """Accounts have short names, which are those of the functions."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._granted: dict[str, frozenset[Permitted]] = {}
        self._places: dict[str, str] = {}
        self._revoked: dict[str, frozenset[str]] = {}
        self.needs = Needs(None)  # records what each account needs

    def grant(
        self, account: str, permitted: Iterable[Permitted], places: Mapping[str, str]
    ) -> None:
        """Grant an account exactly what is ``permitted``.

        ``places``: the place of a resource in grants, such as {"bucket/demo-t": "templates"}.
        """
        with self._lock:
            self._granted[account] = frozenset(permitted)
            self._places = {**self._places, **places}

    def email(self, account: str) -> str:
        """The e-mail address of an account."""
        return f"{account}@{self._project}.iam.gserviceaccount.com"

    def lacking(
        self, account: str, method: str, target: str, conditions: Collection[When]
    ) -> str | None:
        """The first permission that ``account`` lacks for this call; records all it needs."""
        if account == OWNER:
            return None
        place = self._place(method, target)
        wanted = needed(method, conditions)
        for permission in wanted:
            self.needs.note(account, permission, place)
        return next((p for p in wanted if not self._may(account, p, place)), None)

    def revoke(self, body: Mapping[str, Any]) -> None:
        """Revoke permissions: {"converge": ["notebooks.instances.create"]}, "*" for all accounts.

        Replaces what was revoked before. ``ApiError`` for an unknown account, or a permission that
        is not granted to it.
        """
        with self._lock:
            violations = self._violations(body)
            if violations:
                raise ApiError.invalid("Invalid revocations: " + "; ".join(violations), violations)
            self._revoked = {account: frozenset(gone) for account, gone in body.items()}

    def to_json(self) -> dict[str, Any]:
        """The grants and the revoked permissions, by account."""
        with self._lock:
            granted: dict[str, dict[str, list[str]]] = {}
            for account, permitted in self._granted.items():
                by_place = granted.setdefault(account, {})
                for one in sorted(permitted):
                    by_place.setdefault(one.place, []).append(one.permission)
            revoked = {account: sorted(gone) for account, gone in self._revoked.items()}
            return {"granted": granted, "revoked": revoked}

    def _place(self, method: str, target: str) -> str:
        place = place_of(method, target)
        return self._places.get(place, place.removeprefix("topic/"))

    def _may(self, account: str, permission: str, place: str) -> bool:
        granted = self._granted.get(account, frozenset())
        # A grant on the project is valid for all resources in it.
        has = not granted.isdisjoint({(permission, place), (permission, "project")})
        gone = (self._revoked.get(name, frozenset()) for name in (account, EVERYBODY))
        return has and not any(permission in one for one in gone)

    def _violations(self, body: Mapping[str, Any]) -> list[str]:
        found = []
        for account, permissions in body.items():
            if account != EVERYBODY and account not in self._granted:
                found.append(f"{account}: there is no such account")
            elif not isinstance(permissions, list):
                found.append(f"{account}: must be a list of permissions")
            else:
                granted = self._granted if account == EVERYBODY else (account,)
                known = {one.permission for name in granted for one in self._granted[name]}
                unknown = [p for p in permissions if p not in known]
                found += [f"{account}: no grant has {permission}" for permission in unknown]
        return found
