"""The JSON of sessions and of their operations, and changes of a session's state.

Pure functions. It must not know storage, requests or routes.
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
# Defaults, by the descriptions of ExecutionConfig.
_LIFETIMES = {"idleTtl": "3600s", "ttl": "86400s"}


def with_template(body: Json, template: Json) -> Json:
    """A session's body with defaults from its template."""
    fields = ["labels", *_CONFIGS]
    if not any(kind in body for kind in _KINDS):
        fields += _KINDS
    else:  # a session has one of the two kinds; its own replaces the template's
        fields += [kind for kind in _KINDS if kind in body]
    return _merged(body, {key: template[key] for key in fields if key in template})


def new_session(name: str, body: Json, given: Json, now: datetime) -> Json:
    """A new session in state CREATING. `given`: {"uuid": …}. Its creator is its `user`, if any."""
    place, session_id = name.split("/")[3], name.rsplit("/", 1)[1]
    own_labels = {
        "goog-dataproc-location": place,
        "goog-dataproc-session-id": session_id,
        "goog-dataproc-session-uuid": given["uuid"],
    }
    session = _merged(body, {"environmentConfig": {"executionConfig": _LIFETIMES}})
    if session.get("user"):
        session["creator"] = session["user"]
    session |= given | {"name": name, "createTime": timestamp(now), "runtimeInfo": {}}
    session["labels"] = session.get("labels", {}) | own_labels
    enter(session, "CREATING", now)
    return session


def enter(session: Json, state: str, now: datetime, message: str = "") -> None:
    """Set `state`; the previous state goes to the history."""
    if "state" in session:
        past = {"state": session["state"], "stateStartTime": session["stateTime"]}
        if "stateMessage" in session:
            past["stateMessage"] = session.pop("stateMessage")
        session.setdefault("stateHistory", []).append(past)
    session |= {"state": state, "stateTime": timestamp(now)}
    if message:
        session["stateMessage"] = message


def response(session: Json) -> Json:
    """The response of a successful operation on it."""
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


def _merged(body: Json, base: Json) -> Json:
    """`base` updated with `body`; objects are merged, lists and values are replaced."""
    whole = deepcopy(base)
    for key, value in body.items():
        known = whole.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            whole[key] = _merged(value, known)
        else:
            whole[key] = deepcopy(value)
    return whole
