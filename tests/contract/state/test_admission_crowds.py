"""The limit on creations with concurrent instances, in threads and processes, on every store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from shared.adapters.state.firestore_store import FirestoreStore
from shared.domain.policy import Policy
from shared.domain.resources.kinds import State
from shared.domain.status import Phase
from shared.ports import Crowd, Filter
from tests.support.backends import (
    BACKENDS,
    Backend,
    FirestoreBackend,
    opened_backend,
    together,
)
from tests.support.instances import Instance, Shared
from tests.support.stored import NOON

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
LIMIT = 10
MOST = 11  # a tenth more


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    for each in opened_backend(request, tmp_path):
        if isinstance(each, FirestoreBackend):
            # The first queries of an emulator are slow; concurrent ones would exceed the deadline.
            patient = FirestoreStore(each.client, timeout=90)
            patient.creating()
            patient.due(NOON, 1)
        yield each


class Watch:
    """Records the largest number of notebooks in creation at the same time."""

    def __init__(self, shared: Shared) -> None:
        self._cloud = shared.cloud
        self.most = 0
        shared.cloud.on_call = self

    def __call__(self, point: str) -> None:
        if point == "after:workbench.create":
            things = self._cloud.things.values()
            self.most = max(self.most, sum(t.state is State.CREATING for t in things))


def minute(shared: Shared, instances: list[Instance], *, ticks: int) -> None:
    """Advance a minute; run concurrent ticks and all their messages on the instances."""
    with shared.lock:
        shared.clock.time += timedelta(minutes=1)
    together(ticks, lambda n: instances[n].tick.run())
    waiting, shared.topics.waiting = shared.topics.waiting, []
    with ThreadPoolExecutor(len(instances)) as threads:
        shares = [waiting[n :: len(instances)] for n in range(len(instances))]
        list(threads.map(lambda i, share: [i.handle(b) for b in share], instances, shares))


def test_concurrent_joins_in_threads_stay_within_the_limit(backend: Backend) -> None:
    shared = Shared(Policy(creations=LIMIT))
    watch = Watch(shared)
    instances = [Instance(backend.store, shared) for _ in range(4)]
    instances[0].join("first")
    together(4, lambda n: [instances[n].join(f"p{n}-{i}") for i in range(5)])
    assert 0 < watch.most <= MOST
    assert backend.store.creating() == Crowd(watch.most, 21 - watch.most)

    together(2, lambda n: instances[n].tick.run())
    for body in shared.topics.waiting:
        instances[0].handle(body)
    assert LIMIT <= watch.most <= MOST, "people queued although there was room are admitted now"


@pytest.mark.parametrize("count", [1, 10, 100])
def test_any_number_of_instances_stays_within_the_limit(backend: Backend, count: int) -> None:
    """Each knows nothing at first; with a hundred, most joins are the first of their process."""
    shared = Shared(Policy(creations=LIMIT))
    watch = Watch(shared)
    instances = [Instance(backend.store, shared) for _ in range(count)]
    joins = 120

    def share(number: int) -> None:
        for person in range(number, joins, 8):
            instances[person % count].join(f"p{person}")

    together(8, share)
    assert 0 < watch.most <= MOST
    assert backend.store.creating() == Crowd(watch.most, joins - watch.most)
    minute(shared, instances[:8], ticks=1)
    assert LIMIT <= watch.most <= MOST
    assert shared.cloud.counts["workbench.create"] <= MOST


def test_concurrent_joins_in_processes_stay_within_the_limit(backend: Backend) -> None:
    if not backend.address:
        pytest.skip("memory is not shared between processes")
    command = [sys.executable, "-m", "tests.support.instances", backend.address, str(LIMIT)]
    processes = [
        subprocess.Popen(
            [*command, *(f"p{number}-{i}" for i in range(10))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
        )
        for number in range(2)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    asked = sum(int(process.communicate(timeout=120)[0]) for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert 0 < asked <= MOST
    assert backend.store.creating() == Crowd(asked, 20 - asked)


def test_concurrent_ticks_and_joins_stay_within_the_limit_and_serve_everybody(
    backend: Backend,
) -> None:
    """With so many in creation, slots are reused before the records are updated."""
    shared = Shared(Policy(creations=LIMIT, list_above=3))
    watch = Watch(shared)
    instances = [Instance(backend.store, shared) for _ in range(4)]
    names = [f"p{n}" for n in range(30)]
    for name in names[:15]:
        instances[0].join(name)
    for count in range(3):
        late = names[15 + 5 * count : 20 + 5 * count]
        with ThreadPoolExecutor(2) as threads:
            joining = threads.submit(lambda late=late: [instances[3].join(n) for n in late])
            minute(shared, instances[:3], ticks=2)
            joining.result()
    for _ in range(8):
        minute(shared, instances, ticks=2)
    assert LIMIT <= watch.most <= MOST
    assert backend.store.creating() == Crowd(0, 0)
    assert len(backend.store.page(100, only=Filter(phase=Phase.READY)).items) == len(names)
