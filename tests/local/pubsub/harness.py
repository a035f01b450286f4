"""Shared by the Pub/Sub tests: a cloud with a running Pub/Sub, and names."""

from collections.abc import Iterator

import pytest

from local.cloud import Cloud
from local.pubsub import PubSub

TOPIC = "projects/demo/topics/events"
SUBSCRIPTION = "projects/demo/subscriptions/reader"


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(project="demo")


@pytest.fixture
def pubsub(cloud: Cloud) -> Iterator[PubSub]:
    pubsub = PubSub(cloud)
    pubsub.start()
    yield pubsub
    pubsub.stop()
