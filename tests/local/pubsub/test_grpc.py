"""Pub/Sub over gRPC with Google's clients."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.protobuf import duration_pb2

from local.cloud import Cloud
from local.pubsub import PubSub
from tests.local.pubsub import harness
from tests.local.pubsub.harness import SUBSCRIPTION, TOPIC

cloud, pubsub = harness.cloud, harness.pubsub  # pytest finds fixtures by name


@pytest.fixture
def address(pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = pubsub.grpc_server()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
    yield server.address
    server.stop()


@pytest.fixture
def publisher(address: str) -> Iterator[pubsub_v1.PublisherClient]:
    # One message per batch, so that the client doesn't wait for more.
    client = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_messages=1))
    yield client
    client.stop()
    client.transport.close()


@pytest.fixture
def subscriber(address: str) -> Iterator[pubsub_v1.SubscriberClient]:
    with pubsub_v1.SubscriberClient() as client:
        yield client


class TestGrpc:
    def test_a_message_is_published_and_pulled(
        self, publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
    ) -> None:
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        message_id = publisher.publish(TOPIC, b"hello", kind="join").result(5)

        received = subscriber.pull(subscription=SUBSCRIPTION, max_messages=5).received_messages

        assert len(received) == 1
        message = received[0].message
        assert (message.data, dict(message.attributes)) == (b"hello", {"kind": "join"})
        assert message.message_id == message_id
        assert received[0].delivery_attempt == 0, "only counted with a dead-letter policy"
        assert abs(message.publish_time.timestamp() - time.time()) < 10

    def test_topics_are_listed_in_pages_and_deleted(
        self, publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
    ) -> None:
        names = [f"projects/demo/topics/topic-{number}" for number in range(5)]
        for name in names:
            publisher.create_topic(name=name)
        publisher.create_topic(name="projects/other/topics/foreign")
        subscriber.create_subscription(name=SUBSCRIPTION, topic=names[0])

        pages = publisher.list_topics(request={"project": "projects/demo", "page_size": 2}).pages
        assert [[topic.name for topic in page.topics] for page in pages] == [
            names[0:2],
            names[2:4],
            names[4:],
        ]
        assert list(publisher.list_topic_subscriptions(topic=names[0])) == [SUBSCRIPTION]

        publisher.delete_topic(topic=names[0])
        assert subscriber.get_subscription(subscription=SUBSCRIPTION).topic == "_deleted-topic_"
        with pytest.raises(exceptions.NotFound):
            publisher.get_topic(topic=names[0])

    def test_a_subscription_is_read_as_it_was_written(
        self, publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
    ) -> None:
        publisher.create_topic(name=TOPIC)
        written = {
            "name": SUBSCRIPTION,
            "topic": TOPIC,
            "ack_deadline_seconds": 42,
            "labels": {"team": "data"},
            "enable_message_ordering": True,
            "retry_policy": {
                "minimum_backoff": duration_pb2.Duration(seconds=1),
                "maximum_backoff": duration_pb2.Duration(seconds=9, nanos=500_000_000),
            },
            "dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 7},
            "push_config": {"push_endpoint": "http://localhost:9/x"},
        }
        subscriber.create_subscription(request=written)

        read = subscriber.get_subscription(subscription=SUBSCRIPTION)

        assert list(subscriber.list_subscriptions(project="projects/demo")) == [read]
        assert read.ack_deadline_seconds == 42
        assert dict(read.labels) == {"team": "data"}
        assert read.enable_message_ordering
        assert read.retry_policy.maximum_backoff == timedelta(seconds=9.5)
        assert read.dead_letter_policy.max_delivery_attempts == 7
        assert read.push_config.push_endpoint == "http://localhost:9/x"
        assert dict(read.push_config.attributes) == {"x-goog-version": "v1"}
        assert read.message_retention_duration == timedelta(days=7)

        subscriber.modify_push_config(subscription=SUBSCRIPTION, push_config={})
        assert not subscriber.get_subscription(subscription=SUBSCRIPTION).push_config.push_endpoint
        subscriber.delete_subscription(subscription=SUBSCRIPTION)
        with pytest.raises(exceptions.NotFound):
            subscriber.get_subscription(subscription=SUBSCRIPTION)

    def test_streaming_pull_works_with_the_clients_subscribe(
        self, publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
    ) -> None:
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        wanted = {publisher.publish(TOPIC, b"x").result(5) for _ in range(20)}
        got: list[str] = []
        complete = threading.Event()

        def handle(message: pubsub_v1.subscriber.message.Message) -> None:
            got.append(message.message_id)
            message.ack()
            if len(got) == len(wanted):
                complete.set()

        stream = subscriber.subscribe(SUBSCRIPTION, callback=handle)
        assert complete.wait(10)
        stream.cancel()
        stream.result(10)
        assert sorted(got) == sorted(wanted), "each exactly once"

    def test_scripted_faults_apply_to_grpc_clients(
        self, cloud: Cloud, publisher: pubsub_v1.PublisherClient
    ) -> None:
        publisher.create_topic(name=TOPIC)
        fault = cloud.faults.add(
            {
                "service": "pubsub",
                "method": "topics.get",
                "times": 1,
                "error": {"status": "PERMISSION_DENIED", "message": "not you"},
            }
        )
        with pytest.raises(exceptions.PermissionDenied, match="not you"):
            publisher.get_topic(topic=TOPIC)
        assert fault.hits == 1
        cut = cloud.faults.add({"service": "pubsub", "method": "topics.get", "drop": True})
        with pytest.raises(exceptions.ServiceUnavailable):
            publisher.get_topic(topic=TOPIC, retry=None)
        assert cut.hits == 1
        calls = cloud.calls.entries("pubsub", "topics.get")
        assert [(call.target, call.outcome) for call in calls] == [
            (TOPIC, "PERMISSION_DENIED"),
            (TOPIC, "DROPPED"),
        ]

    def test_the_client_publishes_again_after_a_lost_answer(
        self, cloud: Cloud, pubsub: PubSub, publisher: pubsub_v1.PublisherClient
    ) -> None:
        pubsub.create_topic("events")
        pubsub.subscribe("events", name="reader")
        fault = cloud.faults.add(
            {
                "service": "pubsub",
                "method": "topics.publish",
                "when": "after",
                "times": 1,
                "error": {"status": "UNAVAILABLE"},
            }
        )
        publisher.publish(TOPIC, b"once").result(10)
        assert fault.hits == 1
        assert len(pubsub.broker.pull(SUBSCRIPTION, 10, 0)) == 2

    def test_a_port_in_use_is_an_error(self, pubsub: PubSub, address: str) -> None:
        with pytest.raises(RuntimeError):
            pubsub.grpc_server(port=int(address.rpartition(":")[2]))
