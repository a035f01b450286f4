"""Push requests: formats and valid endpoints."""

import base64
import re

import pytest

from local.errors import ApiError
from local.pubsub import PubSub
from tests.local.pubsub import push_harness
from tests.local.pubsub.push_target import PushTarget, fail_first

cloud, pubsub = push_harness.cloud, push_harness.pubsub  # pytest finds fixtures by name
target = push_harness.target


def test_wrapped_push_has_pubsubs_own_body(pubsub: PubSub, target: PushTarget) -> None:
    pubsub.subscribe("events", target.url + "?token=1", name="push", format="pubsub")
    message_id = pubsub.publish("events", b"hello", {"kind": "join"}, ordering_key="ana")

    push = target.wait_for(1)[0]

    assert push.path == "/push?token=1"
    assert push.headers["content-type"] == "application/json"
    assert not [name for name in push.headers if name.startswith("ce-")]
    published = push.message["publishTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", published)
    assert push.body == {
        "message": {
            "data": base64.b64encode(b"hello").decode(),
            "attributes": {"kind": "join"},
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": published,
            "publish_time": published,
            "orderingKey": "ana",
        },
        "subscription": "projects/demo/subscriptions/push",
    }


def test_eventarc_push_is_a_binary_cloud_event(pubsub: PubSub, target: PushTarget) -> None:
    pubsub.subscribe("events", target.url, name="push")
    message_id = pubsub.publish("events", b"hello")

    push = target.wait_for(1)[0]

    assert push.headers["content-type"] == "application/json"
    assert push.headers["ce-id"] == message_id
    assert push.headers["ce-source"] == "//pubsub.googleapis.com/projects/demo/topics/events"
    assert push.headers["ce-specversion"] == "1.0"
    assert push.headers["ce-type"] == "google.cloud.pubsub.topic.v1.messagePublished"
    assert push.headers["ce-time"] == push.message["publishTime"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", push.headers["traceparent"])
    assert push.message["messageId"] == message_id


def test_message_of_attributes_only_has_no_data_key(pubsub: PubSub, target: PushTarget) -> None:
    pubsub.subscribe("events", target.url, name="push")
    pubsub.publish("events", b"", {"kind": "join"})
    assert "data" not in target.wait_for(1)[0].message


def test_the_delivery_attempt_is_sent_only_with_a_dead_letter_policy(
    pubsub: PubSub, target: PushTarget
) -> None:
    target.answer = fail_first(1)
    pubsub.create_topic("dead")
    pubsub.subscribe("events", target.url, name="plain", min_backoff=0)
    assert pubsub.publish("events", b"1")
    target.wait_for(2)
    assert all("deliveryAttempt" not in push.body for push in target.got)

    target.answer, target.got = fail_first(1), []
    pubsub.broker.delete_subscription("projects/demo/subscriptions/plain")
    pubsub.subscribe("events", target.url, name="counted", dead_letter_topic="dead", min_backoff=0)
    pubsub.publish("events", b"2")
    assert [push.body["deliveryAttempt"] for push in target.wait_for(2)] == [1, 2]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://example.com/push",
        "http://10.0.0.7:8080/",
        "http://127.0.0.1.example.com/",
        "http://user@example.com:80@127.0.0.1.example.com/",
        "https://127.0.0.1/push",
        "ftp://127.0.0.1/",
        "http://0.0.0.0:80/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX: y",
        "127.0.0.1:80",
        "http://[::1",
    ],
)
def test_only_loopback_endpoints_are_pushed_to(pubsub: PubSub, endpoint: str) -> None:
    with pytest.raises(ApiError, match="loopback") as refused:
        pubsub.subscribe("events", endpoint, name="push")
    assert refused.value.status == "INVALID_ARGUMENT"


@pytest.mark.parametrize("host", ["localhost:9", "127.0.0.1:9", "127.1.2.3:9", "[::1]:9"])
def test_all_loopback_hosts_are_accepted(pubsub: PubSub, host: str) -> None:
    assert pubsub.subscribe("events", f"http://{host}/push", name="push")


def test_unknown_push_format_is_refused(pubsub: PubSub) -> None:
    with pytest.raises(ApiError, match="one of eventarc, pubsub"):
        pubsub.subscribe("events", "http://127.0.0.1:9/", name="push", format="kafka")
