"""Push delivery: what arrives, when it comes again, and where it ends up."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from local.errors import ApiError
from local.pubsub import PubSub
from tests.local.push_target import PushTarget, fail_first

ERROR = {"status": "UNAVAILABLE", "http": 503}


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(project="demo")


@pytest.fixture
def pubsub(cloud: Cloud) -> Iterator[PubSub]:
    pubsub = PubSub(cloud)
    pubsub.create_topic("events")
    pubsub.start()
    yield pubsub
    pubsub.stop()


@pytest.fixture
def target() -> Iterator[PushTarget]:
    with PushTarget() as target:
        yield target


def statistics(pubsub: PubSub, name: str) -> dict[str, int]:
    full = f"projects/demo/subscriptions/{name}"
    found = [one for one in pubsub.resources() if one["name"] == full]
    return found[0]["statistics"]


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


def test_delivery_attempt_is_told_only_with_a_dead_letter_policy(
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
    ("status", "acknowledges"),
    [(200, True), (201, True), (202, True), (204, True), (203, False), (301, False), (404, False)],
)
def test_documented_statuses_acknowledge_and_no_others(
    pubsub: PubSub, target: PushTarget, status: int, acknowledges: bool
) -> None:
    target.answer = fail_first(1, status)
    pubsub.subscribe("events", target.url, name="push", min_backoff=0)
    pubsub.publish("events", b"x")

    assert pubsub.idle(10)

    assert len(target.got) == (1 if acknowledges else 2)
    counted = statistics(pubsub, "push")
    assert (counted["delivered"], counted["failed"]) == (1, 0 if acknowledges else 1)


def test_failing_push_backs_off_exponentially(pubsub: PubSub, target: PushTarget) -> None:
    target.answer = fail_first(3)
    pubsub.subscribe("events", target.url, name="push", min_backoff=0.1, max_backoff=0.25)
    pubsub.publish("events", b"x")

    pushes = target.wait_for(4)

    gaps = [later.at - earlier.at for earlier, later in pairwise(pushes)]
    assert gaps[0] >= 0.1
    assert gaps[1] >= 0.2
    assert 0.25 <= gaps[2] < 0.4, "capped at the maximum"


def test_advancing_the_clock_makes_a_waiting_retry_due(
    cloud: Cloud, pubsub: PubSub, target: PushTarget
) -> None:
    target.answer = fail_first(1)
    pubsub.subscribe("events", target.url, name="push", min_backoff=600, max_backoff=600)
    pubsub.publish("events", b"x")
    target.wait_for(1)
    assert not pubsub.idle(0.2), "a message that waits for its retry is not through"
    assert pubsub.undelivered() == 1

    cloud.clock.advance(timedelta(minutes=10))

    assert pubsub.idle(5)
    assert len(target.got) == 2


def test_no_answer_by_the_ack_deadline_is_delivered_again(
    pubsub: PubSub, target: PushTarget
) -> None:
    slow = iter([0.5, 0.0])

    def answer(_: object) -> int:
        time.sleep(next(slow))
        return 204

    target.answer = answer
    pubsub.subscribe("events", target.url, name="push", ack_deadline_seconds=0.2, min_backoff=0)
    pubsub.publish("events", b"x")

    assert pubsub.idle(5)

    assert len(target.got) == 2
    assert statistics(pubsub, "push")["failed"] == 1


def test_unreachable_endpoint_is_tried_until_it_is_there(pubsub: PubSub) -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        name = pubsub.subscribe("events", url, name="push", min_backoff=0.05, max_backoff=0.05)
        pubsub.publish("events", b"x")
        assert not pubsub.idle(0.3)
    with PushTarget() as target:
        pubsub.broker.modify_push(name, {"pushEndpoint": target.url})
        assert pubsub.idle(5)
    assert len(target.got) == 1


def test_dead_letter_after_the_last_attempt(pubsub: PubSub, target: PushTarget) -> None:
    target.answer = lambda push: 500
    dead = pubsub.create_topic("dead")
    with PushTarget() as grave:
        pubsub.subscribe(dead, grave.url, name="grave", format="pubsub")
        pubsub.subscribe(
            "events",
            target.url,
            name="push",
            dead_letter_topic="dead",
            max_delivery_attempts=3,
            min_backoff=0,
        )
        pubsub.publish("events", b"bad", {"kind": "join"})

        buried = grave.wait_for(1)[0]

        assert pubsub.idle(5)
    assert len(target.got) == 3
    assert base64.b64decode(buried.message["data"]) == b"bad"
    assert buried.message["attributes"] == {
        "kind": "join",
        "CloudPubSubDeadLetterSourceDeliveryCount": "3",
        "CloudPubSubDeadLetterSourceSubscription": "push",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "demo",
        "CloudPubSubDeadLetterSourceTopicPublishTime": target.got[0].message["publishTime"],
    }
    assert buried.message["messageId"] != target.got[0].message["messageId"]
    assert statistics(pubsub, "push") == {
        "delivered": 0,
        "failed": 3,
        "deadLettered": 1,
        "undelivered": 0,
        "outstanding": 0,
    }


def test_several_pushes_are_under_way_but_not_more_than_allowed(cloud: Cloud) -> None:
    def answer(_: object) -> int:
        time.sleep(0.05)
        return 204

    pubsub = PubSub(cloud, max_outstanding=3)
    pubsub.create_topic("events")
    pubsub.start()
    with PushTarget(answer) as target:
        pubsub.subscribe("events", target.url, name="push")
        for _ in range(12):
            pubsub.publish("events", b"x")
        assert pubsub.idle(10)
    pubsub.stop()
    assert target.most == 3
    assert len(target.got) == 12


def test_one_stuck_endpoint_does_not_hold_up_another(pubsub: PubSub, target: PushTarget) -> None:
    released = threading.Event()

    def stuck_until_released(_: object) -> int:
        released.wait(30)
        return 204

    with PushTarget(stuck_until_released) as stuck:
        pubsub.subscribe("events", stuck.url, name="stuck", ack_deadline_seconds=60)
        pubsub.subscribe("events", target.url, name="quick")
        for _ in range(20):
            pubsub.publish("events", b"x")
        target.wait_for(20)
        assert len(stuck.wait_for(8)) == 8, "the default number under way, and no more"
        released.set()
        assert pubsub.idle(10)


def test_ordering_key_keeps_the_order_across_failures(pubsub: PubSub, target: PushTarget) -> None:
    target.answer = fail_first(2)
    pubsub.subscribe("events", target.url, name="push", ordered=True, min_backoff=0.02)
    for number in range(10):
        for key in ("ana", "ben"):
            pubsub.publish("events", str(number).encode(), ordering_key=key)
    assert pubsub.idle(10)

    for key in ("ana", "ben"):
        seen = [
            base64.b64decode(push.message["data"]).decode()
            for push in target.got
            if push.message["orderingKey"] == key
        ]
        assert sorted(seen) == seen, f"{key} out of order: {seen}"
        assert set(seen) == {str(number) for number in range(10)}


def test_fault_before_a_push_keeps_it_from_being_sent(
    cloud: Cloud, pubsub: PubSub, target: PushTarget
) -> None:
    fault = cloud.faults.add(
        {"service": "pubsub", "method": "push", "match": "/push ", "times": 2, "error": ERROR}
    )
    pubsub.subscribe("events", target.url, name="push", min_backoff=0)
    pubsub.publish("events", b"x")

    assert pubsub.idle(5)

    assert fault.hits == 2
    assert len(target.got) == 1
    assert statistics(pubsub, "push")["failed"] == 2
    outcomes = [call.outcome for call in cloud.calls.entries("pubsub", "push")]
    assert outcomes == ["UNAVAILABLE", "UNAVAILABLE", "OK"]


@pytest.mark.parametrize("trouble", [{"error": ERROR}, {"drop": True}])
def test_fault_after_a_push_loses_the_acknowledgement_so_it_comes_twice(
    cloud: Cloud, pubsub: PubSub, target: PushTarget, trouble: dict[str, Any]
) -> None:
    fault = cloud.faults.add(
        {"service": "pubsub", "method": "push", "when": "after", "times": 1, **trouble}
    )
    pubsub.subscribe("events", target.url, name="push", min_backoff=0)
    message_id = pubsub.publish("events", b"x")

    assert pubsub.idle(5)

    assert fault.hits == 1
    assert [push.message["messageId"] for push in target.got] == [message_id, message_id]


def test_redeliver_sends_an_acknowledged_message_again(pubsub: PubSub, target: PushTarget) -> None:
    pubsub.subscribe("events", target.url, name="push")
    message_id = pubsub.publish("events", b"x")
    assert pubsub.idle(5)

    assert pubsub.redeliver(message_id) == 1

    assert pubsub.idle(5)
    assert [push.message["messageId"] for push in target.got] == [message_id, message_id]
    with pytest.raises(ApiError, match="messages/7"):
        pubsub.redeliver("7")


def test_stopped_delivery_keeps_messages_for_the_next_start(
    pubsub: PubSub, target: PushTarget
) -> None:
    pubsub.subscribe("events", target.url, name="push")
    pubsub.stop()
    pubsub.publish("events", b"x")
    time.sleep(0.1)
    assert target.got == []

    pubsub.start()

    assert pubsub.idle(5)
    assert len(target.got) == 1


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
def test_every_way_to_say_loopback_is_accepted(pubsub: PubSub, host: str) -> None:
    assert pubsub.subscribe("events", f"http://{host}/push", name="push")


def test_unknown_push_format_is_refused(pubsub: PubSub) -> None:
    with pytest.raises(ApiError, match="one of eventarc, pubsub"):
        pubsub.subscribe("events", "http://127.0.0.1:9/", name="push", format="kafka")


# Against the real thing that receives: functions-framework.

MAIN = """
import json, os
import functions_framework

