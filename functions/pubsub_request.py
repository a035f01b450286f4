"""The request of every Pub/Sub function: parse it, bind the log fields, decide acknowledgement.

The only place where the result of a message becomes an HTTP status. Must not know what any of the
functions does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import flask
from cloudevents.http import CloudEvent

from functions.pubsub_message import parse_message
from shared import logs
from shared.bootstrap import App, app
from shared.domain.contracts.event_parsing import Message
from shared.domain.contracts.inbound_events import Shape, read_typed
from shared.domain.contracts.rejections import Rejected, RejectionCode


@contextmanager
def pubsub_request(event: CloudEvent, *, topic: str) -> Iterator[tuple[App, Message]]:
    """Yield the application and the message; ``topic`` is used if the event names none.

    ``Rejected`` raised inside parks the message. The response is then 200, which acknowledges the
    message. After any other exception the response is 500, and Pub/Sub delivers it again.
    """
    application = app()
    message = parse_message(event, default_topic=topic, now=application.clock.now())
    trace = logs.trace_of(application.settings.project, flask.request.headers)
    with logs.bound(trace=trace, message_id=message.id, topic=message.topic):
        try:
            yield application, message
        except Rejected as refused:
            application.parking.park(message, refused)
        except Exception as error:
            # The framework logs the traceback later, without the fields that are bound here.
            error.add_note(f"Pub/Sub message {message.id} of topic {message.topic}")
            raise


def parse_body(message: Message, shape: type[Shape]) -> Shape:
    """The JSON data of ``message`` as ``shape``; raises ``Rejected``."""
    if message.trouble:
        raise Rejected(RejectionCode.NOT_JSON, message.trouble)
    return read_typed(message.data, shape)
