"""One contract, two services: the local Pub/Sub is held to what Google's own emulator does.

The emulator takes part wherever it is installed; it is checked here too, so that a test which both
pass says something about Pub/Sub and not about our reading of it. Where the two differ on purpose
(docs/local-cloud/pubsub.md) there is no test here.
"""

import base64
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.protobuf import duration_pb2

from local.cloud import Cloud
from local.pubsub import PubSub
from local.stack.emulators import find_emulator, running
from tests.local.pubsub.push_target import PushTarget, fail_first
from tests.support import summary

QUICK = {
    "minimum_backoff": duration_pb2.Duration(nanos=100_000_000),
    "maximum_backoff": duration_pb2.Duration(nanos=200_000_000),
}
EMULATOR = "pubsub-emulator"
SOURCE = "CloudPubSubDeadLetterSource"


def local_service() -> Iterator[str]:
    pubsub = PubSub(Cloud(project="demo"))
    pubsub.start()
    server = pubsub.grpc_server()
    yield server.address
    server.stop()
    pubsub.stop()


def official_service() -> Iterator[str]:
    found = find_emulator(EMULATOR)
    if isinstance(found, str):
        pytest.skip(f"pubsub emulator: {found}")
    with running(found) as host:
        yield host


@pytest.fixture(scope="module", params=["local", "official"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from local_service() if request.param == "local" else official_service()


@pytest.fixture(autouse=True)
def told(request: pytest.FixtureRequest) -> None:
    """Note for the summary which of the two a test ran on, or lacked."""
    if "local" in request.node.callspec.id:
        summary.ran_on(request, "local Pub/Sub")
        return
    found = find_emulator(EMULATOR)
    if isinstance(found, str):
        summary.missing(request, f"pubsub emulator: {found}")
    else:
        summary.ran_on(request, f"pubsub emulator {found.version}".strip())


@pytest.fixture(scope="module")
def publisher(address: str) -> Iterator[pubsub_v1.PublisherClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        client = pubsub_v1.PublisherClient(
            pubsub_v1.types.BatchSettings(max_messages=1),
            pubsub_v1.types.PublisherOptions(enable_message_ordering=True),
        )
    yield client
    client.stop()
    client.transport.close()


@pytest.fixture(scope="module")
def subscriber(address: str) -> Iterator[pubsub_v1.SubscriberClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        client = pubsub_v1.SubscriberClient()
    with client:
        yield client


class World:
    """A topic of its own for each test, and what tests do with it."""

    _numbers = count(1)

    def __init__(
        self, publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
    ) -> None:
        self.publisher = publisher
        self.subscriber = subscriber
        self.topic = self.new_topic()

    def new_topic(self) -> str:
        name = f"projects/demo/topics/topic-{next(self._numbers)}"
        self.publisher.create_topic(name=name)
        return name

    def subscribe(self, topic: str = "", **settings: object) -> str:
        name = f"projects/demo/subscriptions/subscription-{next(self._numbers)}"
        body = {"name": name, "topic": topic or self.topic, **settings}
        self.subscriber.create_subscription(request=body)
        return name

    def publish(self, data: bytes = b"x", ordering_key: str = "", **attributes: str) -> str:
        future = self.publisher.publish(self.topic, data, ordering_key=ordering_key, **attributes)
        message_id: str = future.result(10)
        return message_id

    def pull(self, subscription: str, timeout: float = 5) -> list[pubsub_v1.types.ReceivedMessage]:
        """What comes within `timeout`; empty when nothing does."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            try:
                response = self.subscriber.pull(
                    subscription=subscription, max_messages=10, timeout=left, retry=None
                )
            except exceptions.DeadlineExceeded:
                return []
            if response.received_messages:
                return list(response.received_messages)
        return []

    def pull_one(self, subscription: str) -> pubsub_v1.types.ReceivedMessage:
        received = self.pull(subscription)
        assert len(received) == 1
        return received[0]

    def acknowledge(self, subscription: str, *ack_ids: str) -> None:
        self.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)

    def deadline(self, subscription: str, ack_id: str, seconds: int) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[ack_id], ack_deadline_seconds=seconds
        )


@pytest.fixture
def world(publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient) -> World:
    return World(publisher, subscriber)


class TestPubSubContract:
    def test_every_subscription_gets_what_is_published_after_it(self, world: World) -> None:
        early = world.subscribe()
        first = world.publish(b"hello", kind="join")
        late = world.subscribe()
        second = world.publish(b"", only="attributes")

        got = {one.message.message_id: one.message for one in world.pull(early)}
        assert set(got) == {first, second}
        assert got[first].data == b"hello"
        assert dict(got[first].attributes) == {"kind": "join"}
        assert got[second].data == b""
        assert world.pull_one(late).message.message_id == second

    def test_acknowledged_message_never_comes_again(self, world: World) -> None:
        subscription = world.subscribe()
        world.publish()
        received = world.pull_one(subscription)
        world.deadline(subscription, received.ack_id, 1)
        world.acknowledge(subscription, received.ack_id)
        assert world.pull(subscription, timeout=2.5) == []

    def test_message_given_back_comes_again(self, world: World) -> None:
        subscription = world.subscribe()
        message_id = world.publish()
        world.deadline(subscription, world.pull_one(subscription).ack_id, 0)
        assert world.pull_one(subscription).message.message_id == message_id

    def test_message_comes_again_after_its_ack_deadline(self, world: World) -> None:
        subscription = world.subscribe()
        message_id = world.publish()
        received = world.pull_one(subscription)
        world.deadline(subscription, received.ack_id, 2)
        assert world.pull(subscription, timeout=1) == []
        again = world.pull_one(subscription)
        assert again.message.message_id == message_id
        assert again.ack_id != received.ack_id

    def test_dead_letter_after_the_last_attempt_of_a_pull(self, world: World) -> None:
        dead = world.new_topic()
        grave = world.subscribe(dead)
        policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
        subscription = world.subscribe(dead_letter_policy=policy)
        world.publish(b"bad", kind="join")
        for attempt in range(1, 6):
            received = world.pull_one(subscription)
            assert received.delivery_attempt == attempt
            world.deadline(subscription, received.ack_id, 0)

        # The emulator buries a message only when somebody pulls once more.
        assert world.pull(subscription, timeout=1) == []
        (buried,) = [one.message for one in world.pull(grave, timeout=25)]

        assert buried.data == b"bad"
        assert buried.message_id != received.message.message_id
        attributes = dict(buried.attributes)
        published = attributes.pop(f"{SOURCE}TopicPublishTime")
        assert published.startswith(f"{received.message.publish_time:%Y-%m-%dT%H:%M:%S}.")
        assert attributes == {
            "kind": "join",
            f"{SOURCE}DeliveryCount": "5",
            f"{SOURCE}Subscription": subscription.rpartition("/")[2],
            f"{SOURCE}SubscriptionProject": "demo",
        }

    def test_wrapped_push(self, world: World) -> None:
        with PushTarget() as target:
            subscription = world.subscribe(push_config={"push_endpoint": target.url})
            message_id = world.publish(b"hello", kind="join")
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

    def test_push_is_repeated_until_it_is_acknowledged(self, world: World) -> None:
        with PushTarget(fail_first(2)) as target:
            world.subscribe(push_config={"push_endpoint": target.url}, retry_policy=QUICK)
            message_id = world.publish()
            pushes = target.wait_for(3)
            time.sleep(0.6)
            assert len(target.got) == 3
        assert [push.message["messageId"] for push in pushes] == [message_id] * 3

    def test_dead_letter_after_the_last_attempt_of_a_push(self, world: World) -> None:
        dead = world.new_topic()
        grave = world.subscribe(dead)
        with PushTarget(lambda push: 500) as target:
            subscription = world.subscribe(
                push_config={"push_endpoint": target.url},
                retry_policy=QUICK,
                dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5},
            )
            world.publish(b"bad")
            received = world.pull(grave, timeout=25)
            assert len(target.got) == 5
        attributes = dict(received[0].message.attributes)
        assert received[0].message.data == b"bad"
        assert attributes.pop(f"{SOURCE}TopicPublishTime") == target.got[0].message["publishTime"]
        assert attributes == {
            f"{SOURCE}DeliveryCount": "5",
            f"{SOURCE}Subscription": subscription.rpartition("/")[2],
            f"{SOURCE}SubscriptionProject": "demo",
        }

    def test_ordering_keys_keep_their_order_on_push(self, world: World) -> None:
        with PushTarget() as target:
            world.subscribe(push_config={"push_endpoint": target.url}, enable_message_ordering=True)
            for number in range(10):
                world.publish(str(number).encode(), ordering_key="ana")
            pushes = target.wait_for(10)
        texts = [base64.b64decode(push.message["data"]).decode() for push in pushes]
        assert texts == [str(number) for number in range(10)]

    def test_push_subscription_becomes_pull_without_its_endpoint(self, world: World) -> None:
        with PushTarget() as target:
            subscription = world.subscribe(push_config={"push_endpoint": target.url})
            world.publish()
            target.wait_for(1)
            world.subscriber.modify_push_config(subscription=subscription, push_config={})
            message_id = world.publish()
            assert world.pull_one(subscription).message.message_id == message_id
            assert len(target.got) == 1

    def test_defaults_of_a_new_subscription(self, world: World) -> None:
        made = world.subscriber.get_subscription(subscription=world.subscribe())
        assert made.topic == world.topic
        assert made.ack_deadline_seconds == 10
        assert made.message_retention_duration.days == 7
        policy = {"dead_letter_topic": world.topic}
        counted = world.subscribe(dead_letter_policy=policy)
        counted_policy = world.subscriber.get_subscription(subscription=counted).dead_letter_policy
        assert counted_policy.max_delivery_attempts == 5

    def test_subscription_outlives_its_topic(self, world: World) -> None:
        subscription = world.subscribe()
        message_id = world.publish()
        world.publisher.delete_topic(topic=world.topic)
        assert world.subscriber.get_subscription(subscription=subscription).topic == (
            "_deleted-topic_"
        )
        assert world.pull_one(subscription).message.message_id == message_id

    def test_errors_of_topics(self, world: World) -> None:
        missing = "projects/demo/topics/missing"
        with pytest.raises(exceptions.AlreadyExists):
            world.publisher.create_topic(name=world.topic)
        for name in ("projects/demo/topics/ab", "projects/demo/topics/goog-x", "nonsense"):
            with pytest.raises(exceptions.InvalidArgument):
                world.publisher.create_topic(name=name)
        with pytest.raises(exceptions.NotFound):
            world.publisher.get_topic(topic=missing)
        with pytest.raises(exceptions.NotFound):
            world.publisher.delete_topic(topic=missing)
        with pytest.raises(exceptions.NotFound):
            world.publisher.publish(missing, b"x").result(10)
        with pytest.raises(exceptions.InvalidArgument):
            world.publish(b"")

    def test_errors_of_subscriptions(self, world: World) -> None:
        missing = "projects/demo/subscriptions/missing"
        subscription = world.subscribe()
        with pytest.raises(exceptions.AlreadyExists):
            world.subscriber.create_subscription(name=subscription, topic=world.topic)
        with pytest.raises(exceptions.NotFound):
            world.subscribe("projects/demo/topics/missing")
        for call in (
            lambda: world.subscriber.get_subscription(subscription=missing),
            lambda: world.subscriber.delete_subscription(subscription=missing),
            lambda: world.subscriber.pull(subscription=missing, max_messages=1),
            lambda: world.subscribe(dead_letter_policy={"dead_letter_topic": world.topic + "x"}),
        ):
            with pytest.raises(exceptions.NotFound):
                call()
        with pytest.raises(exceptions.OutOfRange):
            world.subscribe(
                dead_letter_policy={"dead_letter_topic": world.topic, "max_delivery_attempts": 4}
            )
        for settings in (
            {"push_config": {"push_endpoint": "nonsense"}},
            {"retry_policy": {"minimum_backoff": duration_pb2.Duration(seconds=601)}},
            {"retry_policy": {"maximum_backoff": duration_pb2.Duration(seconds=9)}},
        ):
            with pytest.raises(exceptions.InvalidArgument):
                world.subscribe(**settings)

    def test_errors_of_acknowledging(self, world: World) -> None:
        subscription = world.subscribe()
        for call in (
            lambda: world.subscriber.pull(subscription=subscription, max_messages=0),
            lambda: world.subscriber.acknowledge(subscription=subscription, ack_ids=[]),
            lambda: world.acknowledge(subscription, "nonsense"),
            lambda: world.deadline(subscription, "nonsense", 10),
        ):
            with pytest.raises(exceptions.InvalidArgument):
                call()


class TestSeek:
    """A seek brings back acknowledged messages that are retained, or that a snapshot holds."""

    def drained(self, world: World, *messages: bytes, **settings: object) -> str:
        """A subscription that has pulled and acknowledged these messages."""
        subscription = world.subscribe(**settings)
        for data in messages:
            world.publish(data)
            world.acknowledge(subscription, world.pull_one(subscription).ack_id)
        return subscription

    def left(self, world: World, subscription: str, expected: int = 0) -> list[bytes]:
        """Pull all messages, and acknowledge each; so many are waited for.

        A pull that its client gave up may have taken them: then they come again when its deadline
        is over.
        """
        found: list[bytes] = []
        while received := world.pull(subscription, timeout=20 if len(found) < expected else 1.5):
            found += [one.message.data for one in received]
            world.acknowledge(subscription, *[one.ack_id for one in received])
        return sorted(found)

    def test_a_seek_back_in_time_brings_retained_messages_back(self, world: World) -> None:
        subscription = self.drained(world, b"a", b"b", retain_acked_messages=True)
        assert self.left(world, subscription) == []
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        world.subscriber.seek(request={"subscription": subscription, "time": hour_ago})
        assert self.left(world, subscription, 2) == [b"a", b"b"]

    def test_without_retention_nothing_acknowledged_comes_back(self, world: World) -> None:
        subscription = self.drained(world, b"a")
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        world.subscriber.seek(request={"subscription": subscription, "time": hour_ago})
        assert self.left(world, subscription) == []

    def test_a_seek_forward_acknowledges_what_was_published_before(self, world: World) -> None:
        subscription = world.subscribe()
        world.publish(b"a")
        in_an_hour = datetime.now(UTC) + timedelta(hours=1)
        world.subscriber.seek(request={"subscription": subscription, "time": in_an_hour})
        assert self.left(world, subscription) == []

    def test_a_snapshot_brings_its_backlog_back_and_what_came_since(self, world: World) -> None:
        subscription = self.drained(world, b"before")
        world.publish(b"unacknowledged")
        snapshot = f"{subscription.replace('/subscriptions/', '/snapshots/')}-snapshot"
        world.subscriber.create_snapshot(name=snapshot, subscription=subscription)
        world.publish(b"since")
        assert self.left(world, subscription, 2) == [b"since", b"unacknowledged"]
        world.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
        assert self.left(world, subscription, 2) == [b"since", b"unacknowledged"]
        world.subscriber.delete_snapshot(snapshot=snapshot)
        with pytest.raises(exceptions.NotFound):
            world.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
