"""One subscription's messages: ready, waiting for a back-off, or leased to a subscriber.

It knows which message is delivered next. It must not lock (the broker does), send, or decide what
follows from a failure. Methods get the time as an argument and use no clock.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from local.pubsub.model import Message


class Stage(Enum):
    READY = auto()
    BLOCKED = auto()  # ordered delivery: an older message of the same key is not acknowledged
    WAITING = auto()  # after a failure, until `due`
    LEASED = auto()  # until `due`, or until the end of a push
    REMOVED = auto()


@dataclass(slots=True, eq=False)
class Delivery:
    """The delivery of one message to one subscription."""

    serial: int  # unique in the broker; a redelivered message has a new one
    message: Message
    attempts: int = 0  # how often it was leased
    stage: Stage = Stage.READY
    due: datetime | None = None

    def is_leased(self, attempt: int) -> bool:
        """Whether the lease of that attempt is still valid."""
        return self.stage is Stage.LEASED and self.attempts == attempt


@dataclass(slots=True)
class Backlog:
    ordered: bool = False
    _all: dict[int, Delivery] = field(default_factory=dict)
    _ready: deque[Delivery] = field(default_factory=deque)
    # (due, tie-breaker, delivery); entries whose delivery has another due time by now are skipped.
    _timed: list[tuple[datetime, int, Delivery]] = field(default_factory=list)
    _by_key: dict[str, deque[Delivery]] = field(default_factory=dict)
    _ties: int = 0
    leased: int = 0
    # Acknowledged messages, oldest first, if the subscription retains them for seeks.
    _acked: dict[str, Message] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._all)

    def get(self, serial: int) -> Delivery | None:
        return self._all.get(serial)

    def add(self, delivery: Delivery) -> None:
        self._all[delivery.serial] = delivery
        key = delivery.message.ordering_key
        if self.ordered and key:
            queue = self._by_key.setdefault(key, deque())
            queue.append(delivery)
            if queue[0] is not delivery:
                delivery.stage = Stage.BLOCKED
                return
        self._make_ready(delivery)

    def has_ready(self) -> bool:
        self._drop_stale()
        return bool(self._ready)

    def lease(self, until: datetime | None) -> Delivery | None:
        """Lease the next message; `until` None: until it is acknowledged or fails."""
        self._drop_stale()
        if not self._ready:
            return None
        delivery = self._ready.popleft()
        delivery.attempts += 1
        delivery.stage = Stage.LEASED
        delivery.due = until
        self.leased += 1
        if until is not None:
            self._schedule(delivery, until)
        return delivery

    def extend(self, delivery: Delivery, until: datetime) -> None:
        """Change the end of a lease."""
        if delivery.stage is Stage.LEASED:
            delivery.due = until
            self._schedule(delivery, until)

    def remove(self, delivery: Delivery) -> bool:
        """Remove an acknowledged or dead-lettered message; False if it was removed before."""
        if self._all.pop(delivery.serial, None) is None:
            return False
        self._end_stage(delivery, Stage.REMOVED)
        queue = self._by_key.get(delivery.message.ordering_key) if self.ordered else None
        if queue:
            queue.remove(delivery)
            if not queue:
                del self._by_key[delivery.message.ordering_key]
            elif queue[0].stage is Stage.BLOCKED:
                self._make_ready(queue[0])
        return True

    def retain(self, message: Message, since: datetime) -> None:
        """Keep an acknowledged message; drop those published before `since`."""
        self._acked[message.id] = message
        for known in [m for m in self._acked.values() if m.published < since]:
            del self._acked[known.id]

    def unacked(self) -> list[Message]:
        """The messages that are neither acknowledged nor dead-lettered, oldest first."""
        return sorted((d.message for d in self._all.values()), key=_age)

    def retained(self, since: datetime) -> list[Message]:
        """The acknowledged messages that were published at `since` or later, oldest first."""
        return sorted((m for m in self._acked.values() if m.published >= since), key=_age)

    def deliveries(self) -> list[Delivery]:
        return list(self._all.values())

    def restore(self, delivery: Delivery) -> None:
        """Deliver an acknowledged message again."""
        self._acked.pop(delivery.message.id, None)
        self.add(delivery)

    def fail(self, delivery: Delivery, now: datetime, wait: timedelta) -> None:
        """The message was not acknowledged: deliver it again after `wait`."""
        self._end_stage(delivery, Stage.WAITING)
        if wait <= timedelta():
            self._make_ready(delivery)
            return
        delivery.due = now + wait
        self._schedule(delivery, delivery.due)

    def expire(self, now: datetime) -> list[Delivery]:
        """Make messages ready whose back-off is over; return deliveries whose lease ended."""
        expired = []
        while self._timed and self._timed[0][0] <= now:
            due, _, delivery = heapq.heappop(self._timed)
            if delivery.due != due:
                continue
            if delivery.stage is Stage.WAITING:
                self._make_ready(delivery)
            elif delivery.stage is Stage.LEASED:
                expired.append(delivery)
        return expired

    def next_due(self) -> datetime | None:
        """When `expire` will have something to do."""
        while self._timed:
            due, _, delivery = self._timed[0]
            if delivery.due == due and delivery.stage in (Stage.WAITING, Stage.LEASED):
                return due
            heapq.heappop(self._timed)
        return None

    def _make_ready(self, delivery: Delivery) -> None:
        delivery.stage = Stage.READY
        delivery.due = None
        self._ready.append(delivery)

    def _end_stage(self, delivery: Delivery, stage: Stage) -> None:
        if delivery.stage is Stage.LEASED:
            self.leased -= 1
        delivery.stage = stage
        delivery.due = None

    def _schedule(self, delivery: Delivery, due: datetime) -> None:
        self._ties += 1
        heapq.heappush(self._timed, (due, self._ties, delivery))

    def _drop_stale(self) -> None:
        while self._ready and self._ready[0].stage is not Stage.READY:
            self._ready.popleft()


def _age(message: Message) -> tuple[datetime, int]:
    return message.published, int(message.id)
