"""The HTTP request of a push, in two formats.

`pubsub` is Pub/Sub's wrapped push. `eventarc` is the CloudEvent (HTTP binding, binary mode) that
Eventarc sends to Cloud Functions (2nd generation) and Cloud Run. The headers are those of Google's
Eventarc page "CloudEvents format - HTTP protocol binding". Pure functions.
"""

import base64
import json
import secrets
from datetime import UTC
from typing import Any

from local.pubsub.model import EVENTARC, Message

EVENT_TYPE = "google.cloud.pubsub.topic.v1.messagePublished"


def publish_time(message: Message) -> str:
    """The publish time as in a push: milliseconds, ending in Z."""
    return message.published.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def message_json(message: Message) -> dict[str, Any]:
    """A PubsubMessage without empty fields, as Pub/Sub sends it (its emulator does not).

    So a message with attributes only has no `data` key, which handlers must tolerate.
    """
    fields: dict[str, Any] = {"messageId": message.id, "publishTime": publish_time(message)}
    if message.data:
        fields["data"] = base64.b64encode(message.data).decode("ascii")
    if message.attributes:
        fields["attributes"] = dict(message.attributes)
    if message.ordering_key:
        fields["orderingKey"] = message.ordering_key
    return fields


def push_body(message: Message, subscription: str, attempt: int | None) -> bytes:
    """`attempt`: None unless the subscription has a dead-letter policy."""
    fields = message_json(message)
    # A push has both spellings, for compatibility with the v1beta API.
    fields |= {"message_id": message.id, "publish_time": fields["publishTime"]}
    body: dict[str, Any] = {"message": fields, "subscription": subscription}
    if attempt is not None:
        body["deliveryAttempt"] = attempt
    return json.dumps(body).encode()


def push_headers(message: Message, push_format: str) -> dict[str, str]:
    # Cloud Run adds a new trace to every request (W3C Trace Context, sampled).
    trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    headers = {"Content-Type": "application/json", "traceparent": trace}
    if push_format == EVENTARC:
        headers |= {
            "ce-id": message.id,
            "ce-source": f"//pubsub.googleapis.com/{message.topic}",
            "ce-specversion": "1.0",
            "ce-type": EVENT_TYPE,
            "ce-time": publish_time(message),
        }
    return headers