@functions_framework.cloud_event
def handle(event):
    seen = {"attributes": dict(event.get_attributes()), "data": event.data}
    with open(os.environ["SEEN"], "a") as file:
        file.write(json.dumps(seen, default=str) + "\\n")
    if event.data["message"].get("attributes", {}).get("fail"):
        raise RuntimeError("asked to fail")
"""


@contextmanager
def function_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """A functions-framework process on a free port; its URL and the file it writes events to."""
    (folder / "main.py").write_text(MAIN)
    seen = folder / "seen.jsonl"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "functions_framework", "--target=handle"]
    process = subprocess.Popen(
        [*command, f"--source={folder / 'main.py'}", "--host=127.0.0.1", f"--port={port}"],
        env={**os.environ, "SEEN": str(seen), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}/", seen
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "the function server ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the function server did not start in 30 s")


def events(seen: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in seen.read_text().splitlines()]


def test_function_gets_both_formats_as_the_same_event(pubsub: PubSub, tmp_path: Path) -> None:
    with function_server(tmp_path) as (url, seen):
        pubsub.create_topic("raw")
        pubsub.subscribe("events", url, name="as-eventarc")
        # functions-framework reads a raw push's topic from the path it was sent to.
        raw_url = f"{url}projects/demo/topics/raw"
        pubsub.subscribe("raw", raw_url, name="as-pubsub", format="pubsub")
        for topic in ("events", "raw"):
            pubsub.publish(topic, b'{"email":"ana@example.com"}', {"kind": "join"})
            assert pubsub.idle(20)
        by_eventarc, by_pubsub = events(seen)

    for event, topic in ((by_eventarc, "events"), (by_pubsub, "raw")):
        attributes, message = event["attributes"], event["data"]["message"]
        assert attributes["type"] == "google.cloud.pubsub.topic.v1.messagePublished"
        assert attributes["source"] == f"//pubsub.googleapis.com/projects/demo/topics/{topic}"
        assert attributes["id"] == message["messageId"]
        assert attributes["time"] == message["publishTime"]
        assert base64.b64decode(message["data"]) == b'{"email":"ana@example.com"}'
        assert message["attributes"] == {"kind": "join"}
    assert by_eventarc["data"]["subscription"] == "projects/demo/subscriptions/as-eventarc"
    assert "subscription" not in by_pubsub["data"], "lost in functions-framework's conversion"


def test_function_and_a_message_of_attributes_only(pubsub: PubSub, tmp_path: Path) -> None:
    with function_server(tmp_path) as (url, seen):
        pubsub.create_topic("raw")
        pubsub.subscribe("events", url, name="as-eventarc")
        pubsub.subscribe("raw", url, name="as-pubsub", format="pubsub", min_backoff=60)
        pubsub.publish("events", b"", {"kind": "join"})
        assert pubsub.idle(20)
        pubsub.publish("raw", b"", {"kind": "join"})
        # functions-framework answers 400 to a raw push without data, as it does in the cloud.
        assert not pubsub.idle(1)
        assert statistics(pubsub, "as-pubsub")["failed"] == 1
        assert [event["data"]["message"]["attributes"] for event in events(seen)] == [
            {"kind": "join"}
        ]


def test_function_that_raises_gets_the_event_again(pubsub: PubSub, tmp_path: Path) -> None:
    pubsub.create_topic("dead")
    with function_server(tmp_path) as (url, seen):
        pubsub.subscribe(
            "events",
            url,
            name="push",
            dead_letter_topic="dead",
            max_delivery_attempts=3,
            min_backoff=0.01,
        )
        message_id = pubsub.publish("events", b"x", {"fail": "yes"})
        assert pubsub.idle(20)
        handled = events(seen)
    assert [event["data"]["deliveryAttempt"] for event in handled] == [1, 2, 3]
    assert {event["attributes"]["id"] for event in handled} == {message_id}
    assert statistics(pubsub, "push")["deadLettered"] == 1
