"""Publishes to the project's own topics with google-cloud-pubsub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shared.ports import NotPublished

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient

# All messages of one call are passed to the client before the first is awaited: one at a time, its
# batching delay would limit us to a hundred per second.
_DEADLINE_SECONDS = 30.0


class PubsubPublisher:
    """``client`` is called at each publication and returns one shared client."""

    def __init__(self, client: Callable[[], PublisherClient], project: str) -> None:
        self._client = client
        self._project = project

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Publish all; raises ``NotPublished``, chained, if one was not accepted in time."""
        from google.api_core.exceptions import GoogleAPIError

        client = self._client()
        path = client.topic_path(self._project, topic)
        try:
            futures = [client.publish(path, data, timeout=_DEADLINE_SECONDS) for data in messages]
            for future in futures:
                future.result(timeout=_DEADLINE_SECONDS)
        except (GoogleAPIError, TimeoutError) as error:
            raise NotPublished(f"topic {topic}: {error}") from error
