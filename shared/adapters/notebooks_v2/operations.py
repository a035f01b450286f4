"""Finds Notebooks v2 operations on an instance in the operations of its zone.

Needed after a call whose answer was lost, when the instance does not show the change in progress.
The API's list has a filter parameter without documented syntax, so the filter is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from shared.adapters.google_api.rest import Rest
from shared.adapters.google_api.timestamps import parsed_time
from shared.domain.resources.kinds import Step
from shared.domain.resources.resource import Resource

Json = dict[str, Any]

_PAGE = "500"
_SKEW = timedelta(minutes=1)  # the largest difference between our clock and Google's


def latest_operation(rest: Rest, name: str, verb: str, since: datetime) -> Json | None:
    """The operation ``verb`` on the instance ``name`` that was started at ``since`` or later.

    Of several, one that is in progress, else the newest; None if there is none.
    """
    found: list[tuple[bool, datetime, Json]] = []
    for operation, metadata in _operations_on(rest, name):
        created = parsed_time(metadata.get("createTime"))
        if metadata.get("verb") == verb and created is not None and created >= since - _SKEW:
            found.append((not operation.get("done"), created, operation))
    return max(found, key=itemgetter(0, 1))[2] if found else None


def started_since(operation: Json, since: datetime | None) -> bool:
    """Whether ``operation`` was started at ``since`` or later; True if that is unknown."""
    created = parsed_time((operation.get("metadata") or {}).get("createTime"))
    return created is None or since is None or created >= since - _SKEW


def running_operation(rest: Rest, name: str) -> Json | None:
    """The newest operation in progress on the instance ``name``, whoever started it, or None."""
    running = [
        (str(metadata.get("createTime")), operation)
        for operation, metadata in _operations_on(rest, name)
        if not operation.get("done")
    ]
    return max(running, key=itemgetter(0))[1] if running else None


def may_be_running(resource: Resource) -> bool:
    """Whether a call whose answer was lost may be in progress without showing in the instance."""
    lost = [call.step for call in resource.unconfirmed]
    if resource.step is not None:
        lost.append(resource.step)
    return any(step.is_hidden for step in lost) or (
        # A deletion by us that is still in progress, rather than one by somebody else.
        resource.step is None and Step.DELETE in lost
    )


def _operations_on(rest: Rest, name: str) -> Iterator[tuple[Json, Json]]:
    """The operations on the instance ``name``, each with its metadata."""
    parent, _, _ = name.rpartition("/instances/")
    for operation in _operations(rest, parent):
        metadata = operation.get("metadata") or {}
        if _path_in_project(metadata.get("target", "")) == _path_in_project(name):
            yield operation, metadata


def _operations(rest: Rest, parent: str) -> Iterator[Json]:
    token = ""
    while True:
        more = {"pageToken": token} if token else {}
        page = rest.get(f"v2/{parent}/operations", pageSize=_PAGE, **more)
        yield from page.get("operations", [])
        token = page.get("nextPageToken", "")
        if not token:
            return


def _path_in_project(name: str) -> str:
    """The name without its project, which is given as an id or as a number."""
    return name.partition("/locations/")[2]
