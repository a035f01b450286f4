"""Sessions as data: what a new one consists of, how it changes state, how its operations look.

Pure: nothing here stores, locks or waits. It must not know requests or routes.
"""

from copy import deepcopy
from datetime import datetime
from typing import Any

from local.api.operations import Operation
from local.clock import timestamp
from local.dataproc.changes import TYPE

Json = dict[str, Any]

LIVE = ("CREATING", "ACTIVE")
ENDED = ("TERMINATED", "FAILED")

_CONFIGS = ("environmentConfig", "runtimeConfig")
_KINDS = ("jupyterSession", "sparkConnectSession")
# What the descriptions of ExecutionConfig promise a session that says nothing.
_LIFETIMES = {"idleTtl": "3600s", "ttl": "86400s"}


def with_template(body: Json, template: Json) -> Json:
    """A session's body filled up from its template; what the session itself says wins."""
    taken = ["labels", *_CONFIGS]
    if not any(kind in body for kind in _KINDS):
        taken += _KINDS
    else:  # of the two kinds a session has one, whichever the template was made for
        taken += [kind for kind in _KINDS if kind in body]
    return _filled_up(body, {key: template[key] for key in taken if key in template})


def born(name: str, body: Json, given: Json, now: datetime) -> Json:
    """A new session, being created. `given`: its uuid. Only its `user` says who asked for it."""
    place, session_id = name.split("/")[3], name.rsplit("/", 1)[1]
    own_labels = {
        "goog-dataproc-location": place,
        "goog-dataproc-session-id": session_id,
        "goog-dataproc-session-uuid": given["uuid"],
    }
    session = _filled_up(body, {"environmentConfig": {"executionConfig": _LIFETIMES}})
    if session.get("user"):
        session["creator"] = session["user"]
    session |= given | {"name": name, "createTime": timestamp(now), "runtimeInfo": {}}
    session["labels"] = session.get("labels", {}) | own_labels
    enter(session, "CREATING", now)
    return session


def enter(session: Json, state: str, now: datetime, message: str = "") -> None:
    """Let it be in `state` from `now` on; the state it was in becomes history."""
    if "state" in session:
        past = {"state": session["state"], "stateStartTime": session["stateTime"]}
        if "stateMessage" in session:
            past["stateMessage"] = session.pop("stateMessage")
        session.setdefault("stateHistory", []).append(past)
    session |= {"state": state, "stateTime": timestamp(now)}
    if message:
        session["stateMessage"] = message


def response(session: Json) -> Json:
    """What an operation on it answers when it succeeds."""
    return {"@type": TYPE + "Session", **deepcopy(session)}


def operation_metadata(operation: Operation, session: Json) -> Json:
    """google.cloud.dataproc.v1.SessionOperationMetadata."""
    metadata: Json = {
        "@type": TYPE + "SessionOperationMetadata",
        "session": session["name"],
        "sessionUuid": session["uuid"],
        "createTime": timestamp(operation.begun),
        "operationType": operation.verb.upper(),
        "description": f"{operation.verb.capitalize()} session",
        "labels": dict(session["labels"]),
    }
    if operation.done:
        metadata["doneTime"] = timestamp(operation.ends)
    return metadata


def _filled_up(body: Json, base: Json) -> Json:
    """`body` over `base`, object by object; a list or a value is replaced whole."""
    whole = deepcopy(base)
    for key, value in body.items():
        known = whole.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            whole[key] = _filled_up(value, known)
        else:
            whole[key] = deepcopy(value)
    return whole
