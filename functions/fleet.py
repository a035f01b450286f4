"""`fleet` (HTTP): who has what, in which state, and why; and the events that were refused.

Reads state only and calls no other API. Who may ask is the platform's to decide (Cloud Run IAM):
the function is deployed without public access.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import flask
import functions_framework

from functions.fleet_answers import HEADERS, json_answer, refuse_bad_form
from functions.fleet_questions import (
    Question,
    Unanswerable,
    View,
    days_of,
    no_environment_of,
    nothing_at,
    paging,
    phase_of,
    question_of,
    refuse_unknown,
)
from functions.fleet_views import detail, holds, never_opened, summary
from shared import logs
from shared.bootstrap import App, app
from shared.domain.environment import Environment
from shared.domain.identity import owner_of
from shared.ports import BadCursor

_HISTORY = 200

log = logging.getLogger(__name__)


@functions_framework.http
def fleet(request: flask.Request) -> flask.Response:
    """Answer one GET in JSON; errors are JSON too and say what to ask instead."""
    try:
        parts = app()
        with logs.bound(trace=logs.trace_of(parts.settings.project, request.headers)):
            return _answer(parts, request)
    except Exception:
        log.exception("no answer could be given", extra={"action": "fleet.failed"})
        message = "the answer could not be worked out; the log of fleet says why"
        return json_answer(request, 500, {"error": message})


def framework_404(_: Exception) -> flask.Response:
    """What the framework answers itself (/favicon.ico and /robots.txt, in HTML), as ours are."""
    message = nothing_at(flask.request.path).message
    return json_answer(flask.request, 404, {"error": message})


def _answer(parts: App, request: flask.Request) -> flask.Response:
    try:
        asked = question_of(request.method, request.path)
        refuse_bad_form(request)
        if asked.view is View.LEAVING_PAGE:
            return _page(parts, request, asked)
        return json_answer(request, 200, _VIEWS[asked.view](parts, request, asked))
    except BadCursor as error:
        message = f"cursor: {error}; send a next_cursor as it was given"
        return json_answer(request, 400, {"error": message})
    except Unanswerable as error:
        allowed = {"Allow": "GET, HEAD"} if error.status == 405 else {}
        return json_answer(request, error.status, {"error": error.message}, **allowed)


def _environments(parts: App, request: flask.Request, _: Question) -> dict[str, Any]:
    limit, cursor = paging(request, "phase", "unopened_days")
    phase = phase_of(request.args.get("phase"))
    days = days_of(request.args.get("unopened_days"))
    page = parts.store.page(limit, cursor, phase)
    found = page.items
    if days is not None:
        # A page may hold few of them, or none: next_cursor says whether there are more.
        since = parts.clock.now() - timedelta(days=days)
        found = tuple(e for e in found if never_opened(e, since))
    return {"environments": [summary(e) for e in found], "next_cursor": page.next}


def _environment(parts: App, request: flask.Request, asked: Question) -> dict[str, Any]:
    environment = _record(parts, request, asked)
    history = parts.store.history(environment.key, _HISTORY)
    return detail(environment, history)


def _leaving(parts: App, request: flask.Request, asked: Question) -> dict[str, Any]:
    environment = _record(parts, request, asked)
    return {
        "email": environment.person.email,
        "key": environment.key,
        "phase": environment.phase,
        "holds": holds(environment),
        "leavings": environment.leavings[::-1],
    }


def _page(parts: App, request: flask.Request, asked: Question) -> flask.Response:
    from functions.leaving_page import PAGE_HEADERS, leaving_page

    page = leaving_page(_record(parts, request, asked))
    return flask.Response(page, 200, HEADERS | PAGE_HEADERS)


def _record(parts: App, request: flask.Request, asked: Question) -> Environment:
    refuse_unknown(request)
    environment: Environment | None
    if asked.key:
        stored = parts.store.load(asked.key)
        environment = stored.environment if stored is not None else None
    else:
        found = [stored.environment for stored in parts.store.find((asked.email,))]
        environment = owner_of(asked.email, found, parts.clock.now())
    if environment is None:
        raise no_environment_of(asked.key or asked.email)
    return environment


def _parked(parts: App, request: flask.Request, _: Question) -> dict[str, Any]:
    limit, cursor = paging(request)
    page = parts.store.parked(limit, cursor)
    return {"parked": page.items, "next_cursor": page.next}


_VIEWS: dict[View, Callable[[App, flask.Request, Question], dict[str, Any]]] = {
    View.ENVIRONMENTS: _environments,
    View.ENVIRONMENT: _environment,
    View.LEAVING: _leaving,
    View.PARKED: _parked,
}
