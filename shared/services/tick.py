"""The tick: publishes one message for each person who is due, so that instances share the work.

Two groups get no message. Of the people who only wait for their turn to have a notebook created,
as many are admitted as there are free places, the longest waiting first. And if very many
operations run, one listing of all notebooks shows whose operations still run, instead of an
observation for each.
"""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec

from shared.domain.environment import Environment
from shared.domain.faults import CloudFault
from shared.domain.policy import Policy
from shared.domain.reconciliation.due import (
    awaited_operations,
    is_being_created,
    only_queues,
    queued_since,
)
from shared.domain.reconciliation.durations import seconds_between
from shared.ports import Census, Clock, Crowd, EnvironmentStore, Publisher
from shared.services.admission import Admission

log = logging.getLogger(__name__)

_PAGE = 500


class _Due(msgspec.Struct, frozen=True):
    """A person who is due, with little data, so that a hundred thousand fit into memory.

    ``since``: since when they are due. ``awaits``: the notebooks whose running operations they
    wait for, if they wait for nothing else. ``creating``: whether their record counts as having a
    notebook created. ``queued_at``: since when a notebook waits for its turn; ``only_queues``:
    whether they wait for nothing else.
    """

    key: str
    since: datetime
    awaits: frozenset[str]
    creating: bool
    queued_at: datetime | None
    only_queues: bool


class Tick:
    """Finds the records that are due, and publishes a message to converge each of them."""

    def __init__(
        self,
        *,
        store: EnvironmentStore,
        publisher: Publisher,
        admission: Admission,
        census: Census,
        clock: Clock,
        topic: str,
        policy: Policy,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._admission = admission
        self._census = census
        self._clock = clock
        self._topic = topic
        self._policy = policy

    def run(self) -> int:
        """Publish one message for each person to converge; returns how many.

        If a message is not delivered before the next tick, there are two for the same person. This
        is harmless: the second run finds a lease, or nothing to do. Raises ``NotPublished``.
        """
        began = self._clock.now()
        earlier = self._admission.crowd()  # before the records are read: see ``Admission.turns``
        due = self._due(self._clock.now())
        moving = self._moving(due)
        at_work = {d.key for d in due if d.awaits and d.awaits <= moving}
        # The places of finished notebooks are reused before their records are updated.
        ended = [d for d in due if moving and d.awaits and d.key not in at_work]
        done = sum(1 for d in ended if d.creating)
        admitted = self._admitted(due, began, earlier, done)
        messages = []
        waiting = 0
        for person in due:
            if person.key in admitted:
                messages.append(msgspec.json.encode({"key": person.key, "admitted": True}))
            elif person.only_queues:
                waiting += 1
            elif person.key not in at_work:
                messages.append(msgspec.json.encode({"key": person.key}))
        for start in range(0, len(messages), _PAGE):
            self._publisher.publish(self._topic, messages[start : start + _PAGE])
        counts = {"count": len(messages), "queued": waiting, "at_work": len(at_work)}
        # Measured without the two groups: they have been due for long, though nothing is late.
        held_back = admitted | at_work | {d.key for d in ended}
        prompt = [d.since for d in due if not d.only_queues and d.key not in held_back]
        age = seconds_between(min(prompt, default=began), began)
        log.info("tick", extra={"action": "tick.due", **counts, "oldest_seconds": age})
        return len(messages)

    def _admitted(
        self, due: list[_Due], began: datetime, earlier: Crowd, done: int
    ) -> frozenset[str]:
        """The keys of the people to admit: the longest waiting, as many as there are free places.

        ``began``: when ``earlier`` was counted; see also ``Admission.turns``.
        """
        queue = sorted((d.queued_at, d.key) for d in due if d.queued_at is not None)
        if not queue:
            return frozenset()
        waited = sum(1 for since, _ in queue if since <= began)
        turns = self._admission.turns(earlier=earlier, waited=waited, done=done)
        return frozenset(key for _, key in queue[:turns])

    def _due(self, now: datetime) -> list[_Due]:
        """Everybody who is due, in the order of their ``due_at``."""
        found: list[_Due] = []
        cursor = ""
        while True:
            page = self._store.due(now, _PAGE, cursor)
            found += [self._in_short(environment, now) for environment in page.items]
            cursor = page.next
            if not cursor:
                return found

    def _in_short(self, environment: Environment, now: datetime) -> _Due:
        return _Due(
            key=environment.key,
            since=environment.status.due_at or now,
            awaits=awaited_operations(environment, now, self._policy),
            creating=is_being_created(environment),
            queued_at=queued_since(environment),
            only_queues=only_queues(environment, now),
        )

    def _moving(self, due: list[_Due]) -> frozenset[str]:
        """The notebooks with running operations, from one listing.

        Empty if few people wait for operations, or if the listing fails: then each is observed.
        """
        if sum(1 for person in due if person.awaits) <= self._policy.list_above:
            return frozenset()
        try:
            return self._census.moving()
        except CloudFault as fault:
            log.warning(fault.message, extra={"action": "census.failed"})
            return frozenset()
