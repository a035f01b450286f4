"""The form of `fleet`'s answers: JSON for a person or for a program, never cached.

A person at a terminal or in a browser gets it indented, a program in one line; ``pretty`` asks for
either. Every answer ends with a line break, so that a shell's prompt stands on a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask
import msgspec

from functions.fleet_questions import Unanswerable

# Answers are not cached, since they change, and so may the permission to see them.
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

# The beginnings of the User-Agents of programs in which people read answers; all browsers send the
# first. A request that asks for JSON by name comes from a program, even in a browser.
_PEOPLE = ("mozilla/", "curl/", "wget/", "httpie/", "xh/")
_SWITCH = {"": True, "1": True, "true": True, "0": False, "false": False}


def json_answer(
    request: flask.Request, status: int, body: Mapping[str, Any], **headers: str
) -> flask.Response:
    """``body`` as JSON, in the form the request asks for."""
    data = msgspec.json.encode(body)
    if _is_pretty(request):
        data = msgspec.json.format(data, indent=2)
    return flask.Response(data + b"\n", status, HEADERS | headers, content_type="application/json")


def refuse_bad_form(request: flask.Request) -> None:
    """The value of ``pretty``; ``Unanswerable`` if it is not allowed."""
    text = request.args.get("pretty")
    if text is not None and text not in _SWITCH:
        raise Unanswerable(400, f"pretty: {text[:20]!r} is neither 1 nor 0")


def _is_pretty(request: flask.Request) -> bool:
    asked = _SWITCH.get(request.args.get("pretty", "unsaid"))
    if asked is not None:
        return asked
    by_name = "application/json" in request.headers.get("Accept", "").lower()
    return request.headers.get("User-Agent", "").lower().startswith(_PEOPLE) and not by_name
