"""The part of the Pub/Sub contract for seeks and snapshots, on the same two services."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions

from tests.local.pubsub import contract_harness
from tests.local.pubsub.contract_harness import TopicClient

address, publisher = contract_harness.address, contract_harness.publisher
subscriber, client = contract_harness.subscriber, contract_harness.client
note_backend = contract_harness.note_backend  # pytest finds fixtures by name


class TestSeek:
    """A seek redelivers acknowledged messages that are retained or in a snapshot."""

    def drained(self, client: TopicClient, *messages: bytes, **settings: object) -> str:
        """A subscription that has pulled and acknowledged these messages."""
        subscription = client.subscribe(**settings)
        for data in messages:
            client.publish(data)
            client.acknowledge(subscription, client.pull_one(subscription).ack_id)
        return subscription

    def left(self, client: TopicClient, subscription: str, expected: int = 0) -> list[bytes]:
        """Pull and acknowledge all messages; wait for `expected` of them.

        A pull that timed out in the client may have leased them; then they are delivered again
        after their deadline.
        """
        found: list[bytes] = []
        while received := client.pull(subscription, timeout=20 if len(found) < expected else 1.5):
            found += [one.message.data for one in received]
            client.acknowledge(subscription, *[one.ack_id for one in received])
        return sorted(found)

    def test_a_seek_back_in_time_redelivers_retained_messages(self, client: TopicClient) -> None:
        subscription = self.drained(client, b"a", b"b", retain_acked_messages=True)
        assert self.left(client, subscription) == []
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        client.subscriber.seek(request={"subscription": subscription, "time": hour_ago})
        assert self.left(client, subscription, 2) == [b"a", b"b"]

    def test_without_retention_acknowledged_messages_are_not_redelivered(
        self, client: TopicClient
    ) -> None:
        subscription = self.drained(client, b"a")
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        client.subscriber.seek(request={"subscription": subscription, "time": hour_ago})
        assert self.left(client, subscription) == []

    def test_a_seek_forward_acknowledges_earlier_messages(self, client: TopicClient) -> None:
        subscription = client.subscribe()
        client.publish(b"a")
        in_an_hour = datetime.now(UTC) + timedelta(hours=1)
        client.subscriber.seek(request={"subscription": subscription, "time": in_an_hour})
        assert self.left(client, subscription) == []

    def test_a_snapshot_restores_its_messages_and_later_ones(self, client: TopicClient) -> None:
        subscription = self.drained(client, b"before")
        client.publish(b"unacknowledged")
        snapshot = f"{subscription.replace('/subscriptions/', '/snapshots/')}-snapshot"
        client.subscriber.create_snapshot(name=snapshot, subscription=subscription)
        client.publish(b"since")
        assert self.left(client, subscription, 2) == [b"since", b"unacknowledged"]
        client.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
        assert self.left(client, subscription, 2) == [b"since", b"unacknowledged"]
        client.subscriber.delete_snapshot(snapshot=snapshot)
        with pytest.raises(exceptions.NotFound):
            client.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
