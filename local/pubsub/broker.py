"""The way of every message, from publishing to its end: the one state behind all Pub/Sub faces.

Everything happens under one lock with short critical sections; nothing in here does I/O or sleeps
on a lock it holds. Leases and back-offs run on the cloud's clock, which is real time until somebody
advances it. It must not know HTTP or gRPC, nor who calls: opening `Cloud.call` is the faces'
business.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from local.clock import Clock
from local.errors import ApiError
from local.pubsub import rules
from local.pubsub.backlog import Delivery
from local.pubsub.envelope import publish_time
from local.pubsub.model import Draft, Message, Settings
from local.pubsub.registry import Subscription
from local.pubsub.seeking import Seeking

# For `redeliver`; larger messages are not kept, or a thousand of them could fill the machine.
KEPT_MESSAGES, KEPT_BYTES = 1_000, 100_000


@dataclass(frozen=True, slots=True)
class Handed:
    """A message handed out: what a subscriber sees of a delivery, and how to answer for it."""

    subscription: str
    settings: Settings
    message: Message
    attempt: int  # 1 = the first time
    ack_id: str


class Broker(Seeking):
    def __init__(self, clock: Clock, max_outstanding: int = 8) -> None:
        super().__init__(clock)
        self.max_outstanding = max_outstanding  # pushes under way, for each subscription
        self._recent: OrderedDict[str, Message] = OrderedDict()
        # Ids must not repeat when the local cloud is started again beside state that outlived it.
        self._message_ids = count(time.time_ns() // 1000)

    # Messages

    def publish(self, topic: str, drafts: Sequence[Draft]) -> list[str]:
        """Store messages for every subscription of the topic; their ids, in order."""
        rules.check_drafts(drafts)
        with self.changed:
            self._topics.get(topic)
            now = self.clock.now()
            return [self._accept(topic, draft, now).id for draft in drafts]

    def redeliver(self, message_id: str) -> int:
        """Deliver a message again, as Pub/Sub may; how many subscriptions get it."""
        with self.changed:
            message = self._recent.get(message_id)
            if message is None:
                raise ApiError.not_found(f"messages/{message_id}")
            return self._fan_out(message)

    def pull(
        self, name: str, limit: int, wait_seconds: float, deadline: float | None = None
    ) -> list[Handed]:
        """Lease up to `limit` messages; waits (real time) for the first if there is none.

        `deadline`: another ack deadline than the subscription's.
        """
        if limit < 1:
            raise ApiError.invalid("No max_messages specified: it must be a positive number")
        end = time.monotonic() + wait_seconds
        with self.changed:
            while True:
                subscription = self._find(name)
                now = self.clock.now()
                self._release(subscription, now)
                handed = self._lease(subscription, limit, now, deadline)
                left = end - time.monotonic()
                if handed or left <= 0:
                    return handed
                self.changed.wait(left)

    def acknowledge(self, name: str, ack_ids: Iterable[str]) -> None:
        """As in the cloud, an acknowledgement that comes after its lease still counts."""
        with self.changed:
            for subscription, delivery, _ in self._deliveries(name, ack_ids):
                if self._acknowledge(subscription, delivery):
                    subscription.delivered += 1
            self.changed.notify_all()

    def modify_ack_deadline(self, name: str, ack_ids: Iterable[str], deadline: int) -> None:
        """Extend leases, or give messages back (0): that counts as a failed delivery."""
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
            self._rearm()

    # Push

    def next_push(self, stopped: Callable[[], bool]) -> Handed | None:
        """Block until a push subscription has a message and room for it; None: stopped."""
        with self.changed:
            while not stopped():
                for subscription in self._subscriptions.values():
                    if not subscription.settings.is_push or not subscription.backlog.has_ready():
                        continue
                    if subscription.backlog.leased < self.max_outstanding:
                        return self._hand(subscription, until=None)
                self.changed.wait()
        return None

    def settle(self, handed: Handed, acknowledged: bool) -> None:
        """The end of a push. Its subscription may be gone by now."""
        with self.changed:
            if handed.subscription not in self._subscriptions:
                return
            now = self.clock.now()
            for subscription, delivery, attempt in self._deliveries(
                handed.subscription, [handed.ack_id]
            ):
                if acknowledged:
                    self._acknowledge(subscription, delivery)
                    subscription.delivered += 1
                elif delivery.is_leased(attempt):
                    self._fail(subscription, delivery, now)
            self._rearm()

    # Time

    def next_due(self) -> datetime | None:
        """When the next lease or back-off runs out."""
        with self.changed:
            moments = [held.backlog.next_due() for held in self._subscriptions.values()]
            return min((moment for moment in moments if moment), default=None)

    def release_due(self) -> None:
        with self.changed:
            now = self.clock.now()
            for subscription in list(self._subscriptions.values()):
                self._release(subscription, now)
            self.changed.notify_all()

    def undelivered(self) -> int:
        """Messages of push subscriptions that aren't acknowledged: queued, waiting or under way."""
        with self.changed:
            held = self._subscriptions.values()
            return sum(len(one.backlog) for one in held if one.settings.is_push)

    # Under the lock

    def _accept(self, topic: str, draft: Draft, now: datetime) -> Message:
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
    ) -> list[Handed]:
        until = now + timedelta(seconds=deadline or subscription.settings.ack_deadline)
        handed: list[Handed] = []
        while len(handed) < limit and subscription.backlog.has_ready():
            handed.append(self._hand(subscription, until))
        if handed:
            self._rearm()
        return handed

    def _hand(self, subscription: Subscription, until: datetime | None) -> Handed:
        delivery = subscription.backlog.lease(until)
        assert delivery is not None  # the caller looked, under the same lock
        ack_id = f"{subscription.name}:{delivery.serial}-{delivery.attempts}"
        return Handed(
            subscription.name, subscription.settings, delivery.message, delivery.attempts, ack_id
        )

    def _deliveries(
        self, name: str, ack_ids: Iterable[str]
    ) -> list[tuple[Subscription, Delivery, int]]:
        """What the ack ids stand for; those of messages that are through are passed over."""
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
        spent = settings.max_attempts and delivery.attempts >= settings.max_attempts
        # Without its dead-letter topic a message stays where it is: nothing is lost.
        if spent and self._topics.find(settings.dead_letter_topic) is not None:
            self._bury(subscription, delivery, now)
            return
        wait = timedelta(seconds=settings.backoff(delivery.attempts))
        subscription.backlog.fail(delivery, now, wait)

    def _bury(self, subscription: Subscription, delivery: Delivery, now: datetime) -> None:
        """Forward to the dead-letter topic, with the attributes Pub/Sub adds there."""
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
        self._accept(subscription.settings.dead_letter_topic, draft, now)
