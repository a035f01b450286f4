"""Join events as they reach a function: a Pub/Sub message in a CloudEvent, in memory or as HTTP."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from cloudevents.http import CloudEvent

Json = dict[str, Any]

# The shipped profile with exactly one notebook, one session template and one cluster template.
PROFILE = "data-scientist"


def join(email: str, at: datetime | None = None) -> Json:
    """A join of somebody new, now or ``at``, as an identity system with good manners sends it."""
    return {
        "email": email,
        "event_id": f"hr-{email}",
        "occurred_at": (at or datetime.now(UTC)).isoformat(),
        "profile": PROFILE,
        "display_name": "Somebody New",
        "team": "research",
        "cost_center": "cc-4711",
    }


def leave(email: str) -> Json:
    """Their leave."""
    moment = datetime.now(UTC).isoformat()
    return {"email": email, "event_id": f"leave-{email}", "occurred_at": moment}


def envelope(body: Json, message_id: str) -> Json:
    """The Pub/Sub message around ``body``, as Eventarc hands it on."""
    return {
        "message": {
            "data": base64.b64encode(json.dumps(body).encode()).decode(),
            "messageId": message_id,
            "publishTime": datetime.now(UTC).isoformat(),
        },
        "subscription": "projects/bench/subscriptions/bench",
    }


def headers(topic: str, message_id: str) -> dict[str, str]:
    """The CloudEvent's attributes as HTTP headers (binary mode)."""
    return {
        "ce-specversion": "1.0",
        "ce-id": message_id,
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-source": f"//pubsub.googleapis.com/projects/bench/topics/{topic}",
        "ce-time": datetime.now(UTC).isoformat(),
        "Content-Type": "application/json",
    }


def cloud_event(topic: str, body: Json, message_id: str) -> CloudEvent:
    """The event that functions-framework makes of that request."""
    return CloudEvent(_attributes(topic, message_id), envelope(body, message_id))


def received(topic: str, message: Json) -> CloudEvent:
    """The event that comes of ``message``, pulled from Pub/Sub."""
    data = {"message": message, "subscription": f"projects/bench/subscriptions/{topic}"}
    return CloudEvent(_attributes(topic, message["messageId"]), data)


def _attributes(topic: str, message_id: str) -> dict[str, str]:
    named = headers(topic, message_id).items()
    return {name.removeprefix("ce-"): value for name, value in named if name[:3] == "ce-"}
