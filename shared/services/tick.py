"""The minute tick: who is due, one message a person, so that the work spreads over instances."""

from __future__ import annotations

import logging

import msgspec

from shared.ports import Clock, EnvironmentStore, Publisher

log = logging.getLogger(__name__)

_PAGE = 500


class Tick:
    """Finds the records whose time has come and asks for each to be converged."""

    def __init__(
        self, *, store: EnvironmentStore, publisher: Publisher, clock: Clock, topic: str
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._topic = topic

    def run(self) -> int:
        """Publish one message for each person who is due; returns how many.

        A person whose message is still in the queue is published again by the next tick: harmless,
        since converge takes a lease and finds nothing to do.
        """
        now = self._clock.now()
        count, cursor = 0, ""
        while True:
            page = self._store.due(now, _PAGE, cursor)
            if page.items:
                messages = [msgspec.json.encode({"email": e.person.email}) for e in page.items]
                self._publisher.publish(self._topic, messages)
            count += len(page.items)
            cursor = page.next
            if not cursor:
                break
        log.info("tick", extra={"action": "tick.due", "count": count})
        return count
