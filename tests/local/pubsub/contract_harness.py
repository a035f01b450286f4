"""Shared by the contract tests: fixtures for the local Pub/Sub and for Google's emulator.

The emulator runs the same tests, if it is installed, so that they test what Google's Pub/Sub does
and not our reading of its documents.
"""

import time
from collections.abc import Iterator
from itertools import count

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1

from local.cloud import Cloud
from local.pubsub import PubSub
from local.stack.emulators import find_emulator, running
from tests.support import summary

EMULATOR = "pubsub-emulator"


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
def note_backend(request: pytest.FixtureRequest) -> None:
    """Record for the summary on which service a test ran, or which one is missing."""
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


class TopicClient:
    """A new topic for each test, and requests on it."""

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
        """Messages within `timeout`; an empty list if there are none."""
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
def client(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> TopicClient:
    return TopicClient(publisher, subscriber)
