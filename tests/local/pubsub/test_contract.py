"""One contract for two services: the local Pub/Sub and, if it is installed, Google's emulator.

Intended differences (docs/local-cloud/pubsub.md) are not tested here.
"""

import base64
import time

import pytest
from google.api_core import exceptions
from google.protobuf import duration_pb2

from tests.local.pubsub import contract_harness
from tests.local.pubsub.contract_harness import TopicClient
from tests.local.pubsub.push_target import PushTarget, fail_first

address, publisher = contract_harness.address, contract_harness.publisher
subscriber, client = contract_harness.subscriber, contract_harness.client
note_backend = contract_harness.note_backend  # pytest finds fixtures by name

QUICK = {
    "minimum_backoff": duration_pb2.Duration(nanos=100_000_000),
    "maximum_backoff": duration_pb2.Duration(nanos=200_000_000),
}
SOURCE = "CloudPubSubDeadLetterSource"


class TestPubSubContract:
    def test_a_subscription_gets_messages_published_after_its_creation(
        self, client: TopicClient
    ) -> None:
        early = client.subscribe()
        first = client.publish(b"hello", kind="join")
        late = client.subscribe()
        second = client.publish(b"", only="attributes")

        got = {one.message.message_id: one.message for one in client.pull(early)}
        assert set(got) == {first, second}
        assert got[first].data == b"hello"
        assert dict(got[first].attributes) == {"kind": "join"}
        assert got[second].data == b""
        assert client.pull_one(late).message.message_id == second

    def test_an_acknowledged_message_is_not_delivered_again(self, client: TopicClient) -> None:
        subscription = client.subscribe()
        client.publish()
        received = client.pull_one(subscription)
        client.deadline(subscription, received.ack_id, 1)
        client.acknowledge(subscription, received.ack_id)
        assert client.pull(subscription, timeout=2.5) == []

    def test_a_message_with_deadline_0_is_delivered_again(self, client: TopicClient) -> None:
        subscription = client.subscribe()
        message_id = client.publish()
        client.deadline(subscription, client.pull_one(subscription).ack_id, 0)
        assert client.pull_one(subscription).message.message_id == message_id

    def test_a_message_is_delivered_again_after_its_ack_deadline(self, client: TopicClient) -> None:
        subscription = client.subscribe()
        message_id = client.publish()
        received = client.pull_one(subscription)
        client.deadline(subscription, received.ack_id, 2)
        assert client.pull(subscription, timeout=1) == []
        again = client.pull_one(subscription)
        assert again.message.message_id == message_id
        assert again.ack_id != received.ack_id

    def test_dead_letter_after_the_last_attempt_of_a_pull(self, client: TopicClient) -> None:
        dead = client.new_topic()
        dead_letters = client.subscribe(dead)
        policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
        subscription = client.subscribe(dead_letter_policy=policy)
        client.publish(b"bad", kind="join")
        for attempt in range(1, 6):
            received = client.pull_one(subscription)
            assert received.delivery_attempt == attempt
            client.deadline(subscription, received.ack_id, 0)

        # The emulator dead-letters a message only at the next pull.
        assert client.pull(subscription, timeout=1) == []
        (dead_letter,) = [one.message for one in client.pull(dead_letters, timeout=25)]

        assert dead_letter.data == b"bad"
        assert dead_letter.message_id != received.message.message_id
        attributes = dict(dead_letter.attributes)
        published = attributes.pop(f"{SOURCE}TopicPublishTime")
        assert published.startswith(f"{received.message.publish_time:%Y-%m-%dT%H:%M:%S}.")
        assert attributes == {
            "kind": "join",
            f"{SOURCE}DeliveryCount": "5",
            f"{SOURCE}Subscription": subscription.rpartition("/")[2],
            f"{SOURCE}SubscriptionProject": "demo",
        }

    def test_wrapped_push(self, client: TopicClient) -> None:
        with PushTarget() as target:
            subscription = client.subscribe(push_config={"push_endpoint": target.url})
            message_id = client.publish(b"hello", kind="join")
            push = target.wait_for(1)[0]
        assert push.path == "/push"
        assert push.headers["content-type"] == "application/json"
        assert push.body["subscription"] == subscription
        published = push.message["publishTime"]
        assert len(published) == len("2026-01-31T12:00:00.000Z")
        assert push.message == {
            "data": base64.b64encode(b"hello").decode(),
            "attributes": {"kind": "join"},
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": published,
            "publish_time": published,
        }

    def test_push_is_repeated_until_it_is_acknowledged(self, client: TopicClient) -> None:
        with PushTarget(fail_first(2)) as target:
            client.subscribe(push_config={"push_endpoint": target.url}, retry_policy=QUICK)
            message_id = client.publish()
            pushes = target.wait_for(3)
            time.sleep(0.6)
            assert len(target.got) == 3
        assert [push.message["messageId"] for push in pushes] == [message_id] * 3

    def test_dead_letter_after_the_last_attempt_of_a_push(self, client: TopicClient) -> None:
        dead = client.new_topic()
        dead_letters = client.subscribe(dead)
        with PushTarget(lambda push: 500) as target:
            subscription = client.subscribe(
                push_config={"push_endpoint": target.url},
                retry_policy=QUICK,
                dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5},
            )
            client.publish(b"bad")
            received = client.pull(dead_letters, timeout=25)
            assert len(target.got) == 5
        attributes = dict(received[0].message.attributes)
        assert received[0].message.data == b"bad"
        assert attributes.pop(f"{SOURCE}TopicPublishTime") == target.got[0].message["publishTime"]
        assert attributes == {
            f"{SOURCE}DeliveryCount": "5",
            f"{SOURCE}Subscription": subscription.rpartition("/")[2],
            f"{SOURCE}SubscriptionProject": "demo",
        }

    def test_ordering_keys_keep_their_order_on_push(self, client: TopicClient) -> None:
        with PushTarget() as target:
            client.subscribe(
                push_config={"push_endpoint": target.url}, enable_message_ordering=True
            )
            for number in range(10):
                client.publish(str(number).encode(), ordering_key="ana")
            pushes = target.wait_for(10)
        texts = [base64.b64decode(push.message["data"]).decode() for push in pushes]
        assert texts == [str(number) for number in range(10)]

    def test_push_subscription_becomes_pull_without_its_endpoint(self, client: TopicClient) -> None:
        with PushTarget() as target:
            subscription = client.subscribe(push_config={"push_endpoint": target.url})
            client.publish()
            target.wait_for(1)
            client.subscriber.modify_push_config(subscription=subscription, push_config={})
            message_id = client.publish()
            assert client.pull_one(subscription).message.message_id == message_id
            assert len(target.got) == 1

    def test_defaults_of_a_new_subscription(self, client: TopicClient) -> None:
        made = client.subscriber.get_subscription(subscription=client.subscribe())
        assert made.topic == client.topic
        assert made.ack_deadline_seconds == 10
        assert made.message_retention_duration.days == 7
        policy = {"dead_letter_topic": client.topic}
        counted = client.subscribe(dead_letter_policy=policy)
        counted_policy = client.subscriber.get_subscription(subscription=counted).dead_letter_policy
        assert counted_policy.max_delivery_attempts == 5

    def test_a_subscription_remains_when_its_topic_is_deleted(self, client: TopicClient) -> None:
        subscription = client.subscribe()
        message_id = client.publish()
        client.publisher.delete_topic(topic=client.topic)
        assert client.subscriber.get_subscription(subscription=subscription).topic == (
            "_deleted-topic_"
        )
        assert client.pull_one(subscription).message.message_id == message_id

    def test_errors_of_topics(self, client: TopicClient) -> None:
        missing = "projects/demo/topics/missing"
        with pytest.raises(exceptions.AlreadyExists):
            client.publisher.create_topic(name=client.topic)
        for name in ("projects/demo/topics/ab", "projects/demo/topics/goog-x", "nonsense"):
            with pytest.raises(exceptions.InvalidArgument):
                client.publisher.create_topic(name=name)
        with pytest.raises(exceptions.NotFound):
            client.publisher.get_topic(topic=missing)
        with pytest.raises(exceptions.NotFound):
            client.publisher.delete_topic(topic=missing)
        with pytest.raises(exceptions.NotFound):
            client.publisher.publish(missing, b"x").result(10)
        with pytest.raises(exceptions.InvalidArgument):
            client.publish(b"")

    def test_errors_of_subscriptions(self, client: TopicClient) -> None:
        missing = "projects/demo/subscriptions/missing"
        subscription = client.subscribe()
        with pytest.raises(exceptions.AlreadyExists):
            client.subscriber.create_subscription(name=subscription, topic=client.topic)
        with pytest.raises(exceptions.NotFound):
            client.subscribe("projects/demo/topics/missing")
        for call in (
            lambda: client.subscriber.get_subscription(subscription=missing),
            lambda: client.subscriber.delete_subscription(subscription=missing),
            lambda: client.subscriber.pull(subscription=missing, max_messages=1),
            lambda: client.subscribe(dead_letter_policy={"dead_letter_topic": client.topic + "x"}),
        ):
            with pytest.raises(exceptions.NotFound):
                call()
        with pytest.raises(exceptions.OutOfRange):
            client.subscribe(
                dead_letter_policy={"dead_letter_topic": client.topic, "max_delivery_attempts": 4}
            )
        for settings in (
            {"push_config": {"push_endpoint": "nonsense"}},
            {"retry_policy": {"minimum_backoff": duration_pb2.Duration(seconds=601)}},
            {"retry_policy": {"maximum_backoff": duration_pb2.Duration(seconds=9)}},
        ):
            with pytest.raises(exceptions.InvalidArgument):
                client.subscribe(**settings)

    def test_errors_of_acknowledging(self, client: TopicClient) -> None:
        subscription = client.subscribe()
        for call in (
            lambda: client.subscriber.pull(subscription=subscription, max_messages=0),
            lambda: client.subscriber.acknowledge(subscription=subscription, ack_ids=[]),
            lambda: client.acknowledge(subscription, "nonsense"),
            lambda: client.deadline(subscription, "nonsense", 10),
        ):
            with pytest.raises(exceptions.InvalidArgument):
                call()
