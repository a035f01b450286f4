"""How many calls of the state an event takes in a process that has just started, on every store.

On a quiet day almost every event of a Cloud Function is the first one of its process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bench.counting import counting
from shared.domain.policy import Policy
from shared.domain.status import Phase
from shared.ports import Crowd
from tests.support.backends import BACKENDS, Backend, FirestoreBackend, opened_backend
from tests.support.grpc_wire import Wire
from tests.support.instances import Instance, Shared
from tests.support.stored import being_made

LIMIT = 20
QUIET = {"find": 1, "claim": 1, "save": 1}
CROWDED = QUIET | {"creating": 1}
DUPLICATE = {"find": 1, "append": 1}
CORRECTED = CROWDED | {"recount": 1}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    yield from opened_backend(request, tmp_path)


@pytest.fixture
def wire(firestore_backend: FirestoreBackend) -> Iterator[Wire]:
    wire = Wire()
    channel = wire.put_into(firestore_backend.client, firestore_backend.host)
    yield wire
    channel.close()


class Deployment:
    """Instances that come and go; ``calls`` of the store by the last of them."""

    def __init__(self, backend: Backend) -> None:
        self.shared = Shared(Policy(creations=LIMIT))
        self.backend = backend

    def calls(self, work: Callable[[Instance], object]) -> dict[str, int]:
        """The calls that ``work`` takes in a process that has just started."""
        calls: Counter[str] = Counter()
        work(Instance(counting(self.backend.store, calls), self.shared))
        return dict(calls)

    def join(self, name: str) -> dict[str, int]:
        """The calls of a first join."""
        return self.calls(lambda instance: instance.join(name, f"m-{name}"))

    def minutes(self, count: int) -> None:
        """Time passes; each tick and each message in a process of its own."""
        for _ in range(count):
            self.shared.clock.time += timedelta(minutes=1)
            self.calls(lambda instance: instance.tick.run())
            waiting, self.shared.topics.waiting = self.shared.topics.waiting, []
            for body in waiting:
                self.calls(partial(Instance.handle, body=body))

    @property
    def asked(self) -> int:
        return self.shared.cloud.counts["workbench.create"]


def test_a_first_join_takes_three_calls_and_its_duplicate_two(backend: Backend) -> None:
    deployment = Deployment(backend)
    assert deployment.join("ana") == QUIET
    assert deployment.join("ana") == DUPLICATE
    assert deployment.join("ben") == QUIET, "the second of few"
    assert deployment.asked == 2


@pytest.mark.slow
def test_a_first_join_takes_one_more_call_in_a_crowd_and_three_afterwards(
    backend: Backend,
) -> None:
    deployment = Deployment(backend)
    taken = [deployment.join(f"p{number}") for number in range(LIMIT)]
    assert taken == [QUIET] * 2 + [CROWDED] * (LIMIT - 2)
    assert deployment.asked == LIMIT
    deployment.minutes(15)
    assert backend.store.creating() == Crowd(0, 0)
    assert deployment.join("ana") == QUIET


def test_a_join_that_queues_takes_four_calls_and_so_do_those_behind_it(
    backend: Backend,
) -> None:
    deployment = Deployment(backend)
    for number in range(LIMIT):
        backend.store.save(being_made(f"p{number}"), None, [])
    assert deployment.join("ana") == CROWDED
    assert deployment.asked == 0
    assert backend.store.creating() == Crowd(LIMIT, 1)
    for number in range(LIMIT):
        stored = backend.store.load(being_made(f"p{number}").key)
        assert stored is not None
        backend.store.save(being_made(f"p{number}", resources=()), stored.version, [])
    assert deployment.join("ben") == CROWDED
    assert deployment.asked == 0, "there is room, but it is Ana's turn"
    assert backend.store.creating() == Crowd(0, 2)


def test_on_the_wire_it_is_three_requests(firestore_backend: FirestoreBackend, wire: Wire) -> None:
    deployment = Deployment(firestore_backend)
    deployment.join("ana")
    assert [method for method, _ in wire.calls] == ["RunQuery", "Commit", "Commit"]
    wire.calls.clear()
    deployment.join("ana")
    assert [method for method, _ in wire.calls] == ["RunQuery", "Commit"]


def test_a_join_with_an_unconfirmed_claim_is_carried_out_once(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    deployment = Deployment(firestore_backend)
    wire.lose_answers = 1
    deployment.join("ana")
    assert wire.lose_answers == 0
    assert deployment.asked == 0, "the saved claim has a lease that no worker uses"
    deployment.minutes(20)
    assert deployment.asked == 1
    [ana] = firestore_backend.store.page(10).items
    assert ana.status.phase is Phase.READY
    assert firestore_backend.store.claim(being_made("ben"), None, []).creating == 1


@pytest.mark.parametrize("wrong", [LIMIT, -5], ids=["too-high", "too-low"])
def test_a_wrong_counter_costs_one_join_two_calls(
    firestore_backend: FirestoreBackend, wrong: int
) -> None:
    deployment = Deployment(firestore_backend)
    counter = firestore_backend.client.document("crowd/creations")
    counter.set({"creating": wrong, "waited_at": 0}, timeout=10)
    assert deployment.join("ana") == CORRECTED
    assert deployment.join("ben") == QUIET
    assert deployment.asked == 2


def test_after_a_lost_counter_at_most_a_tenth_more_are_admitted(
    firestore_backend: FirestoreBackend,
) -> None:
    deployment = Deployment(firestore_backend)
    for number in range(LIMIT):
        firestore_backend.store.save(being_made(f"p{number}"), None, [])
    firestore_backend.client.document("crowd/creations").delete(timeout=10)
    taken = [deployment.join(f"late{number}") for number in range(10)]
    assert taken == [QUIET] * 2 + [CROWDED] * 8
    assert deployment.asked == 2
    assert firestore_backend.store.creating() == Crowd(LIMIT + 2, 8)
