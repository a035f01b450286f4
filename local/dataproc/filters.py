"""The `filter` parameter of Dataproc's list methods.

For clusters: `field = value` joined by AND. For sessions: expressions of
https://google.aip.dev/160, in which OR binds tighter than AND. What the parameter's description
doesn't allow is a 400; if it were ignored, the list would differ from Google's. It must not know
paging.
"""

import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.api.store import Filter
from local.errors import ApiError

Json = dict[str, Any]
_Compare = Callable[[str, str, str], Filter]  # field, operator, value

_TOKEN = re.compile(r'\s*("[^"]*"|[()]|[<>!]=|[=<>:]|[^\s"()=<>!:]+)')
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SESSION_STATES = ("CREATING", "ACTIVE", "TERMINATING", "TERMINATED", "FAILED")
_CLUSTER_STATES = {
    state: {state}
    for state in (
        "CREATING", "RUNNING", "ERROR", "DELETING", "UPDATING", "STOPPING", "STOPPED",
    )
} | {
    "ACTIVE": {"CREATING", "UPDATING", "RUNNING"},
    "INACTIVE": {"DELETING", "ERROR", "STOPPING", "STOPPED"},
}  # fmt: skip


def cluster_filter(text: str) -> Filter:
    """The filter of clusters.list: `status.state`, `clusterName`, `labels.KEY`, each with =."""
    return _Expression(text, _compare_cluster, boolean=False).read()


def session_filter(text: str) -> Filter:
    """The filter of sessions.list: state, session_id, session_uuid, create_time, labels.KEY."""
    return _Expression(text, _compare_session, boolean=True).read()


class _Expression:
    """Parses one filter from left to right; `boolean` allows OR and parentheses."""

    def __init__(self, text: str, compare: _Compare, *, boolean: bool) -> None:
        self._tokens = _tokens(text)
        self._compare = compare
        self._boolean = boolean

    def read(self) -> Filter:
        if not self._tokens:
            return lambda _: True
        whole = self._all()
        if self._tokens:
            raise _unreadable(self._tokens[0])
        return whole

    def _all(self) -> Filter:
        parts = [self._any()]
        while self._tokens and self._tokens[0] != ")":
            if self._next() in ("AND", "and"):  # AND is optional
                self._take()
            parts.append(self._any())
        return lambda resource: all(part(resource) for part in parts)

    def _any(self) -> Filter:
        parts = [self._term()]
        while self._boolean and self._next() in ("OR", "or"):
            self._take()
            parts.append(self._term())
        return lambda resource: any(part(resource) for part in parts)

    def _term(self) -> Filter:
        if self._boolean and self._next() == "(":
            self._take()
            inner = self._all()
            if self._take() != ")":
                raise _unreadable("(")
            return inner
        field, sign, value = self._take(), self._take(), self._take()
        if not re.fullmatch(r"[A-Za-z][\w.-]*", field) or value in ("(", ")"):
            raise _unreadable(f"{field} {sign} {value}")
        return self._compare(field, sign, value.strip('"'))

    def _next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self) -> str:
        if not self._tokens:
            raise ApiError.invalid("Invalid request", ["filter: ends too early"])
        return self._tokens.pop(0)


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while text[position:].strip():
        token = _TOKEN.match(text, position)
        if token is None:
            raise _unreadable(text[position:])
        tokens.append(token[1])
        position = token.end()
    return tokens


def _compare_cluster(field: str, sign: str, value: str) -> Filter:
    if sign != "=":
        raise ApiError.invalid("Invalid request", [f"filter: only = is supported, not {sign}"])
    if field == "clusterName":
        return lambda cluster: value in ("*", cluster["clusterName"])
    if field == "status.state":
        states = _CLUSTER_STATES.get(value)
        if states is None and value != "*":
            raise _unknown_state(value)
        return lambda cluster: states is None or cluster["status"]["state"] in states
    return _compare_label(field, sign, value)


def _compare_session(field: str, sign: str, value: str) -> Filter:
    if field == "create_time":
        return _compare_time(sign, value)
    if field == "state" and value not in _SESSION_STATES:
        raise _unknown_state(value)
    parts: dict[str, Callable[[Json], str]] = {
        "state": lambda session: session["state"],
        "session_id": lambda session: session["name"].rsplit("/", 1)[1],
        "session_uuid": lambda session: session["uuid"],
    }
    if field not in parts:
        return _compare_label(field, sign, value)
    if sign not in ("=", "!="):
        raise _no_such_comparison(field, sign)
    part, holds = parts[field], _OPERATORS[sign]
    return lambda session: holds(part(session), value)


def _compare_time(sign: str, value: str) -> Filter:
    try:
        wanted = datetime.fromisoformat(value)
    except ValueError:
        wanted = None
    if wanted is None or wanted.tzinfo is None:
        raise ApiError.invalid("Invalid request", [f'filter: "{value}" is not an RFC 3339 time'])
    holds = _OPERATORS.get(sign)
    if holds is None:
        raise _no_such_comparison("create_time", sign)
    return lambda session: holds(datetime.fromisoformat(session["createTime"]), wanted)


def _compare_label(field: str, sign: str, value: str) -> Filter:
    kind, _, key = field.partition(".")
    if kind != "labels" or not key or "." in key:
        raise ApiError.invalid("Invalid request", [f"filter: can't filter on {field}"])
    if sign not in ("=", "!=", ":"):
        raise _no_such_comparison(field, sign)

    def fits(resource: Json) -> bool:
        found = resource.get("labels", {}).get(key)
        return found is not None if value == "*" else bool(found == value)

    return (lambda resource: not fits(resource)) if sign == "!=" else fits


def _unreadable(text: str) -> ApiError:
    return ApiError.invalid("Invalid request", [f"filter: can't read {text!r}"])


def _unknown_state(value: str) -> ApiError:
    return ApiError.invalid("Invalid request", [f"filter: there is no state {value}"])


def _no_such_comparison(field: str, sign: str) -> ApiError:
    return ApiError.invalid("Invalid request", [f"filter: can't compare {field} by {sign}"])
