"""Push delivery: acknowledgement, redelivery, dead letters, limits and faults."""

import base64
import socket
import threading
import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from local.cloud import Cloud
from local.errors import ApiError
from local.pubsub import PubSub
from tests.local.pubsub import push_harness
from tests.local.pubsub.push_harness import statistics
from tests.local.pubsub.push_target import PushTarget, fail_first

cloud, pubsub = push_harness.cloud, push_harness.pubsub  # pytest finds fixtures by name
target = push_harness.target

ERROR = {"status": "UNAVAILABLE", "http": 503}


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
    assert not pubsub.idle(0.2), "a message that waits for its retry is not delivered"
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


def test_an_unreachable_endpoint_is_retried(pubsub: PubSub) -> None:
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
    with PushTarget() as dead_letters:
        pubsub.subscribe(dead, dead_letters.url, name="dead_letters", format="pubsub")
        pubsub.subscribe(
            "events",
            target.url,
            name="push",
            dead_letter_topic="dead",
            max_delivery_attempts=3,
            min_backoff=0,
        )
        pubsub.publish("events", b"bad", {"kind": "join"})

        dead_letter = dead_letters.wait_for(1)[0]

        assert pubsub.idle(5)
    assert len(target.got) == 3
    assert base64.b64decode(dead_letter.message["data"]) == b"bad"
    assert dead_letter.message["attributes"] == {
        "kind": "join",
        "CloudPubSubDeadLetterSourceDeliveryCount": "3",
        "CloudPubSubDeadLetterSourceSubscription": "push",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "demo",
        "CloudPubSubDeadLetterSourceTopicPublishTime": target.got[0].message["publishTime"],
    }
    assert dead_letter.message["messageId"] != target.got[0].message["messageId"]
    assert statistics(pubsub, "push") == {
        "delivered": 0,
        "failed": 3,
        "deadLettered": 1,
        "undelivered": 0,
        "outstanding": 0,
    }


def test_simultaneous_pushes_are_limited(cloud: Cloud) -> None:
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


def test_a_blocked_endpoint_does_not_delay_another(pubsub: PubSub, target: PushTarget) -> None:
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
        assert len(stuck.wait_for(8)) == 8, "not more than the default limit"
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


def test_with_a_before_fault_a_push_is_not_sent(
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
def test_with_an_after_fault_a_message_is_delivered_twice(
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
