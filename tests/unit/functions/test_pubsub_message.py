"""Every CloudEvent is parsed into a message; one that is not valid has the reason in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.http import CloudEvent, from_http
from functions_framework import event_conversion
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from functions.pubsub_message import parse_message
from shared.domain.contracts.event_parsing import Message
from tests.support.builders import NOW, a_cloud_event, after, published

DATA = b'{"email":"ana@example.com"}'
TOPIC = "projects/demo/topics/offboarding"


def parse(event: CloudEvent) -> Message:
    return parse_message(event, default_topic="onboarding", now=NOW)


def from_eventarc(body: dict[str, Any]) -> CloudEvent:
    """HTTP binary mode, as Eventarc sends it, parsed by the framework's own library."""
    headers = {
        "ce-id": "ce-1",
        "ce-source": f"//pubsub.googleapis.com/{TOPIC}",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-time": "2026-05-04T11:59:00.5Z",
        "content-type": "application/json",
    }
    return from_http(headers, json.dumps(body))


def from_push(body: dict[str, Any], path: str) -> CloudEvent:
    """A push, as the framework converts it to a CloudEvent."""
    environ = EnvironBuilder(path=path, method="POST", json=body).get_environ()
    return event_conversion.background_event_to_cloud_event(Request(environ))


def test_an_event_from_eventarc_is_parsed() -> None:
    body = published(messageId="77", publishTime="2026-05-04T11:58:00Z")
    assert parse(from_eventarc(body)) == Message(
        id="77", topic="offboarding", published_at=after(-2), data=DATA
    )


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize(
    ("path", "topic"), [(f"/{TOPIC}", "offboarding"), ("/", "onboarding"), ("/x", "onboarding")]
)
def test_a_push_is_parsed_with_the_topic_in_its_path_or_the_default(path: str, topic: str) -> None:
    body = published(messageId="77", publishTime="2026-05-04T11:58:00Z")
    assert parse(from_push(body, path)) == Message(
        id="77", topic=topic, published_at=after(-2), data=DATA
    )


@pytest.mark.parametrize(
    ("fields", "expected", "because"),
    [
        ({"messageId": "77"}, "77", "the name in JSON"),
        ({"messageId": "", "message_id": "78"}, "78", "the name that older senders use"),
        ({"messageId": 77}, "77", "a number is converted to text"),
        ({"messageId": ""}, "ce", "the id of the CloudEvent if the message has none"),
        ({"messageId": None}, "ce", "the id of the CloudEvent if the message has none"),
    ],
)
def test_the_id_is_that_of_the_message_or_of_the_cloud_event(
    fields: dict[str, Any], expected: str, because: str
) -> None:
    assert parse(a_cloud_event(published(**fields))).id == expected, because


@pytest.mark.parametrize(
    ("publish_time", "event_time", "expected", "because"),
    [
        ("2026-05-04T11:58:00Z", "2026-05-04T11:00:00Z", after(-2), "the time of the message"),
        (None, "2026-05-04T11:59:00Z", after(-1), "else the time of the CloudEvent"),
        ("2026-05-04T13:58:00+02:00", "", after(-2), "converted from its zone"),
        ("2026-05-04T11:58:00", "", after(-2), "UTC if it has no zone"),
        ("2026-05-04T11:58:00.123456789Z", "", None, "truncated to microseconds"),
        ("soon", "2026-05-04T11:59:00Z", NOW, "the current time if it is not valid"),
        (4711, "2026-05-04T11:59:00Z", NOW, "the current time if it is not valid"),
        ({"seconds": 1}, "2026-05-04T11:59:00Z", NOW, "the current time if it is not valid"),
    ],
)
def test_the_publish_time_falls_back_to_the_event_and_the_current_time(
    publish_time: object, event_time: str, expected: datetime | None, because: str
) -> None:
    times = {"time": event_time} if event_time else {}
    message = parse(a_cloud_event(published(publishTime=publish_time), **times))
    if expected is None:
        expected = datetime(2026, 5, 4, 11, 58, 0, 123456, tzinfo=UTC)
    assert message.published_at == expected, because


@pytest.mark.parametrize(
    ("source", "topic"),
    [
        (f"//pubsub.googleapis.com/{TOPIC}", "offboarding"),
        ("//pubsub.googleapis.com/projects/demo/topics/", "onboarding"),
        ("//pubsub.googleapis.com/None", "onboarding"),
        ("somewhere", "onboarding"),
    ],
)
def test_the_topic_is_taken_from_the_source_or_the_default(source: str, topic: str) -> None:
    assert parse(a_cloud_event(published(), source=source)).topic == topic


@pytest.mark.parametrize(
    ("body", "trouble", "because"),
    [
        (None, "carries no Pub/Sub message", "an empty body"),
        ("hello", "carries no Pub/Sub message", "text"),
        (b"\xff", "carries no Pub/Sub message", "bytes"),
        ([1], "carries no Pub/Sub message", "a list"),
        ({}, "carries no Pub/Sub message", "no envelope"),
        ({"message": None}, "carries no Pub/Sub message", "an empty envelope"),
        ({"message": "hello"}, "carries no Pub/Sub message", "text in the envelope"),
        (
            {"email": "ana@example.com"},
            "carries no Pub/Sub message",
            "sent to the function directly",
        ),
        ({"message": {"messageId": "1"}}, "has no data", "only attributes"),
        ({"message": {"data": ""}}, "has no data", "empty"),
        ({"message": {"data": None}}, "has no data", "null"),
        (
            {"message": {"data": {"email": "x"}}},
            "is dict, not base64 text",
            "JSON that is not encoded",
        ),
        ({"message": {"data": 7}}, "is int, not base64 text", "a number"),
        ({"message": {"data": "{}"}}, "is not base64", "JSON that is not encoded"),
        ({"message": {"data": "abc"}}, "is not base64", "padding is missing"),
        ({"message": {"data": "e30=\n"}}, "is not base64", "a line break"),
        ({"message": {"data": "e3-_"}}, "is not base64", "the URL-safe alphabet"),
        ({"message": {"data": "\u00e4\u5206"}}, "is not base64", "not even ASCII"),
        ({"message": {"data": "\ud800"}}, "is not base64", "half a surrogate pair"),
    ],
)
def test_an_invalid_event_gives_a_message_with_the_reason_and_no_exception(
    body: object, trouble: str, because: str
) -> None:
    """An exception would make Pub/Sub deliver it again; a message with ``trouble`` is parked."""
    message = parse(a_cloud_event(body))
    assert trouble in message.trouble, because
    assert message.id


def test_data_that_is_not_base64_is_kept_as_text() -> None:
    assert parse(a_cloud_event({"message": {"data": '{"a":1}'}})).data == b'{"a":1}'


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
_envelopes = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("data", "messageId", "message_id", "publishTime"), _json),
)


@given(_json | st.fixed_dictionaries({"message": _json | _envelopes}))
def test_no_body_raises_an_exception(body: object) -> None:
    message = parse(a_cloud_event(body))
    assert message.id
    assert message.topic == "onboarding"
    assert message.published_at.tzinfo is not None
    assert message.trouble or message.data
