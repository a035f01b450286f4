"""Shared by the push tests: a Pub/Sub with a topic, an endpoint, and statistics."""

from collections.abc import Iterator

import pytest

from local.cloud import Cloud
from local.pubsub import PubSub
from tests.local.pubsub import harness
from tests.local.pubsub.push_target import PushTarget

cloud = harness.cloud  # pytest finds fixtures by name


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
