"""Admin methods that show what each account may do, and take permissions away."""

from __future__ import annotations

from typing import Any

from local.api.admin import Lever
from local.api.http import Incoming
from local.iam.accounts import Accounts

_PATH = "/permissions"


def permission_levers(accounts: Accounts) -> list[Lever]:
    """GET and PUT ``/_admin/permissions``."""

    def show(_: Incoming) -> dict[str, Any]:
        return accounts.to_json()

    def revoke(incoming: Incoming) -> dict[str, Any]:
        accounts.revoke(incoming.json())
        return accounts.to_json()

    say = 'replace what is revoked: {"converge": ["notebooks.instances.create"]}, "*" for all'
    return [
        Lever("GET", _PATH, "what each account may do, and what was revoked", show),
        Lever("PUT", _PATH, say, revoke),
    ]
