"""A CloudEvent from Pub/Sub as our own ``Message``, whatever is wrong with it.

Two senders reach us: Eventarc (a CloudEvent in HTTP binary mode, with the Pub/Sub envelope as its
body) and a plain push subscription (which functions-framework turns into the same). What can't be
read is not an error here: it becomes the message's ``trouble`` and is parked with its reason.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.domain.normalise import Message


def read_message(event: Any, *, topic: str, now: datetime) -> Message:
    """The message in ``event`` (a CloudEvent); ``topic`` is assumed where the event names none."""
    attributes: Mapping[str, Any] = event.get_attributes()
    envelope = event.data if isinstance(event.data, Mapping) else {}
    message = envelope.get("message")
    source = str(attributes.get("source", ""))
    data, trouble = b"", "the CloudEvent carries no Pub/Sub message; publish to the topic instead"
    if isinstance(message, Mapping):
        data, trouble = _payload(message.get("data"))
    else:
        message = {}
    return Message(
        id=str(message.get("messageId") or message.get("message_id") or attributes["id"]),
        topic=source.partition("/topics/")[2] or topic,
        published_at=_moment(
            message.get("publishTime") or message.get("publish_time") or attributes.get("time"), now
        ),
        data=data,
        trouble=trouble,
    )


def _payload(encoded: object) -> tuple[bytes, str]:
    if not encoded:
        return b"", "the message has no data; the event is JSON in the message's data"
    if not isinstance(encoded, str):
        return b"", f"the message's data is {type(encoded).__name__}, not base64 text"
    try:
        return base64.b64decode(encoded, validate=True), ""
    except ValueError as error:  # not base64, or not even ASCII
        return encoded.encode("utf-8", "replace"), f"the message's data is not base64 ({error})"


def _moment(text: object, now: datetime) -> datetime:
    """When the message was published; the time of arrival if it doesn't say so legibly."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return now
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
