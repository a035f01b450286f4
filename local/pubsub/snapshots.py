"""Snapshots of subscriptions: messages that were unacknowledged, and those published since.

A seek to one restores that state, for any subscription of the same topic. It doesn't lock; the
broker does. It must not know HTTP or gRPC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.api.store import Collection
from local.clock import timestamp
from local.errors import ApiError
from local.pubsub.model import Json, Message

_LIFETIME = timedelta(days=7)  # "no later than 7 days", less the age of the oldest message
_MINIMUM = timedelta(hours=1)


@dataclass(slots=True)
class Snapshot:
    resource: Json
    expires: datetime
    messages: list[Message]  # oldest first


class Snapshots:
    def __init__(self) -> None:
        self._resources = Collection()
        self._snapshots: dict[str, Snapshot] = {}

    def create(
        self, name: str, topic: str, labels: dict[str, str], unacked: list[Message], now: datetime
    ) -> Json:
        """Create one of `unacked`, oldest first; 409 if the name is taken, 400 if too old.

        By the API, it expires after seven days less the age of the oldest message.
        """
        self.expire(now)
        age = now - unacked[0].published if unacked else timedelta()
        if _LIFETIME - age < _MINIMUM:
            raise ApiError.failed_precondition(
                f"'{name}' would expire in less than one hour: the oldest message of the "
                "subscription is too old."
            )
        expires = now + _LIFETIME - age
        resource: Json = {"name": name, "topic": topic, "expireTime": timestamp(expires)}
        if labels:
            resource["labels"] = labels
        self._resources.add(name, resource)
        self._snapshots[name] = Snapshot(resource, expires, list(unacked))
        return dict(resource)

    def get(self, name: str, now: datetime) -> Snapshot:
        self.expire(now)
        snapshot = self._snapshots.get(name)
        if snapshot is None:
            raise ApiError.not_found(name)
        return snapshot

    def page(
        self, project: str, size: int, token: str, topic: str, now: datetime
    ) -> tuple[list[Json], str]:
        """A page of snapshots: of `projects/P`, or of one topic in any project."""
        self.expire(now)
        if topic:
            return self._resources.page("", size, token, lambda one: one["topic"] == topic)
        return self._resources.page(f"{project}/", size, token)

    def delete(self, name: str, now: datetime) -> None:
        self.get(name, now)
        self._resources.remove(name)
        del self._snapshots[name]

    def published(self, message: Message) -> None:
        """Add a newly published message to the snapshots of its topic, as unacknowledged."""
        for snapshot in self._snapshots.values():
            if snapshot.resource["topic"] == message.topic:
                snapshot.messages.append(message)

    def topic_deleted(self, topic: str, deleted: str) -> None:
        for resource in self._resources:
            if resource["topic"] == topic:
                resource["topic"] = deleted

    def expire(self, now: datetime) -> None:
        for name in [n for n, one in self._snapshots.items() if one.expires <= now]:
            self._resources.remove(name)
            del self._snapshots[name]

    def __iter__(self) -> Iterator[Json]:
        return iter(self._resources)
