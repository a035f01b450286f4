"""Updates, retention and snapshots beyond what the emulator supports."""

from datetime import timedelta
from typing import Any

import pytest

from local.cloud import Cloud
from local.errors import ApiError
from local.pubsub import PubSub
from tests.local.pubsub import harness
from tests.local.pubsub.harness import SUBSCRIPTION, TOPIC

cloud, pubsub = harness.cloud, harness.pubsub  # pytest finds fixtures by name

SNAPSHOT = "projects/demo/snapshots/then"


@pytest.fixture(autouse=True)
def _topic(pubsub: PubSub) -> None:
    pubsub.create_topic(TOPIC)


def update(pubsub: PubSub, mask: str, **body: Any) -> dict[str, Any]:
    return pubsub.broker.update_subscription(SUBSCRIPTION, body, mask)


def pull(pubsub: PubSub) -> list[bytes]:
    """Pull and acknowledge all messages."""
    leased = pubsub.broker.pull(SUBSCRIPTION, 100, 0)
    pubsub.broker.acknowledge(SUBSCRIPTION, [one.ack_id for one in leased])
    return [one.message.data for one in leased]


def refused(excinfo: pytest.ExceptionInfo[ApiError]) -> str:
    return excinfo.value.status


class TestUpdates:
    def test_only_the_fields_of_the_mask_are_changed(self, pubsub: PubSub) -> None:
        body = {"topic": TOPIC, "labels": {"team": "core"}, "ackDeadlineSeconds": 20}
        pubsub.broker.create_subscription(SUBSCRIPTION, body)
        changed = update(pubsub, "ack_deadline_seconds", ackDeadlineSeconds=30, labels={})
        assert (changed["ackDeadlineSeconds"], changed["labels"]) == (30, {"team": "core"})
        assert "labels" not in update(pubsub, "labels")
        assert pubsub.broker.subscription(SUBSCRIPTION)["ackDeadlineSeconds"] == 30

    def test_the_exact_deadline_is_kept_by_other_changes(
        self, pubsub: PubSub, cloud: Cloud
    ) -> None:
        pubsub.subscribe(TOPIC, name=SUBSCRIPTION, ack_deadline_seconds=2.5)
        update(pubsub, "labels", labels={"team": "core"})
        pubsub.publish(TOPIC, b"a")
        assert pubsub.broker.pull(SUBSCRIPTION, 1, 0)
        cloud.clock.advance(timedelta(seconds=3))
        assert (
            pubsub.broker.pull(SUBSCRIPTION, 1, 0) == []
        )  # its lease ended; now it waits for its back-off
        cloud.clock.advance(timedelta(seconds=1))
        assert len(pubsub.broker.pull(SUBSCRIPTION, 1, 0)) == 1

    @pytest.mark.parametrize(
        ("mask", "body"),
        [
            ("", {}),
            ("topic", {"topic": "projects/demo/topics/other"}),
            ("filter", {"filter": "x"}),
            ("ackDeadlineSeconds", {"ackDeadlineSeconds": 5}),
            ("messageRetentionDuration", {"messageRetentionDuration": "599s"}),
            ("pushConfig", {"pushConfig": {"pushEndpoint": "https://example.com/"}}),
        ],
    )
    def test_an_invalid_update_is_refused_and_changes_nothing(
        self, pubsub: PubSub, mask: str, body: dict[str, Any]
    ) -> None:
        pubsub.subscribe(TOPIC, name=SUBSCRIPTION)
        before = pubsub.broker.subscription(SUBSCRIPTION)
        with pytest.raises(ApiError) as refusal:
            update(pubsub, mask, **body)
        assert refused(refusal) == "INVALID_ARGUMENT"
        assert pubsub.broker.subscription(SUBSCRIPTION) == before

    def test_a_topics_labels_are_replaced(self, pubsub: PubSub) -> None:
        changed = pubsub.broker.update_topic(TOPIC, {"labels": {"team": "core"}}, "labels")
        assert changed == {"name": TOPIC, "labels": {"team": "core"}}
        assert pubsub.broker.topic(TOPIC) == changed


class TestRetention:
    def reader(self, pubsub: PubSub, **body: Any) -> None:
        """A subscription that has acknowledged message a."""
        pubsub.broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC, **body})
        pubsub.publish(TOPIC, b"a")
        assert pull(pubsub) == [b"a"]

    def seek_back(self, pubsub: PubSub, cloud: Cloud) -> list[bytes]:
        time = (cloud.clock.now() - timedelta(days=100)).isoformat()
        pubsub.broker.seek(SUBSCRIPTION, {"time": time})
        return pull(pubsub)

    def test_retention_ends_after_the_subscriptions_duration(
        self, pubsub: PubSub, cloud: Cloud
    ) -> None:
        self.reader(pubsub, retainAckedMessages=True, messageRetentionDuration="3600s")
        cloud.clock.advance(timedelta(minutes=59))
        assert self.seek_back(pubsub, cloud) == [b"a"]
        cloud.clock.advance(timedelta(minutes=2))
        assert self.seek_back(pubsub, cloud) == []

    def test_a_topics_retention_applies_to_all_its_subscriptions(
        self, pubsub: PubSub, cloud: Cloud
    ) -> None:
        pubsub.broker.update_topic(
            TOPIC, {"messageRetentionDuration": "86400s"}, "messageRetentionDuration"
        )
        self.reader(pubsub)
        assert self.seek_back(pubsub, cloud) == [b"a"]

    @pytest.mark.parametrize("body", [{}, {"time": "2026-01-01T00:00:00Z", "snapshot": SNAPSHOT}])
    def test_a_seek_needs_either_a_time_or_a_snapshot(
        self, pubsub: PubSub, body: dict[str, str]
    ) -> None:
        self.reader(pubsub)
        with pytest.raises(ApiError) as refusal:
            pubsub.broker.seek(SUBSCRIPTION, body)
        assert refused(refusal) == "INVALID_ARGUMENT"

    def test_a_snapshot_expires_after_a_week_less_its_oldest_messages_age(
        self, pubsub: PubSub, cloud: Cloud
    ) -> None:
        pubsub.subscribe(TOPIC, name=SUBSCRIPTION)
        pubsub.publish(TOPIC, b"a")
        cloud.clock.advance(timedelta(days=3))
        pubsub.broker.create_snapshot(SNAPSHOT, {"subscription": SUBSCRIPTION})
        cloud.clock.advance(timedelta(days=3, hours=23))
        assert pubsub.broker.snapshot(SNAPSHOT)["topic"] == TOPIC
        with pytest.raises(ApiError) as refusal:
            pubsub.broker.create_snapshot(f"{SNAPSHOT}-2", {"subscription": SUBSCRIPTION})
        assert refused(refusal) == "FAILED_PRECONDITION"
        cloud.clock.advance(timedelta(hours=2))
        with pytest.raises(ApiError) as gone:
            pubsub.broker.snapshot(SNAPSHOT)
        assert refused(gone) == "NOT_FOUND"

    def test_a_snapshot_of_another_topic_is_refused(self, pubsub: PubSub) -> None:
        other = pubsub.create_topic("other")
        pubsub.subscribe(TOPIC, name=SUBSCRIPTION)
        pubsub.subscribe(other, name="others")
        pubsub.broker.create_snapshot(
            SNAPSHOT, {"subscription": "projects/demo/subscriptions/others"}
        )
        with pytest.raises(ApiError) as refusal:
            pubsub.broker.seek(SUBSCRIPTION, {"snapshot": SNAPSHOT})
        assert refused(refusal) == "INVALID_ARGUMENT"
