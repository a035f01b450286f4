"""The minute tick: who is due, one message a person, so that the work spreads over instances.

Two crowds are held back. Who waits to have a notebook made is let through in the order of waiting,
as many as there is room for. And where so many operations run that a look at each would be a storm
of its own, the list of all notebooks says whose is still at work.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime

import msgspec

from shared.domain.environment import Environment
from shared.domain.faults import CloudFault
from shared.domain.policy import Policy
from shared.domain.queueing import awaited, only_queues, queues
from shared.ports import Census, Clock, EnvironmentStore, Publisher
from shared.services.admission import Admission

log = logging.getLogger(__name__)

_PAGE = 500


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
        now = self._clock.now()
        gate = _Gate(self._admission, self._census, self._policy, now)
        published, cursor = 0, ""
        while True:
            page = self._store.due(now, _PAGE, cursor)
            messages = gate.messages(page.items)
            if messages:
                self._publisher.publish(self._topic, messages)
            published += len(messages)
            cursor = page.next
            if not cursor:
                break
        log.info("tick", extra={"action": "tick.due", "count": published, **gate.counts})
        return published


class _Gate:
    """Who of those who are due is let through in this tick."""

    def __init__(self, admission: Admission, census: Census, policy: Policy, now: datetime) -> None:
        self._admission = admission
        self._census = census
        self._policy = policy
        self._now = now
        self._turns: int | None = None
        self._moving: frozenset[str] | None = None
        self.counts: Counter[str] = Counter()

    def messages(self, environments: tuple[Environment, ...]) -> list[bytes]:
        """The messages to publish for ``environments``, in their order."""
        awaiting = {e.key: names for e in environments if (names := self._awaited(e))}
        if len(awaiting) > self._policy.list_above:
            self._count_all()
        messages = []
        for environment in environments:
            email = environment.person.email
            if queues(environment) and self._takes_turn():
                messages.append(msgspec.json.encode({"email": email, "admitted": True}))
            elif only_queues(environment, self._now):
                self.counts["queued"] += 1
            elif self._still_at_work(awaiting.get(environment.key)):
                self.counts["at_work"] += 1
            else:
                messages.append(msgspec.json.encode({"email": email}))
        return messages

    def _awaited(self, environment: Environment) -> frozenset[str]:
        return awaited(environment, self._now, self._policy)

    def _still_at_work(self, names: frozenset[str] | None) -> bool:
        return names is not None and self._moving is not None and names <= self._moving

    def _takes_turn(self) -> bool:
        if self._turns is None:
            self._turns = self._admission.turns()
        self._turns -= 1
        return self._turns >= 0

    def _count_all(self) -> None:
        """Read the list of all notebooks, once a tick; without it everybody is looked at."""
        if self._moving is not None:
            return
        try:
            self._moving = self._census.moving()
        except CloudFault as fault:
            log.warning(fault.message, extra={"action": "census.failed"})
            self._moving = frozenset()
