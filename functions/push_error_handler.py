"""Error handler for Pub/Sub pushes that functions-framework rejects.

A push subscription sends Pub/Sub's envelope. functions-framework 3.10.2 (``event_conversion.py``)
converts it to a CloudEvent only if the message has data; a message that has only attributes gets
400. Pub/Sub would then repeat it until it is dead-lettered, without a reason that anybody can read.
This handler makes the same CloudEvent and calls the function, which parks the message.

Knows the envelope and the framework's errors; ``pubsub_message.py`` checks the message itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import flask
import msgspec
from cloudevents.http import CloudEvent
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from shared import logs
from shared.bootstrap import app

# 400: the framework cannot read the body. 415: its content type is not JSON.
FRAMEWORK_ERRORS = (400, 415)
_EVENT_TYPE = "google.cloud.pubsub.topic.v1.messagePublished"
_TOPIC = re.compile(r"projects/[^/?]+/topics/[^/?]+")

log = logging.getLogger(__name__)


class NotAPush(Exception):
    """The request body is not a Pub/Sub push; the text says why."""


def push_error_handler(
    functions: Mapping[str, Callable[[CloudEvent], object]],
) -> Callable[[HTTPException], Response | HTTPException]:
    """A Flask error handler for ``FRAMEWORK_ERRORS``; ``functions``: the Pub/Sub functions by name.

    Responds 200 after the function has returned, and 400 with one line of text if the body is not
    a push. Errors of other functions are returned unchanged. An exception of the function becomes
    a 500 of the framework.
    """

    def handle(error: HTTPException) -> Response | HTTPException:
        function = functions.get(flask.current_app.name)
        if function is None:
            return error
        try:
            event = _to_cloud_event(flask.request)
        except NotAPush as reason:
            return _bad_request(str(reason))
        function(event)
        return flask.Response("OK", 200, mimetype="text/plain")

    return handle


def _bad_request(reason: str) -> Response:
    trace = logs.trace_of(app().settings.project, flask.request.headers)
    with logs.bound(trace=trace):
        log.warning(reason, extra={"action": "push.refused"})
    return flask.Response(f"{reason}\n", 400, mimetype="text/plain")


def _to_cloud_event(request: flask.Request) -> CloudEvent:
    """The CloudEvent that the framework makes of a push with data; raises ``NotAPush``."""
    message = _parse_envelope(request.get_data())
    topic = _TOPIC.search(request.path)
    attributes = {
        "id": message["messageId"],
        "source": f"//pubsub.googleapis.com/{topic.group(0) if topic else ''}",
        "type": _EVENT_TYPE,
    }
    return CloudEvent(attributes, {"message": message})


def _parse_envelope(body: bytes) -> dict[str, Any]:
    """The message in a push; raises ``NotAPush``."""
    if not body:
        raise NotAPush("the body is empty; the body of a Pub/Sub push is a JSON object")
    try:
        envelope = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotAPush(
            f"the body is not JSON ({error}); the body of a Pub/Sub push is a JSON object"
        ) from None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("subscription"), str):
        raise NotAPush("the body has no 'subscription'; every Pub/Sub push has one")
    message = envelope.get("message")
    if not isinstance(message, dict):
        raise NotAPush("'message' is not an object; it is one in every Pub/Sub push")
    if not isinstance(message.get("messageId"), str) or not message["messageId"]:
        raise NotAPush("'message' has no 'messageId'; every Pub/Sub message has one")
    return message
