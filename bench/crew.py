"""Threads that handle events as the instances of the functions do, and the post between them.

What the tick publishes goes through the local Pub/Sub and is pulled from there; only the HTTP
server in front of a function is left out, which is the framework's. Must not know what is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Self

from cloudevents.http import CloudEvent

from bench import events
from bench.cloud import CONVERGE, Cloud
from bench.product import Forward, Handler, converge, in_a_request, reconcile

MINUTE = timedelta(minutes=1)
_PULL = 500


class Crew:
    """``hands`` threads on ``cloud``; ``clock`` is the functions', kept on the cloud's time."""

    def __init__(self, cloud: Cloud, clock: Forward, hands: int = 8) -> None:
        self._cloud = cloud
        self._clock = clock
        self._pool = ThreadPoolExecutor(hands, initializer=lambda: in_a_request().push())
        self._ticks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def handle(self, handler: Handler, received: Sequence[CloudEvent]) -> None:
        """Handle all of them; raises what a handler raised, for that would be a redelivery."""
        for _ in self._pool.map(handler, received):
            pass

    def advance(self, by: timedelta) -> None:
        """Let time pass, in the cloud and in the functions."""
        self._cloud.advance(by)
        self._clock.follow(self._cloud.now())

    def tick(self) -> int:
        """The minute tick, and everything it asks for; how many messages that were."""
        self._ticks += 1
        event = events.cloud_event("reconcile", {"scope": "due"}, f"tick-{self._ticks}")
        self.handle(reconcile, [event])
        handled = 0
        while messages := self._cloud.pull(_PULL):
            self.handle(converge, [events.received(CONVERGE, each) for each in messages])
            handled += len(messages)
        return handled
