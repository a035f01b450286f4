"""The Notebooks v2 operation of a call whose answer was lost, found again among all of its zone.

For what leaves no trace in the instance while it goes on. The API's list takes a filter that its
document doesn't describe, so the operations are filtered here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from shared.adapters.google_api.rest import Rest

Json = dict[str, Any]

_PAGE = "500"
_SKEW = timedelta(minutes=1)  # between our clock and Google's


def lost_operation(rest: Rest, name: str, verb: str, since: datetime) -> Json | None:
    """What ``verb`` of the instance ``name`` has come to, if it was begun at ``since`` or later.

    One that runs wins, then the newest; None when there is none.
    """
    found: list[tuple[bool, datetime, Json]] = []
    for operation, metadata in _operations_on(rest, name):
        begun = _moment(metadata.get("createTime"))
        if metadata.get("verb") == verb and begun is not None and begun >= since - _SKEW:
            found.append((not operation.get("done"), begun, operation))
    return max(found, key=lambda one: one[:2])[2] if found else None


def began_since(operation: Json, since: datetime | None) -> bool:
    """Whether ``operation`` was begun at ``since`` or later; True where that isn't known."""
    begun = _moment((operation.get("metadata") or {}).get("createTime"))
    return begun is None or since is None or begun >= since - _SKEW


def running_operation(rest: Rest, name: str) -> Json | None:
    """The newest operation at work on the instance ``name``, whoever began it; None if none is."""
    running = [
        (str(metadata.get("createTime")), operation)
        for operation, metadata in _operations_on(rest, name)
        if not operation.get("done")
    ]
    return max(running, key=itemgetter(0))[1] if running else None


def _operations_on(rest: Rest, name: str) -> Iterator[tuple[Json, Json]]:
    """The operations on the instance ``name``, each with its metadata."""
    parent, _, _ = name.rpartition("/instances/")
    for operation in _operations(rest, parent):
        metadata = operation.get("metadata") or {}
        if _place(metadata.get("target", "")) == _place(name):
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


def _place(name: str) -> str:
    """The name within its project, which may be written as an id or as a number."""
    return name.partition("/locations/")[2]


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
