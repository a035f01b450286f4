"""The Pub/Sub broker: publishes, leases, acknowledges and dead-letters messages.

It is the state shared by REST, gRPC and push delivery. Everything runs under one lock; nothing does
I/O while holding it. Leases and back-offs use the cloud's clock. It must not know HTTP, gRPC or
callers; the transports enter `Cloud.call`.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from local.clock import Clock
from local.errors import ApiError
from local.pubsub.backlog import Delivery
from local.pubsub.envelope import publish_time
from local.pubsub.model import Draft, Message, Settings
from local.pubsub.publish_limits import check_drafts
from local.pubsub.registry import Subscription
from local.pubsub.seeking import Seeking

# Messages kept for `redeliver`; larger ones are not kept, to limit memory.
KEPT_MESSAGES, KEPT_BYTES = 1_000, 100_000


@dataclass(frozen=True, slots=True)
class Leased:
    """A leased message, as a subscriber sees it, with its ack id."""

    subscription: str
    settings: Settings
    message: Message
    attempt: int  # 1 for the first
    ack_id: str


class Broker(Seeking):
    def __init__(self, clock: Clock, max_outstanding: int = 8) -> None:
        super().__init__(clock)
        self.max_outstanding = max_outstanding  # pushes under way, for each subscription
        self._recent: OrderedDict[str, Message] = OrderedDict()
        # Ids must be unique across restarts, because state of the functions may outlive the cloud.
        self._message_ids = count(time.time_ns() // 1000)

    # Messages

    def publish(self, topic: str, drafts: Sequence[Draft]) -> list[str]:
        """Store messages for every subscription of the topic; their ids, in order."""
        check_drafts(drafts)
        with self.changed:
            self._topics.get(topic)
            now = self.clock.now()
            return [self._store(topic, draft, now).id for draft in drafts]

    def redeliver(self, message_id: str) -> int:
        """Deliver a message again, as Pub/Sub may; returns the number of its subscriptions."""
        with self.changed:
            message = self._recent.get(message_id)
            if message is None:
                raise ApiError.not_found(f"messages/{message_id}")
            return self._fan_out(message)

    def pull(
        self, name: str, limit: int, wait_seconds: float, deadline: float | None = None
    ) -> list[Leased]:
        """Lease up to `limit` messages; if there is none, wait (real time) for the first.

        `deadline`: an ack deadline instead of the subscription's.
        """
        if limit < 1:
            raise ApiError.invalid("No max_messages specified: it must be a positive number")
        end = time.monotonic() + wait_seconds
        with self.changed:
            while True:
                subscription = self._find(name)
                now = self.clock.now()
                self._release(subscription, now)
                leased = self._lease(subscription, limit, now, deadline)
                left = end - time.monotonic()
                if leased or left <= 0:
                    return leased
                self.changed.wait(left)

    def acknowledge(self, name: str, ack_ids: Iterable[str]) -> None:
        """Acknowledge messages; as in Pub/Sub, also after their lease has ended."""
        with self.changed:
            for subscription, delivery, _ in self._deliveries(name, ack_ids):
                if self._acknowledge(subscription, delivery):
                    subscription.delivered += 1
            self.changed.notify_all()

    def modify_ack_deadline(self, name: str, ack_ids: Iterable[str], deadline: int) -> None:
        """Extend leases; a deadline of 0 ends them, which is a failed delivery."""
        if not 0 <= deadline <= 600:
            raise ApiError.invalid("Invalid ack deadline: it must be between 0 and 600 seconds")
        with self.changed:
            now = self.clock.now()
            for subscription, delivery, attempt in self._deliveries(name, ack_ids):
                if not delivery.is_leased(attempt):
                    continue
                if deadline:
                    subscription.backlog.extend(delivery, now + timedelta(seconds=deadline))
                else:
                    self._fail(subscription, delivery, now)
            self._notify()

    # Push

    def next_push(self, stopped: Callable[[], bool]) -> Leased | None:
        """Block until a push subscription can push a message, and lease it; None: stopped."""
        with self.changed:
            while not stopped():
                for subscription in self._subscriptions.values():
                    if not subscription.settings.is_push or not subscription.backlog.has_ready():
                        continue
                    if subscription.backlog.leased < self.max_outstanding:
                        return self._lease_next(subscription, until=None)
                self.changed.wait()
        return None

    def complete_push(self, leased: Leased, acknowledged: bool) -> None:
        """Record the result of a push, unless its subscription was deleted meanwhile."""
        with self.changed:
            if leased.subscription not in self._subscriptions:
                return
            now = self.clock.now()
            for subscription, delivery, attempt in self._deliveries(
                leased.subscription, [leased.ack_id]
            ):
                if acknowledged:
                    self._acknowledge(subscription, delivery)
                    subscription.delivered += 1
                elif delivery.is_leased(attempt):
                    self._fail(subscription, delivery, now)
            self._notify()

    # Time

    def next_due(self) -> datetime | None:
        """When the next lease or back-off ends."""
        with self.changed:
            moments = [one.backlog.next_due() for one in self._subscriptions.values()]
            return min((moment for moment in moments if moment), default=None)

    def release_due(self) -> None:
        with self.changed:
            now = self.clock.now()
            for subscription in list(self._subscriptions.values()):
                self._release(subscription, now)
            self.changed.notify_all()

    def undelivered(self) -> int:
        """The number of unacknowledged messages of push subscriptions."""
        with self.changed:
            subscriptions = self._subscriptions.values()
            return sum(len(one.backlog) for one in subscriptions if one.settings.is_push)

    # Under the lock

    def _store(self, topic: str, draft: Draft, now: datetime) -> Message:
        message = Message(
            str(next(self._message_ids)),
            topic,
            draft.data,
            dict(draft.attributes),
            now,
            draft.ordering_key,
        )
        if len(message.data) <= KEPT_BYTES:
            self._recent[message.id] = message
        if len(self._recent) > KEPT_MESSAGES:
            self._recent.popitem(last=False)
        self._fan_out(message)
        self._snapshots.published(message)
        return message

    def _fan_out(self, message: Message) -> int:
        reached = 0
        for subscription in self._subscriptions.values():
            if subscription.resource["topic"] == message.topic:
                subscription.backlog.add(Delivery(next(self._serials), message))
                reached += 1
        self.changed.notify_all()
        return reached

    def _lease(
        self, subscription: Subscription, limit: int, now: datetime, deadline: float | None
    ) -> list[Leased]:
        until = now + timedelta(seconds=deadline or subscription.settings.ack_deadline)
        leased: list[Leased] = []
        while len(leased) < limit and subscription.backlog.has_ready():
            leased.append(self._lease_next(subscription, until))
        if leased:
            self._notify()
        return leased

    def _lease_next(self, subscription: Subscription, until: datetime | None) -> Leased:
        delivery = subscription.backlog.lease(until)
        assert delivery is not None  # the caller checked has_ready under the same lock
        ack_id = f"{subscription.name}:{delivery.serial}-{delivery.attempts}"
        return Leased(
            subscription.name, subscription.settings, delivery.message, delivery.attempts, ack_id
        )

    def _deliveries(
        self, name: str, ack_ids: Iterable[str]
    ) -> list[tuple[Subscription, Delivery, int]]:
        """The deliveries with these ack ids, without those that are acknowledged."""
        subscription = self._find(name)
        found = []
        for ack_id in ack_ids:
            owner, _, token = ack_id.rpartition(":")
            serial, _, attempt = token.partition("-")
            if owner != name or not serial.isdecimal() or not attempt.isdecimal():
                raise ApiError.invalid(f"Invalid ack id (ack_id={ack_id})")
            delivery = subscription.backlog.get(int(serial))
            if delivery is not None:
                found.append((subscription, delivery, int(attempt)))
        return found

    def _release(self, subscription: Subscription, now: datetime) -> None:
        for delivery in subscription.backlog.expire(now):
            self._fail(subscription, delivery, now)

    def _fail(self, subscription: Subscription, delivery: Delivery, now: datetime) -> None:
        settings = subscription.settings
        subscription.failed += 1
        exhausted = settings.max_attempts and delivery.attempts >= settings.max_attempts
        # If the dead-letter topic doesn't exist, the message stays.
        if exhausted and self._topics.find(settings.dead_letter_topic) is not None:
            self._dead_letter(subscription, delivery, now)
            return
        wait = timedelta(seconds=settings.backoff(delivery.attempts))
        subscription.backlog.fail(delivery, now, wait)

    def _dead_letter(self, subscription: Subscription, delivery: Delivery, now: datetime) -> None:
        """Publish the message to the dead-letter topic, with the attributes that Pub/Sub adds."""
        message = delivery.message
        _, project, _, short_name = subscription.name.split("/")
        source = {
            "CloudPubSubDeadLetterSourceDeliveryCount": str(delivery.attempts),
            "CloudPubSubDeadLetterSourceSubscription": short_name,
            "CloudPubSubDeadLetterSourceSubscriptionProject": project,
            "CloudPubSubDeadLetterSourceTopicPublishTime": publish_time(message),
        }
        self._acknowledge(subscription, delivery)
        subscription.dead_lettered += 1
        draft = Draft(message.data, {**message.attributes, **source}, message.ordering_key)
        self._store(subscription.settings.dead_letter_topic, draft, now)
