"""The service accounts of one cloud: what each may do, what was taken away, what it has needed.

Every request is checked here, by the needs in `permissions` and the grants it was given. The owner
may do everything. It must not know which functions or roles there are.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from local.errors import ApiError
from local.iam.callers import OWNER
from local.iam.needs import Needs
from local.iam.permissions import When, needed, place_of
from local.stack.deployment import Permitted

EVERYBODY = "*"


class Accounts:
    """Known by short names, which are those of the functions."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._granted: dict[str, frozenset[Permitted]] = {}
        self._places: dict[str, str] = {}
        self._revoked: dict[str, frozenset[str]] = {}
        self.needs = Needs(None)  # where what each of them needs is noted

    def grant(
        self, account: str, permitted: Iterable[Permitted], places: Mapping[str, str]
    ) -> None:
        """Let an account do what is ``permitted`` and nothing else.

        ``places``: how grants call what requests name, such as {"bucket/demo-t": "templates"}.
        """
        with self._lock:
            self._granted[account] = frozenset(permitted)
            self._places = {**self._places, **places}

    def email(self, account: str) -> str:
        """The address of an account, as it would be in a project."""
        return f"{account}@{self._project}.iam.gserviceaccount.com"

    def lacking(
        self, account: str, method: str, target: str, conditions: Collection[When]
    ) -> str | None:
        """The first permission that ``account`` lacks for this call; what it needs is noted."""
        if account == OWNER:
            return None
        place = self._place(method, target)
        wanted = needed(method, conditions)
        for permission in wanted:
            self.needs.note(account, permission, place)
        return next((p for p in wanted if not self._may(account, p, place)), None)

    def revoke(self, body: Mapping[str, Any]) -> None:
        """Take permissions away: {"converge": ["notebooks.instances.create"]}, "*" for all.

        Replaces what was revoked before. ``ApiError`` for an account there isn't, or a permission
        that none of its grants has.
        """
        with self._lock:
            violations = self._violations(body)
            if violations:
                raise ApiError.invalid("Invalid revocations: " + "; ".join(violations), violations)
            self._revoked = {account: frozenset(gone) for account, gone in body.items()}

    def to_json(self) -> dict[str, Any]:
        """The grants in force and what was revoked, by account."""
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
        # What is granted on the project holds for everything in it.
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
