"""Whatever arrives as a CloudEvent becomes a message; what is wrong with it is the message's."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.http import CloudEvent
from functions_framework import event_conversion
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from functions.messages import read_message
from shared.domain.normalise import Message
from tests.support.builders import NOW, a_cloud_event, after, published

TOPIC = "//pubsub.googleapis.com/projects/demo/topics/offboarding"
DATA = b'{"email":"ana@example.com"}'
ENCODED = base64.b64encode(DATA).decode()


def read(event: CloudEvent) -> Message:
    return read_message(event, topic="onboarding", now=NOW)


def pushed(body: dict[str, Any], path: str = "/") -> CloudEvent:
    """A plain push, as functions-framework itself turns it into a CloudEvent."""
    request = EnvironBuilder(path=path, method="POST", json=body).get_request()
    event_type, context, _, data = event_conversion._get_event_data(request) if False else (
        None,
        None,
        None,
        None,
    )
    del event_type, context, data
    return event_conversion.background_event_to_cloud_event(request)
