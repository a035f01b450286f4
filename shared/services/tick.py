"""The minute tick: one message for each person who is due, so that instances share the work.

Two crowds are held back. Those who wait to have a notebook made are let in in the order in which
they began to wait, as many as there is room for. And where so many operations run that a look at
each would be a storm of its own, the list of all notebooks says whose is still at work.
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
    """Who is due, in short: a hundred thousand of them fit into memory.

    ``since``: since when they are due.
    ``awaits``: the notebooks whose running operations are all they wait for; ``is_made``: whether
    they count as having one made. ``queued_at``: since when a notebook waits for its turn;
    ``quiet``: and that is all.
    """

    key: str
    since: datetime
    awaits: frozenset[str]
    is_made: bool
    queued_at: datetime | None
    quiet: bool


class Tick:
    """Finds the records whose time has come and asks for each to be converged."""

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
        """Publish one message for each person whose turn it is; returns how many.

        A person whose message is still in the queue is published again by the next tick: harmless,
        since converge takes a lease and finds nothing to do. Raises ``NotPublished``.
        """
        began = self._clock.now()
        earlier = self._admission.crowd()  # before the records are read: see ``Admission.turns``
        due = self._due(self._clock.now())
        moving = self._moving(due)
        at_work = {d.key for d in due if d.awaits and d.awaits <= moving}
        # The places of finished notebooks are reused before their records are updated.
        ended = [d for d in due if moving and d.awaits and d.key not in at_work]
        done = sum(1 for d in ended if d.is_made)
        admitted = self._admitted(due, began, earlier, done)
        messages = []
        waiting = 0
        for person in due:
            if person.key in admitted:
                messages.append(msgspec.json.encode({"key": person.key, "admitted": True}))
            elif person.quiet:
                waiting += 1
            elif person.key not in at_work:
                messages.append(msgspec.json.encode({"key": person.key}))
        for start in range(0, len(messages), _PAGE):
            self._publisher.publish(self._topic, messages[start : start + _PAGE])
        counts = {"count": len(messages), "queued": waiting, "at_work": len(at_work)}
        # Who was held back until now, by the queue or the list, has been due since long ago.
        held_back = admitted | at_work | {d.key for d in ended}
        prompt = [d.since for d in due if not d.quiet and d.key not in held_back]
        age = seconds_between(min(prompt, default=began), began)
        log.info("tick", extra={"action": "tick.due", **counts, "oldest_seconds": age})
        return len(messages)

    def _admitted(
        self, due: list[_Due], began: datetime, earlier: Crowd, done: int
    ) -> frozenset[str]:
        """The people to admit: those who have waited longest, up to the number of free places."""
        queue = sorted((d.queued_at, d.key) for d in due if d.queued_at is not None)
        if not queue:
            return frozenset()
        waited = sum(1 for since, _ in queue if since <= began)
        turns = self._admission.turns(earlier=earlier, waited=waited, done=done)
        return frozenset(key for _, key in queue[:turns])

    def _due(self, now: datetime) -> list[_Due]:
        """Everybody who is due, the longest waiting first."""
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
            is_made=is_being_created(environment),
            queued_at=queued_since(environment),
            quiet=only_queues(environment, now),
        )

    def _moving(self, due: list[_Due]) -> frozenset[str]:
        """The notebooks at work, from the list of all; none, so that each is looked at, if few."""
        if sum(1 for person in due if person.awaits) <= self._policy.list_above:
            return frozenset()
        try:
            return self._census.moving()
        except CloudFault as fault:
            log.warning(fault.message, extra={"action": "census.failed"})
            return frozenset()
