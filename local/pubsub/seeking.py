"""Retention of acknowledged messages, seeks and snapshots: a base class of the broker.

It must not know HTTP or gRPC.
"""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count

from local.clock import Clock
from local.errors import ApiError
from local.pubsub import rules
from local.pubsub.backlog import Delivery
from local.pubsub.model import Json, Message, seconds
from local.pubsub.registry import Registry, Subscription


class Seeking(Registry):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.timers_changed = threading.Event()  # the next due time may have changed
        self._serials = count(1)

    def seek(self, name: str, body: Json) -> None:
        """A SeekRequest: to a time, or to a snapshot of the subscription's topic.

        Acknowledged messages are delivered again only if they were retained; a snapshot retains its
        messages.
        """
        if ("time" in body) is ("snapshot" in body):
            raise ApiError.invalid("Exactly one of time and snapshot must be given to seek to.")
        with self.changed:
            subscription = self._find(name)
            if "snapshot" in body:
                snapshot = self._snapshots.get(body["snapshot"], self.clock.now())
                if snapshot.resource["topic"] != subscription.resource["topic"]:
                    raise ApiError.invalid(f"'{body['snapshot']}' is of another topic.")
                wanted = snapshot.messages
            else:
                since = datetime.fromisoformat(body["time"])
                unacked = subscription.backlog.unacked()
                wanted = subscription.backlog.retained(
                    max(since, self._retained_since(subscription))
                )
                wanted += [message for message in unacked if message.published >= since]
            self._make_unacked(subscription, wanted)
            self._notify()

    def create_snapshot(self, name: str, body: Json) -> Json:
        """Create a snapshot of the messages that `subscription` has not acknowledged."""
        rules.check_name(name, "snapshots")
        with self.changed:
            subscription = self._find(body.get("subscription", ""))
            topic = subscription.resource["topic"]
            unacked, labels = subscription.backlog.unacked(), body.get("labels", {})
            return self._snapshots.create(name, topic, labels, unacked, self.clock.now())

    def snapshot(self, name: str) -> Json:
        with self.changed:
            return dict(self._snapshots.get(name, self.clock.now()).resource)

    def snapshots(
        self, project: str, size: int, token: str = "", topic: str = ""
    ) -> tuple[list[Json], str]:
        """A page of snapshots: of `projects/P`, or of one topic in any project."""
        with self.changed:
            if topic:
                self._topics.get(topic)
            return self._snapshots.page(project, size, token, topic, self.clock.now())

    def delete_snapshot(self, name: str) -> None:
        with self.changed:
            self._snapshots.delete(name, self.clock.now())

    # Under the lock

    def _acknowledge(self, subscription: Subscription, delivery: Delivery) -> bool:
        """Acknowledge the message, retain it if configured; False if it was acknowledged before."""
        if not subscription.backlog.remove(delivery):
            return False
        if self._retention(subscription):
            subscription.backlog.retain(delivery.message, self._retained_since(subscription))
        return True

    def _make_unacked(self, subscription: Subscription, wanted: Iterable[Message]) -> None:
        """Make exactly these messages unacknowledged, and acknowledge all others."""
        ids = {message.id: message for message in wanted}
        for delivery in subscription.backlog.deliveries():
            if ids.pop(delivery.message.id, None) is None:
                self._acknowledge(subscription, delivery)
        for message in ids.values():
            subscription.backlog.restore(Delivery(next(self._serials), message))

    def _retention(self, subscription: Subscription) -> timedelta:
        """Retention of acknowledged messages: the longer of the subscription's and the topic's."""
        own = subscription.settings.retention if subscription.settings.retain_acked else 0.0
        topic = self._topics.find(subscription.resource["topic"]) or {}
        return timedelta(seconds=max(own, seconds(topic.get("messageRetentionDuration", "0s"))))

    def _retained_since(self, subscription: Subscription) -> datetime:
        """The time since which acknowledged messages are retained."""
        return self.clock.now() - self._retention(subscription)

    def _notify(self) -> None:
        self.timers_changed.set()
        self.changed.notify_all()
