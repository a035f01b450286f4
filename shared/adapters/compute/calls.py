"""Calls shared by the drivers of Compute Engine resources, over its v1 API in REST.

Resources and operations are named by their paths below the API's root, ``projects/P/…``. It must
not know any kind of resource.
"""

from __future__ import annotations

from typing import Any

from shared.adapters.google_api.errors import Symptom
from shared.adapters.google_api.fault_table import fault_of
from shared.adapters.google_api.rest import Rest
from shared.domain.faults import CloudFault
from shared.domain.resources import Observation, State

Json = dict[str, Any]

ROOT = "compute/v1"


def found(rest: Rest, path: str) -> Json | None:
    """What is at ``path``, a resource or an operation; None when there is nothing (any more)."""
    try:
        return rest.get(f"{ROOT}/{path}")
    except CloudFault as fault:
        if fault.code != "NOT_FOUND":
            raise
        return None


def begun(operation: Json, scope: str, state: State) -> Observation:
    """The result of a step whose operation runs in ``scope``, global or a zone."""
    name = operation.get("name")
    if not isinstance(name, str) or not name:
        symptom = Symptom(status="NO_ANSWER", message="an answer that names no operation")
        raise fault_of(symptom, changes=True)
    return Observation(state=state, operation=f"{scope}/operations/{name}")


def path_of(link: str) -> str:
    """``https://www.googleapis.com/compute/v1/projects/…`` as ``projects/…``, as we write it."""
    _, is_link, rest = link.partition("projects/")
    return f"{is_link}{rest}" if is_link else link
