"""What every Pub/Sub entry point does around its own work: read, bind the log fields, park."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask

from functions.messages import read_message
from shared import logs
from shared.bootstrap import App, app
from shared.domain.events import Shape, read_typed
from shared.domain.normalise import Message
from shared.domain.refusals import RefusalCode, Refused


@contextmanager
def handling(event: Any, *, topic: str) -> Iterator[tuple[App, Message]]:
    """The application and the message; what is refused inside is parked, and so acknowledged.

    Anything else that is raised inside fails the request, so that Pub/Sub delivers it again.
    """
    parts = app()
    message = read_message(event, topic=topic, now=parts.clock.now())
    trace = logs.trace_of(parts.settings.project, flask.request.headers)
    with logs.bound(trace=trace, message_id=message.id, topic=message.topic):
        try:
            yield parts, message
        except Refused as refused:
            parts.intake.park(message, refused)


def read_body(message: Message, shape: type[Shape]) -> Shape:
    """The message's JSON as ``shape``; raises ``Refused``."""
    if message.trouble:
        raise Refused(RefusalCode.NOT_JSON, message.trouble)
    return read_typed(message.data, shape)
