"""Pushes that functions-framework can't read: delivered to their function all the same.

A push subscription sends Pub/Sub's envelope. functions-framework 3.10.2 (``event_conversion.py``)
makes a CloudEvent of it only if the message has data, and answers 400 to a message of attributes
only. Pub/Sub would repeat such a message until it is a dead letter, and nobody would read why. Here
it becomes the same CloudEvent, so that the function parks it with its reason.

Knows the envelope and the framework's answers; what is wrong with a message is said in
``messages.py``.
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

# What the framework answers to a body that it can't read, or that isn't declared to be JSON.
STATUSES = (400, 415)
_TYPE = "google.cloud.pubsub.topic.v1.messagePublished"
_TOPIC = re.compile(r"projects/[^/?]+/topics/[^/?]+")

log = logging.getLogger(__name__)


class NotAPush(Exception):
    """The body is not what a push subscription sends; the text says why."""


def unreadable_push(
    functions: Mapping[str, Callable[[Any], object]],
) -> Callable[[HTTPException], Response | HTTPException]:
    """The error handler for ``STATUSES``, with the functions that get pushes, by entry point.

    It answers 200 once the function has taken the message, so that Pub/Sub doesn't repeat it, and
    400 in one line of text to what is no push. Errors of other entry points pass through it, and
    what the function raises is answered 500 by the framework.
    """

    def handle(error: HTTPException) -> Response | HTTPException:
        function = functions.get(flask.current_app.name)
        if function is None:
            return error
        try:
            event = _event_of(flask.request)
        except NotAPush as wrong:
            return _refused(wrong)
        function(event)
        return flask.Response("OK", 200, mimetype="text/plain")

    return handle


def _refused(wrong: NotAPush) -> Response:
    trace = logs.trace_of(app().settings.project, flask.request.headers)
    with logs.bound(trace=trace):
        log.warning(str(wrong), extra={"action": "push.refused"})
    return flask.Response(f"{wrong}\n", 400, mimetype="text/plain")


def _event_of(request: flask.Request) -> CloudEvent:
    """The CloudEvent that the framework makes of a push with data; raises ``NotAPush``."""
    message = _message_in(request.get_data())
    topic = _TOPIC.search(request.path)
    attributes = {
        "id": message["messageId"],
        "source": f"//pubsub.googleapis.com/{topic.group(0) if topic else ''}",
        "type": _TYPE,
    }
    return CloudEvent(attributes, {"message": message})


def _message_in(body: bytes) -> dict[str, Any]:
    if not body:
        raise NotAPush("the body is empty; a Pub/Sub push has a JSON object")
    try:
        envelope = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotAPush(f"the body is not JSON ({error}); a Pub/Sub push is a JSON object") from None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("subscription"), str):
        raise NotAPush("the body has no 'subscription'; a Pub/Sub push names its own")
    message = envelope.get("message")
    if not isinstance(message, dict):
        raise NotAPush("'message' is not an object; a Pub/Sub push has one with a 'messageId'")
    if not isinstance(message.get("messageId"), str) or not message["messageId"]:
        raise NotAPush("'message' has no 'messageId'; Pub/Sub gives one to every message")
    return message
