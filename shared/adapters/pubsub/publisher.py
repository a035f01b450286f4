"""Publishes to the project's own topics through google-cloud-pubsub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shared.ports import NotPublished

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
        """Publish all; ``NotPublished``, chained, if one of them wasn't taken in time."""
        from google.api_core.exceptions import GoogleAPIError

        client = self._client()
        path = client.topic_path(self._project, topic)
        try:
            futures = [client.publish(path, data, timeout=_DEADLINE_SECONDS) for data in messages]
            for future in futures:
                future.result(timeout=_DEADLINE_SECONDS)
        except (GoogleAPIError, TimeoutError) as error:
            raise NotPublished(f"topic {topic}: {error}") from error
