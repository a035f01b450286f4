"""What the drivers of Compute Engine resources share: the v1 API over REST.

Resources and operations are named by their paths below the API's root, ``projects/P/…``. It must
not know any kind of resource.
"""

from __future__ import annotations

from typing import Any

from shared.adapters.google_api.errors import ApiError
from shared.adapters.google_api.fault_table import fault_of
from shared.adapters.google_api.rest import Rest
from shared.domain.faults import CloudFault
from shared.domain.resources.kinds import State
from shared.domain.resources.observation import Observation

Json = dict[str, Any]

ROOT = "compute/v1"


def get_or_none(rest: Rest, path: str) -> Json | None:
    """The resource or operation at ``path``; None if it does not exist."""
    try:
        return rest.get(f"{ROOT}/{path}")
    except CloudFault as fault:
        if fault.code != "NOT_FOUND":
            raise
        return None


def started(operation: Json, scope: str, state: State) -> Observation:
    """The observation after a call that started ``operation`` in ``scope`` (global or a zone)."""
    name = operation.get("name")
    if not isinstance(name, str) or not name:
        error = ApiError(status="NO_ANSWER", message="an answer that names no operation")
        raise fault_of(error, changes=True)
    return Observation(state=state, operation=f"{scope}/operations/{name}")


def path_of(link: str) -> str:
    """``https://www.googleapis.com/compute/v1/projects/…`` as ``projects/…``, as we write it."""
    _, is_link, rest = link.partition("projects/")
    return f"{is_link}{rest}" if is_link else link
