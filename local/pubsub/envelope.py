"""The HTTP request of a push, in the two forms a function may meet it.

`pubsub` is Pub/Sub's own wrapped push. `eventarc` is the CloudEvent (HTTP binding, binary mode)
that Eventarc makes of it for Cloud Functions of the 2nd generation and Cloud Run. The headers are
those of Google's Eventarc page "CloudEvents format - HTTP protocol binding". Pure.
"""

import base64
import json
import secrets
from datetime import UTC
from typing import Any

from local.pubsub.model import EVENTARC, Message

EVENT_TYPE = "google.cloud.pubsub.topic.v1.messagePublished"


def publish_time(message: Message) -> str:
    """Milliseconds and Z, as Pub/Sub writes it in a push."""
    return message.published.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def message_json(message: Message) -> dict[str, Any]:
    """A PubsubMessage. Empty fields are left out, as Pub/Sub does (its emulator does not):
    an attributes-only message has no `data` key, and many a handler stumbles over that."""
    fields: dict[str, Any] = {"messageId": message.id, "publishTime": publish_time(message)}
    if message.data:
        fields["data"] = base64.b64encode(message.data).decode("ascii")
    if message.attributes:
        fields["attributes"] = dict(message.attributes)
    if message.ordering_key:
        fields["orderingKey"] = message.ordering_key
    return fields


def push_body(message: Message, subscription: str, attempt: int | None) -> bytes:
    """`attempt` only where the subscription has a dead-letter policy."""
    fields = message_json(message)
    # A push carries both spellings, from the days of the v1beta API.
    fields |= {"message_id": message.id, "publish_time": fields["publishTime"]}
    body: dict[str, Any] = {"message": fields, "subscription": subscription}
    if attempt is not None:
        body["deliveryAttempt"] = attempt
    return json.dumps(body).encode()


def push_headers(message: Message, push_format: str) -> dict[str, str]:
    # Cloud Run gives every request a trace of its own (W3C Trace Context, sampled).
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
