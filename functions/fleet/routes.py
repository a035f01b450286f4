"""The routes of `fleet`: which route a path matches, and which person it names.

The framework passes every path to the function. An e-mail address may contain slashes, and WSGI
has decoded ``%2F`` already; but none follows its ``@``, so the last ``@`` in the path belongs to
the address. Instead of an address the path may contain the key of the person's environment, or the
id of one of their resources, as a bill shows it.

Must not know query parameters or stored environments.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec
from werkzeug.exceptions import MethodNotAllowed, NotFound

from shared.domain.names import PERSON_KEY, key_in

_METHODS = ("GET", "HEAD")
_QUOTE_LIMIT = 80  # characters of the request that an error message repeats


class Route(StrEnum):
    """The routes, as error messages and the documentation write them."""

    ENVIRONMENTS = "/environments"
    ENVIRONMENT = "/environments/EMAIL"
    LEAVING = "/environments/EMAIL/leaving"
    LEAVING_PAGE = "/environments/EMAIL/leaving.html"
    COUNTS = "/counts"
    PARKED = "/parked"
    UNCHANGED = "/unchanged"


ROUTES = "GET " + ", ".join(Route)
_OF_ALL = (Route.ENVIRONMENTS, Route.COUNTS, Route.PARKED, Route.UNCHANGED)
_SUFFIXES = {"": Route.ENVIRONMENT, "leaving": Route.LEAVING, "leaving.html": Route.LEAVING_PAGE}


class RouteMatch(msgspec.Struct, frozen=True):
    """A route with the person it names: ``email`` in lower case, or ``key``; '' if none.

    ``key`` may be the id of a resource (``key_in``).
    """

    route: Route
    email: str = ""
    key: str = ""


def match_route(method: str, path: str) -> RouteMatch:
    """The route of a request, ``path`` decoded; raises ``MethodNotAllowed`` or ``NotFound``."""
    if method not in _METHODS:
        reason = (
            f"{method} is not allowed: fleet is read-only, changes are published as events; "
            f"routes: {ROUTES}"
        )
        raise MethodNotAllowed(_METHODS, reason)
    trimmed = path.removesuffix("/")
    if trimmed in _OF_ALL:
        return RouteMatch(Route(trimmed))
    if trimmed.startswith(Route.ENVIRONMENTS + "/"):
        return _match_person(trimmed.removeprefix(Route.ENVIRONMENTS + "/"), path)
    raise no_route(path)


def _match_person(rest: str, path: str) -> RouteMatch:
    local, at, after = rest.rpartition("@")
    if not at:
        return _match_key(rest, path)
    domain, _, suffix = after.partition("/")
    if suffix not in _SUFFIXES:
        raise no_route(path)
    address = f"{local}@{domain}".strip()
    # Lower-cased like the address of an event: only if it is ASCII.
    return RouteMatch(_SUFFIXES[suffix], address.lower() if address.isascii() else address)


def _match_key(rest: str, path: str) -> RouteMatch:
    key, _, suffix = rest.partition("/")
    if not re.fullmatch(PERSON_KEY, key) and not key_in(key):
        raise NotFound(
            f"no environment for {shorten(rest)}: this is neither an e-mail address (name@domain) "
            "nor a key (such as ana-rzb4un3qciuo) nor the id of a resource (such as "
            "nb-ana-rzb4un3qciuo); GET /environments lists all environments "
            f"(routes: {ROUTES})"
        )
    if suffix not in _SUFFIXES:
        raise no_route(path)
    return RouteMatch(_SUFFIXES[suffix], key=key)


def no_environment(person: str) -> NotFound:
    """The error for an address or key that has no environment."""
    return NotFound(
        f"no environment for {shorten(person)}; GET /environments lists all environments, "
        f"GET /parked the rejected events (routes: {ROUTES})"
    )


def no_route(path: str) -> NotFound:
    """The error for a path that matches no route."""
    return NotFound(f"no route matches {shorten(path)}; routes: {ROUTES}")


def shorten(text: str) -> str:
    """Text of the request, short enough for an error message."""
    return text if len(text) <= _QUOTE_LIMIT else text[: _QUOTE_LIMIT - 3] + "..."
