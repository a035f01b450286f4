"""The Pub/Sub broker without a network: leases and limits."""

import threading
import time
from datetime import timedelta

import pytest

from local.clock import Clock
from local.errors import ApiError
from local.pubsub import PubSub
from local.pubsub.broker import Broker
from local.pubsub.model import Draft, Settings, seconds
from tests.local.pubsub import harness
from tests.local.pubsub.harness import SUBSCRIPTION, TOPIC

cloud, pubsub = harness.cloud, harness.pubsub  # pytest finds fixtures by name


class TestLeases:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def broker(self, clock: Clock) -> Broker:
        broker = Broker(clock)
        broker.create_topic(TOPIC, {})
        return broker

    def test_an_unacknowledged_message_is_delivered_again_after_the_deadline(
        self, clock: Clock, broker: Broker
    ) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC, "ackDeadlineSeconds": 60})
        broker.publish(TOPIC, [Draft(b"x")])
        (first,) = broker.pull(SUBSCRIPTION, 5, 0)
        clock.advance(timedelta(seconds=59))
        assert broker.pull(SUBSCRIPTION, 5, 0) == []
        clock.advance(timedelta(seconds=1))
        (second,) = broker.pull(SUBSCRIPTION, 5, 0)
        assert second.message == first.message
        assert second.ack_id != first.ack_id

    def test_an_extended_lease_is_kept(self, clock: Clock, broker: Broker) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        broker.publish(TOPIC, [Draft(b"x")])
        (leased,) = broker.pull(SUBSCRIPTION, 5, 0)
        broker.modify_ack_deadline(SUBSCRIPTION, [leased.ack_id], 600)
        clock.advance(timedelta(seconds=599))
        assert broker.pull(SUBSCRIPTION, 5, 0) == []

    def test_acknowledgement_after_the_deadline_still_counts(
        self, clock: Clock, broker: Broker
    ) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        broker.publish(TOPIC, [Draft(b"x")])
        (leased,) = broker.pull(SUBSCRIPTION, 5, 0)
        clock.advance(timedelta(seconds=11))
        broker.release_due()
        broker.acknowledge(SUBSCRIPTION, [leased.ack_id])
        assert broker.pull(SUBSCRIPTION, 5, 0) == []

    def test_ending_an_old_lease_does_not_end_the_new_one(
        self, clock: Clock, broker: Broker
    ) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        broker.publish(TOPIC, [Draft(b"x")])
        (old,) = broker.pull(SUBSCRIPTION, 5, 0)
        clock.advance(timedelta(seconds=11))
        (new,) = broker.pull(SUBSCRIPTION, 5, 0)
        broker.modify_ack_deadline(SUBSCRIPTION, [old.ack_id], 0)
        assert broker.pull(SUBSCRIPTION, 5, 0) == []
        broker.modify_ack_deadline(SUBSCRIPTION, [new.ack_id], 0)
        assert len(broker.pull(SUBSCRIPTION, 5, 0)) == 1

    def test_the_retry_policy_delays_a_redelivery(self, clock: Clock, broker: Broker) -> None:
        policy = {"minimumBackoff": "100s", "maximumBackoff": "150s"}
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC, "retryPolicy": policy})
        broker.publish(TOPIC, [Draft(b"x")])
        for wait in (100, 150, 150):
            (leased,) = broker.pull(SUBSCRIPTION, 5, 0)
            broker.modify_ack_deadline(SUBSCRIPTION, [leased.ack_id], 0)
            clock.advance(timedelta(seconds=wait - 1))
            assert broker.pull(SUBSCRIPTION, 5, 0) == []
            clock.advance(timedelta(seconds=1))

    def test_a_message_stays_if_its_dead_letter_topic_was_deleted(self, broker: Broker) -> None:
        dead = "projects/demo/topics/dead"
        broker.create_topic(dead, {})
        policy = {"deadLetterTopic": dead, "maxDeliveryAttempts": 5}
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC, "deadLetterPolicy": policy})
        broker.delete_topic(dead)
        broker.publish(TOPIC, [Draft(b"x")])
        for attempt in range(1, 8):
            (leased,) = broker.pull(SUBSCRIPTION, 5, 0)
            assert leased.attempt == attempt
            broker.modify_ack_deadline(SUBSCRIPTION, [leased.ack_id], 0)

    def test_a_waiting_pull_returns_as_soon_as_there_is_a_message(self, broker: Broker) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        later = threading.Timer(0.1, broker.publish, (TOPIC, [Draft(b"x")]))
        later.start()
        started = time.monotonic()
        assert len(broker.pull(SUBSCRIPTION, 5, wait_seconds=10)) == 1
        assert time.monotonic() - started < 5
        later.join()

    def test_an_ordered_pull_leases_one_message_of_a_key_at_a_time(self, broker: Broker) -> None:
        body = {"topic": TOPIC, "enableMessageOrdering": True}
        broker.create_subscription(SUBSCRIPTION, body)
        for text in (b"1", b"2"):
            for key in ("ana", "ben"):
                broker.publish(TOPIC, [Draft(text, ordering_key=key)])
        first = broker.pull(SUBSCRIPTION, 10, 0)
        assert [(one.message.ordering_key, one.message.data) for one in first] == [
            ("ana", b"1"),
            ("ben", b"1"),
        ]
        broker.acknowledge(SUBSCRIPTION, [first[0].ack_id])
        (then,) = broker.pull(SUBSCRIPTION, 10, 0)
        assert (then.message.ordering_key, then.message.data) == ("ana", b"2")

    @pytest.mark.parametrize("ack_id", ["", "nonsense", "other:1-1", f"{SUBSCRIPTION}:1-x"])
    def test_an_invalid_ack_id_is_refused(self, broker: Broker, ack_id: str) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        with pytest.raises(ApiError, match="Invalid ack id"):
            broker.acknowledge(SUBSCRIPTION, [ack_id])

    def test_message_ids_are_unique_across_brokers(self, broker: Broker) -> None:
        other = Broker(Clock())
        other.create_topic(TOPIC, {})
        first = broker.publish(TOPIC, [Draft(b"x")] * 3)
        second = other.publish(TOPIC, [Draft(b"x")] * 3)
        assert not set(first) & set(second)


