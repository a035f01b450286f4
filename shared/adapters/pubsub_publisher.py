"""Publishes to the project's own topics through google-cloud-pubsub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient

# All messages of one call are handed over first and awaited together: one by one, the client's
# batching delay would let through no more than a hundred a second.
_DEADLINE_SECONDS = 30.0


class PubsubPublisher:
    """``client`` is made when the first message is published, not before."""

    def __init__(self, client: Callable[[], PublisherClient], project: str) -> None:
        self._client = client
        self._project = project

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Publish all; raises what the client raises if one of them wasn't taken."""
        client = self._client()
        path = client.topic_path(self._project, topic)
        futures = [client.publish(path, data, timeout=_DEADLINE_SECONDS) for data in messages]
        for future in futures:
            future.result(timeout=_DEADLINE_SECONDS)
