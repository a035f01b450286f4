"""`fleet` (HTTP): the environments, and the events that were rejected or changed nothing.

Reads the store and calls no other API. Access is controlled by Cloud Run IAM: the function is
deployed without public access.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import flask
import functions_framework
from msgspec.structs import replace
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError

from functions.fleet.counts import counts
from functions.fleet.offboarding_page import offboarding_page
from functions.fleet.queries import (
    FILTERS,
    check_parameters,
    check_pretty,
    never_opened,
    parse_choice,
    parse_days,
    parse_filter,
    parse_page,
    parse_unopened_days,
)
from functions.fleet.responses import error_response, html_response, json_response
from functions.fleet.routes import Route, RouteMatch, match_route, no_environment, no_route
from functions.fleet.views import detail, leaving_records, summary, without_effect
from shared import logs
from shared.bootstrap import App, app
from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.names import key_in
from shared.domain.people.address_owners import present_owner
from shared.ports import BadCursor

_HISTORY_LIMIT = 200

log = logging.getLogger(__name__)


@functions_framework.http
def fleet(request: flask.Request) -> flask.Response:
    """Respond to one GET request; an error is JSON with one field, ``error``."""
    application = app()
    with logs.bound(trace=logs.trace_of(application.settings.project, request.headers)):
        try:
            match = match_route(request.method, request.path)
            check_pretty(request.args)
            return _HANDLERS[match.route](application, request, match)
        except BadCursor as error:
            reason = f"cursor: {error}; send the next_cursor of the previous page unchanged"
            return error_response(request, BadRequest(reason))
        except HTTPException as error:
            return error_response(request, error)
        except Exception:
            log.exception("the request failed", extra={"action": "fleet.failed"})
            reason = "internal error; the log of fleet says why (action fleet.failed)"
            return error_response(request, InternalServerError(reason))


def fleet_not_found(_: Exception) -> flask.Response:
    """Error handler for 404: the framework responds to /favicon.ico and /robots.txt in HTML."""
    return error_response(flask.request, no_route(flask.request.path))


def _environments(application: App, request: flask.Request, _: RouteMatch) -> flask.Response:
    limit, cursor = parse_page(request.args, *FILTERS, "unopened_days")
    only = parse_filter(request.args)
    days = parse_unopened_days(request.args.get("unopened_days"))
    page = application.store.page(limit, cursor, only)
    found = page.items
    if days is not None:
        # The store cannot filter by days, so a page may be short or empty before the last one.
        since = application.clock.now() - timedelta(days=days)
        found = tuple(e for e in found if never_opened(e, since))
    shown = [summary(_with_survivor(application, e)) for e in found]
    return json_response(request, {"environments": shown, "next_cursor": page.next})


def _environment(application: App, request: flask.Request, match: RouteMatch) -> flask.Response:
    environment = _load(application, request, match)
    history = application.store.history(environment.key, _HISTORY_LIMIT)
    return json_response(request, detail(environment, history))


def _leaving(application: App, request: flask.Request, match: RouteMatch) -> flask.Response:
    environment = _load(application, request, match)
    return json_response(request, leaving_records(environment))


def _leaving_page(application: App, request: flask.Request, match: RouteMatch) -> flask.Response:
    return html_response(offboarding_page(_load(application, request, match)))


def _parked(application: App, request: flask.Request, _: RouteMatch) -> flask.Response:
    limit, cursor = parse_page(request.args)
    page = application.store.parked(limit, cursor)
    return json_response(request, {"parked": page.items, "next_cursor": page.next})


def _counts(application: App, request: flask.Request, _: RouteMatch) -> flask.Response:
    check_parameters(request.args, *FILTERS, "days")
    only, days = parse_filter(request.args), parse_days(request.args)
    now = application.clock.now()
    return json_response(request, counts(application.store, only, now, days))


def _unchanged(application: App, request: flask.Request, _: RouteMatch) -> flask.Response:
    limit, cursor = parse_page(request.args, "verb")
    verb = parse_choice(request.args, "verb", Verb)
    page = application.store.unchanged(limit, cursor, verb)
    shown = [without_effect(each) for each in page.items]
    return json_response(request, {"unchanged": shown, "next_cursor": page.next})


def _load(application: App, request: flask.Request, match: RouteMatch) -> Environment:
    check_parameters(request.args)
    environment: Environment | None
    if match.key:
        stored = application.store.load(match.key)
        if stored is None and (key := key_in(match.key)):
            stored = application.store.load(key)
        environment = stored.environment if stored is not None else None
    else:
        found = [stored.environment for stored in application.store.find((match.email,))]
        environment = present_owner(match.email, found, application.clock.now())
    if environment is None:
        raise no_environment(match.key or match.email)
    return _with_survivor(application, environment)


def _with_survivor(application: App, environment: Environment) -> Environment:
    """``environment``; merged, with the key of the record that is the person's now.

    That record may have been merged into another one since.
    """
    key = environment.merged_into
    while key:
        environment = replace(environment, merged_into=key)
        stored = application.store.load(key)
        key = stored.environment.merged_into if stored is not None else ""
    return environment


_HANDLERS: dict[Route, Callable[[App, flask.Request, RouteMatch], flask.Response]] = {
    Route.ENVIRONMENTS: _environments,
    Route.ENVIRONMENT: _environment,
    Route.LEAVING: _leaving,
    Route.LEAVING_PAGE: _leaving_page,
    Route.COUNTS: _counts,
    Route.PARKED: _parked,
    Route.UNCHANGED: _unchanged,
}