class TestLimits:
    @pytest.fixture
    def broker(self) -> Broker:
        broker = Broker(Clock())
        broker.create_topic(TOPIC, {})
        return broker

    @pytest.mark.parametrize(
        "draft",
        [
            pytest.param(Draft(b""), id="neither data nor attributes"),
            pytest.param(Draft(b"x" * 10_000_001), id="more than 10 MB"),
            pytest.param(Draft(b"x" * 9_999_999, {"k": "v"}), id="10 MB with the attributes"),
            pytest.param(Draft(b"x", {f"k{n}": "" for n in range(101)}), id="101 attributes"),
            pytest.param(Draft(b"x", {"k" * 257: "v"}), id="key of 257 bytes"),
            pytest.param(Draft(b"x", {"k": "ä" * 513}), id="value of 1026 bytes"),
            pytest.param(Draft(b"x", {"": "v"}), id="empty key"),
            pytest.param(Draft(b"x", {"googclient": "v"}), id="reserved key"),
            pytest.param(Draft(b"x", ordering_key="k" * 1025), id="ordering key of 1025 bytes"),
        ],
    )
    def test_message_beyond_googles_limits_is_refused(self, broker: Broker, draft: Draft) -> None:
        with pytest.raises(ApiError) as refused:
            broker.publish(TOPIC, [draft])
        assert refused.value.status == "INVALID_ARGUMENT"

    def test_message_at_googles_limits_is_accepted(self, broker: Broker) -> None:
        attributes = {f"k{n:03}".ljust(256, "k"): "v" * 1024 for n in range(100)}
        assert broker.publish(TOPIC, [Draft(b"", attributes)])
        assert broker.publish(TOPIC, [Draft(b"x" * 10_000_000)])
        assert len(broker.publish(TOPIC, [Draft(b"x")] * 1000)) == 1000

    def test_request_beyond_googles_limits_is_refused(self, broker: Broker) -> None:
        for drafts in ([], [Draft(b"x")] * 1001, [Draft(b"x" * 5_000_001)] * 2):
            with pytest.raises(ApiError) as refused:
                broker.publish(TOPIC, drafts)
            assert refused.value.status == "INVALID_ARGUMENT"

    @pytest.mark.parametrize(
        "name",
        ["ab", "goog-topic", "1topic", "a" * 256, "my topic", "", "töpic", "a/b"],
    )
    def test_invalid_name_is_refused(self, broker: Broker, name: str) -> None:
        with pytest.raises(ApiError) as refused:
            broker.create_topic(f"projects/demo/topics/{name}", {})
        assert refused.value.status == "INVALID_ARGUMENT"

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"ackDeadlineSeconds": 9}, "INVALID_ARGUMENT"),
            ({"ackDeadlineSeconds": 601}, "INVALID_ARGUMENT"),
            ({"filter": 'attributes.kind = "join"'}, "INVALID_ARGUMENT"),
            ({"enableExactlyOnceDelivery": True}, "INVALID_ARGUMENT"),
            ({"retryPolicy": {"minimumBackoff": "601s"}}, "INVALID_ARGUMENT"),
            ({"retryPolicy": {"minimumBackoff": "1m"}}, "INVALID_ARGUMENT"),
            ({"retryPolicy": {"maximumBackoff": "9s"}}, "INVALID_ARGUMENT"),
            ({"deadLetterPolicy": {"deadLetterTopic": TOPIC + "x"}}, "NOT_FOUND"),
            (
                {"deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 4}},
                "OUT_OF_RANGE",
            ),
            ({"topic": TOPIC + "x"}, "NOT_FOUND"),
            ({"pushConfig": {"pushEndpoint": "http://example.com/"}}, "INVALID_ARGUMENT"),
        ],
    )
    def test_an_invalid_or_unsupported_subscription_is_refused(
        self, broker: Broker, fields: dict[str, object], status: str
    ) -> None:
        with pytest.raises(ApiError) as refused:
            broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC, **fields})
        assert refused.value.status == status

    def test_the_back_off_grows_to_its_maximum(self) -> None:
        settings = Settings(min_backoff=0.1, max_backoff=60)
        assert [settings.backoff(n) for n in (1, 2, 3)] == pytest.approx([0.1, 0.2, 0.4])
        assert settings.backoff(10_000) == 60

    @pytest.mark.parametrize(("text", "value"), [("3s", 3), ("0.100s", 0.1), ("600s", 600)])
    def test_durations(self, text: str, value: float) -> None:
        assert seconds(text) == pytest.approx(value)


def test_idle_does_not_wait_for_pull_subscriptions(pubsub: PubSub) -> None:
    pubsub.create_topic("events")
    pubsub.create_topic("events")
    pubsub.subscribe("events", name="reader")
    pubsub.publish("events", b"x")
    assert pubsub.idle(0)
    assert pubsub.undelivered() == 0
    kinds = [(one["kind"], one["name"]) for one in pubsub.resources()]
    assert kinds == [("pubsub.topic", TOPIC), ("pubsub.subscription", SUBSCRIPTION)]
    assert pubsub.resources()[1]["statistics"]["undelivered"] == 1
