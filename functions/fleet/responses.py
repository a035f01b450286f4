"""The responses of `fleet`: JSON, HTML and errors, never cached.

JSON is indented for people and on one line for programs; the parameter ``pretty`` chooses. It ends
with a line break, so that a shell prompt starts on a new line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask
import msgspec
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from functions.fleet.queries import PRETTY

# State changes, and so does the permission to read it: nothing may be served from a cache.
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_HTML_HEADERS = _HEADERS | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"
}

# How the User-Agent of command-line clients and browsers starts ("Mozilla/" is sent by all
# browsers). A script in a browser asks for JSON in the Accept header.
_INTERACTIVE_AGENTS = ("mozilla/", "curl/", "wget/", "httpie/", "xh/")


def json_response(
    request: flask.Request, body: Mapping[str, Any], status: int = 200
) -> flask.Response:
    """``body`` as JSON, indented if ``request`` asks for that."""
    data = msgspec.json.encode(body)
    if _is_pretty(request):
        data = msgspec.json.format(data, indent=2)
    return flask.Response(data + b"\n", status, _HEADERS, content_type="application/json")


def html_response(html: str) -> flask.Response:
    """A page that may load and run nothing."""
    return flask.Response(html, 200, _HTML_HEADERS, content_type="text/html; charset=utf-8")


def error_response(request: flask.Request, error: HTTPException) -> flask.Response:
    """The status of ``error``, and its description as the field ``error``."""
    response = json_response(request, {"error": error.description}, error.code or 500)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.valid_methods or ())
    return response


def _is_pretty(request: flask.Request) -> bool:
    chosen = PRETTY.get(request.args.get("pretty", "absent"))
    if chosen is not None:
        return chosen
    agent = request.headers.get("User-Agent", "").lower()
    accept = request.headers.get("Accept", "").lower()
    return agent.startswith(_INTERACTIVE_AGENTS) and "application/json" not in accept
