"""The contract of the port ``Driver`` for sessions and clusters, on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import MOST_ITEMS, Observation
from tests.support.driver_backends import EMAIL, KEY
from tests.support.grouped_fields import replace
from tests.support.workload_backends import FakeWorkloads, WorkloadBackend, local_workloads

HOUR = timedelta(hours=1)
BEN = "ben-abcdefghijkl"


BACKENDS = {"fake": (), "local": pytest.mark.slow}


def request(number: int) -> str:
    return str(UUID(int=number + 1))


@pytest.fixture(
    params=[
        pytest.param((backend, kind), id=f"{kind}-{backend}", marks=marks)
        for kind in (Kind.SESSION, Kind.CLUSTER)
        for backend, marks in BACKENDS.items()
    ]
)
def backend(request: pytest.FixtureRequest) -> Iterator[WorkloadBackend]:
    backend, kind = request.param
    if backend == "local":
        with local_workloads(kind) as made:
            yield made
        return
    fake = FakeWorkloads(kind)
    yield fake
    assert all(fault.hits for fault in fake.scripted), "a scripted fault was never applied"


def observe(backend: WorkloadBackend) -> Observation:
    return backend.driver.observe(backend.resource, KEY, EMAIL, None)


def end(backend: WorkloadBackend, number: int = 0) -> Observation:
    """End all, as the caller does: with the items of an observation just made."""
    return backend.driver.delete(
        replace(backend.resource, items=observe(backend).items), request(number)
    )


def names(seen: Observation) -> set[str]:
    return {item.name for item in seen.items}


def test_a_person_who_started_nothing_has_no_workloads(backend: WorkloadBackend) -> None:
    assert observe(backend) == Observation(state=State.ABSENT)


def test_all_workloads_of_a_person_are_one_resource(backend: WorkloadBackend) -> None:
    backend.start("first")
    backend.start("second")
    seen = observe(backend)
    assert seen.state is State.READY
    assert names(seen) == {backend.named("first"), backend.named("second")}


def test_workloads_of_others_are_neither_observed_nor_ended(backend: WorkloadBackend) -> None:
    backend.start("first")
    backend.start("bens", BEN, "ben@example.com")
    assert names(observe(backend)) == {backend.named("first")}
    end(backend)
    assert backend.running() == {backend.named("bens")}


def test_beyond_the_limit_running_ones_come_first_and_the_rest_is_counted(
    backend: WorkloadBackend,
) -> None:
    for n in range(MOST_ITEMS + 3):
        backend.start(f"s-{n:04}")
    seen = observe(backend)
    assert (len(seen.items), seen.more) == (MOST_ITEMS, 3)
    ended = backend.driver.delete(replace(backend.resource, items=seen.items, more=3), request(0))
    assert (ended.state, ended.more) == (State.DELETING, 3)
    assert len(backend.running()) == 3
    again = observe(backend)
    assert {item.name for item in again.items[:3]} == backend.running()
    assert again.state is State.READY


def test_a_delete_ends_all(backend: WorkloadBackend) -> None:
    backend.start("first")
    backend.start("second")
    seen = end(backend)
    assert (seen.state, len(seen.items)) == (State.DELETING, 2)
    assert all(item.operation for item in seen.items)
    assert seen.operation in {item.operation for item in seen.items}
    assert backend.running() == set()
    assert observe(backend).state is State.DELETING
    backend.pass_time(HOUR)
    assert observe(backend) == Observation(state=State.ABSENT)


def test_it_is_ready_while_one_runs_even_if_others_are_ending(backend: WorkloadBackend) -> None:
    backend.start("first")
    end(backend)
    backend.start("second")
    seen = observe(backend)
    assert (seen.state, len(seen.items)) == (State.READY, 2)
    assert end(backend, 1).state is State.DELETING
    assert backend.running() == set()


def test_ended_and_ending_workloads_are_no_problem(backend: WorkloadBackend) -> None:
    backend.start("first")
    backend.start("second")
    items = observe(backend).items
    end(backend)
    again = backend.driver.delete(replace(backend.resource, items=items), request(1))
    assert again.state is State.DELETING
    backend.pass_time(HOUR)
    after = backend.driver.delete(replace(backend.resource, items=items), request(2))
    assert after.state in (State.DELETING, State.ABSENT)
    assert observe(backend).state is State.ABSENT


def test_a_delete_without_workloads_is_absent(backend: WorkloadBackend) -> None:
    assert end(backend) == Observation(state=State.ABSENT)


@pytest.mark.parametrize("executed", [False, True])
def test_an_end_with_a_lost_answer_is_uncertain_and_can_be_repeated(
    backend: WorkloadBackend, executed: bool
) -> None:
    backend.start("first")
    backend.fail_call(executed=executed)
    with pytest.raises(CloudFault) as caught:
        end(backend)
    assert caught.value.disposition is Disposition.UNCERTAIN
    assert (backend.running() == set()) is executed
    end(backend)
    backend.pass_time(HOUR)
    assert observe(backend).state is State.ABSENT


def test_a_workload_whose_end_failed_is_ended_by_a_new_request(
    backend: WorkloadBackend,
) -> None:
    backend.start("first")
    backend.pass_time(HOUR)
    backend.fail_operation()
    assert end(backend, 0).operation
    backend.pass_time(HOUR)
    assert observe(backend).state is State.READY
    end(backend, 1)
    backend.pass_time(HOUR)
    assert observe(backend).state is State.ABSENT


def test_other_steps_only_observe(backend: WorkloadBackend) -> None:
    backend.start("first")
    seen = observe(backend)
    resource = replace(backend.resource, state=State.READY, items=seen.items)
    manifest = Manifest(kind=backend.kind, slot="started", places=(), body={}, digest="")
    driver = backend.driver
    for answer in (
        driver.create(resource, manifest, KEY, EMAIL, request(0)),
        driver.update(resource, manifest, KEY, EMAIL, request(1)),
        driver.start(resource, request(2)),
        driver.stop(resource, request(3)),
        driver.restore(resource, request(4)),
        driver.protect(resource, True, request(5)),
    ):
        assert (answer.state, answer.items) == (State.READY, seen.items)
    assert driver.consented(resource) is None
    assert backend.running() == {backend.named("first")}
