"""Parses a CloudEvent from Pub/Sub into a ``Message``.

A CloudEvent comes from Eventarc (HTTP binary mode, the body is the Pub/Sub envelope) or from a push
subscription (functions-framework converts the request). Parsing never raises: an exception would
make Pub/Sub deliver the same message again. A message that cannot be decoded gets the reason in
``trouble`` and is parked with it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime

from cloudevents.http import CloudEvent

from shared.domain.contracts.event_parsing import Message


def parse_message(event: CloudEvent, *, default_topic: str, now: datetime) -> Message:
    """The Pub/Sub message in ``event``; ``default_topic`` is used if the event names none.

    ``now`` is used as the publish time if the event has none that is valid.
    """
    attributes = event.get_attributes()
    envelope = event.data if isinstance(event.data, Mapping) else {}
    message = envelope.get("message")
    source = str(attributes.get("source", ""))
    data, trouble = b"", "the CloudEvent carries no Pub/Sub message; publish to the topic instead"
    if isinstance(message, Mapping):
        data, trouble = _decode(message.get("data"))
    else:
        message = {}
    published = message.get("publishTime") or message.get("publish_time") or attributes.get("time")
    return Message(
        id=str(message.get("messageId") or message.get("message_id") or attributes["id"]),
        topic=source.partition("/topics/")[2] or default_topic,
        published_at=_parse_time(published, now),
        data=data,
        trouble=trouble,
    )


def _decode(encoded: object) -> tuple[bytes, str]:
    """The decoded data and '', or the data as far as it is known and what is wrong with it."""
    if not encoded:
        return b"", "the message has no data; send the event as JSON in the message's data"
    if not isinstance(encoded, str):
        return b"", f"the message's data is {type(encoded).__name__}, not base64 text"
    try:
        return base64.b64decode(encoded, validate=True), ""
    except ValueError as error:  # also raised for text that is not ASCII
        return encoded.encode("utf-8", "replace"), f"the message's data is not base64 ({error})"


def _parse_time(text: object, default: datetime) -> datetime:
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return default
    return time if time.tzinfo else time.replace(tzinfo=UTC)
