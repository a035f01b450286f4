"""Processes that handle events as the instances of the functions do, and the post between them.

The entry points are called in process, with the CloudEvents the framework would have made; the
HTTP server in front of them is the framework's and left out. What the tick publishes goes through
the local Pub/Sub and is pulled from there. Must not know what is measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Self

from bench import events, instance
from bench.cloud import CONVERGE, Cloud
from bench.instance import Done, Post

INSTANCES = 2
MINUTE = timedelta(minutes=1)
_BATCH = 50  # events handed to one instance at a time
_PULL = 500


class Crew:
    """The instances, with ``settings``, on ``cloud``; they go by the cloud's clock.

    ``state``: the calls to the state so far, by method.
    """

    def __init__(self, cloud: Cloud, settings: Mapping[str, str]) -> None:
        self._cloud = cloud
        self._pool = ProcessPoolExecutor(
            INSTANCES,
            mp_context=get_context("spawn"),  # a forked gRPC client hangs
            initializer=instance.begin,
            initargs=(dict(settings),),
        )
        self._ticks = 0
        self._forward = timedelta()
        self.state: Counter[str] = Counter()
        self.advance(timedelta())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def now(self) -> datetime:
        """The time the instances believe it is."""
        return datetime.now(UTC) + self._forward

    def advance(self, by: timedelta) -> None:
        """Let time pass, in the cloud and for the instances."""
        self._cloud.advance(by)
        self._forward = self._cloud.now() - datetime.now(UTC)

    def handle(self, function: str, post: Sequence[Post]) -> Done:
        """Have ``function`` handle all of them, in this order as far as several at once have one.

        Raises what an entry point raised: that would be a redelivery, and none is expected.
        """
        batches = [post[first : first + _BATCH] for first in range(0, len(post), _BATCH)]
        waiting = [
            self._pool.submit(instance.handle, function, batch, self._forward) for batch in batches
        ]
        done = Done.of([each.result() for each in waiting])
        self.state += done.state
        return done

    def tick(self) -> Done:
        """The minute tick, and everything it asks for; ``arrivals`` are the converge messages'."""
        self._ticks += 1
        name = f"tick-{self._ticks}"
        body = events.envelope({"scope": "due"}, name)["message"]
        asked = self.handle("reconcile", [Post("reconcile", body)])
        done = [Done(asked.cpu, asked.state, [])]
        while messages := self._cloud.pull(_PULL):
            done.append(self.handle("converge", [Post(CONVERGE, each) for each in messages]))
        return Done.of(done)
