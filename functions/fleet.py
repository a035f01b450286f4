"""`fleet` (HTTP): who has what, in which state, and why; and the events that were refused.

Reads state only and calls no other API. Who may ask is the platform's to decide (Cloud Run IAM):
the function is deployed without public access.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import flask
import functions_framework
import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from functions.fleet_views import detail, never_opened, summary
from shared import logs
from shared.bootstrap import App, app
from shared.domain.environment import Environment, Phase
from shared.domain.names import person_key
from shared.ports import BadCursor

_ROUTES = Map(
    [
        Rule("/environments", endpoint="environments", methods=["GET"]),
        Rule("/environments/<email>", endpoint="environment", methods=["GET"]),
        Rule("/environments/<email>/leaving", endpoint="leaving", methods=["GET"]),
        Rule("/environments/<email>/leaving.html", endpoint="leaving_page", methods=["GET"]),
        Rule("/parked", endpoint="parked", methods=["GET"]),
    ]
)
_PAGE, _PAGE_MOST, _HISTORY = 100, 1000, 200


class Unanswerable(Exception):
    """The question has no answer; ``message`` says what to ask instead."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@functions_framework.http
def fleet(request: flask.Request) -> flask.Response:
    """Answer one GET in JSON; errors are JSON too and say what to ask instead."""
    parts = app()
    with logs.bound(trace=logs.trace_of(parts.settings.project, request.headers)):
        try:
            endpoint, values = _ROUTES.bind_to_environ(request.environ).match()
            if endpoint == "leaving_page":
                return _page(parts, request, **values)
            return _json(200, _VIEWS[endpoint](parts, request, **values))
        except BadCursor as error:
            return _json(400, {"error": f"cursor: {error}; send a next_cursor as it was given"})
        except Unanswerable as error:
            return _json(error.status, {"error": error.message})
        except HTTPException as error:
            ways = "GET " + ", ".join(
                re.sub("<email>", "EMAIL", r.rule) for r in _ROUTES.iter_rules()
            )
            message = f"{request.method} {request.path} is not answered here; there are {ways}"
            return _json(error.code or 500, {"error": message})


def _environments(parts: App, request: flask.Request) -> dict[str, Any]:
    limit, cursor = _paging(request, ("phase", "unopened_days"))
    phase, days = _phase(request.args.get("phase")), _days(request.args.get("unopened_days"))
    page = parts.store.page(limit, cursor, phase)
    found = page.items
    if days is not None:
        # A page may hold few of them, or none: next_cursor says whether there are more.
        since = parts.clock.now() - timedelta(days=days)
        found = tuple(e for e in found if never_opened(e, since))
    return {"environments": [summary(e) for e in found], "next_cursor": page.next}


def _environment(parts: App, request: flask.Request, email: str) -> dict[str, Any]:
    environment = _record(parts, request, email)
    history = parts.store.history(environment.key, _HISTORY)
    return detail(environment, history)


def _leaving(parts: App, request: flask.Request, email: str) -> dict[str, Any]:
    environment = _record(parts, request, email)
    return {
        "email": environment.person.email,
        "key": environment.key,
        "phase": environment.phase,
        "hold": environment.held,
        "leavings": environment.leavings[::-1],
    }


def _page(parts: App, request: flask.Request, email: str) -> flask.Response:
    from functions.leaving_page import HEADERS, leaving_page

    return flask.Response(leaving_page(_record(parts, request, email)), 200, HEADERS)


def _record(parts: App, request: flask.Request, email: str) -> Environment:
    _refuse_unknown(request, ())
    stored = parts.store.load(person_key(email.strip()))
    if stored is None:
        raise Unanswerable(
            404, f"no environment of {email}; see GET /parked if their event was refused"
        )
    environment: Environment = stored.environment
    return environment


def _parked(parts: App, request: flask.Request) -> dict[str, Any]:
    limit, cursor = _paging(request, ())
    page = parts.store.parked(limit, cursor)
    return {"parked": page.items, "next_cursor": page.next}


_VIEWS: dict[str, Callable[..., dict[str, Any]]] = {
    "environments": _environments,
    "environment": _environment,
    "leaving": _leaving,
    "parked": _parked,
}


def _refuse_unknown(request: flask.Request, known: tuple[str, ...]) -> None:
    unknown = sorted(set(request.args) - set(known))
    if unknown:
        ways = f"there are {', '.join(known)}" if known else "there are none here"
        raise Unanswerable(400, f"unknown parameter {unknown[0]!r}; {ways}")


def _paging(request: flask.Request, filters: tuple[str, ...]) -> tuple[int, str]:
    _refuse_unknown(request, ("limit", "cursor", *filters))
    text = request.args.get("limit", str(_PAGE))
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= _PAGE_MOST:
        raise Unanswerable(400, f"limit: {text[:20]!r} is not a number from 1 to {_PAGE_MOST}")
    return int(text), request.args.get("cursor", "")


def _phase(text: str | None) -> Phase | None:
    if text is None:
        return None
    try:
        return Phase(text)
    except ValueError:
        raise Unanswerable(400, f"phase: {text!r} is none of {', '.join(Phase)}") from None


def _days(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,4}", text):
        raise Unanswerable(400, f"unopened_days: {text[:20]!r} is not a number of days")
    return int(text)


def _json(status: int, body: dict[str, Any]) -> flask.Response:
    return flask.Response(msgspec.json.encode(body), status, content_type="application/json")
