"""What people started from their templates, as the port ``Driver`` sees it: on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import MOST_ITEMS, Kind, Observation, State, Want
from tests.support.driver_benches import EMAIL, KEY
from tests.support.uses_benches import FakeUses, UsesBench, local_uses

HOUR = timedelta(hours=1)
BEN = "ben-abcdefghijkl"


def request(number: int) -> str:
    return str(UUID(int=number + 1))


@pytest.fixture(
    params=[
        pytest.param((backend, kind), id=f"{kind}-{backend}")
        for kind in (Kind.SESSION, Kind.CLUSTER)
        for backend in ("fake", "local")
    ]
)
def bench(request: pytest.FixtureRequest) -> Iterator[UsesBench]:
    backend, kind = request.param
    if backend == "local":
        with local_uses(kind) as made:
            yield made
        return
    fake = FakeUses(kind)
    yield fake
    assert all(fault.hits for fault in fake.scripted), "a scripted fault was never hit"


def look(bench: UsesBench) -> Observation:
    return bench.driver.observe(bench.resource, KEY, EMAIL, None)


def end(bench: UsesBench, number: int = 0) -> Observation:
    """End all, as the caller does: with what a fresh look has just shown."""
    return bench.driver.delete(replace(bench.resource, items=look(bench).items), request(number))


def names(seen: Observation) -> set[str]:
    return {item.name for item in seen.items}


def test_who_started_nothing_has_nothing(bench: UsesBench) -> None:
    assert look(bench) == Observation(state=State.ABSENT)


def test_all_of_a_person_are_one_resource(bench: UsesBench) -> None:
    bench.start("first")
    bench.start("second")
    seen = look(bench)
    assert seen.state is State.READY
    assert names(seen) == {bench.named("first"), bench.named("second")}


def test_another_persons_are_not_seen_and_not_ended(bench: UsesBench) -> None:
    bench.start("first")
    bench.start("bens", BEN, "ben@example.com")
    assert names(look(bench)) == {bench.named("first")}
    end(bench)
    assert bench.running() == {bench.named("bens")}


def test_of_very_many_those_that_run_are_seen_first_and_the_rest_is_counted(
    bench: UsesBench,
) -> None:
    for n in range(MOST_ITEMS + 3):
        bench.start(f"s-{n:04}")
    seen = look(bench)
    assert (len(seen.items), seen.more) == (MOST_ITEMS, 3)
    ended = bench.driver.delete(replace(bench.resource, items=seen.items, more=3), request(0))
    assert (ended.state, ended.more) == (State.DELETING, 3)
    assert len(bench.running()) == 3
    again = look(bench)
    assert {item.name for item in again.items[:3]} == bench.running()
    assert again.state is State.READY


def test_all_are_ended_and_then_gone(bench: UsesBench) -> None:
    bench.start("first")
    bench.start("second")
    seen = end(bench)
    assert (seen.state, len(seen.items)) == (State.DELETING, 2)
    assert all(item.operation for item in seen.items)
    assert seen.operation in {item.operation for item in seen.items}
    assert bench.running() == set()
    assert look(bench).state is State.DELETING
    bench.pass_time(HOUR)
    assert look(bench) == Observation(state=State.ABSENT)


def test_one_that_runs_makes_it_ready_though_others_end(bench: UsesBench) -> None:
    bench.start("first")
    end(bench)
    bench.start("second")
    seen = look(bench)
    assert (seen.state, len(seen.items)) == (State.READY, 2)
    assert end(bench, 1).state is State.DELETING
    assert bench.running() == set()


def test_what_is_gone_or_ending_already_is_no_trouble(bench: UsesBench) -> None:
    bench.start("first")
    bench.start("second")
    items = look(bench).items
    end(bench)
    again = bench.driver.delete(replace(bench.resource, items=items), request(1))
    assert again.state is State.DELETING
    bench.pass_time(HOUR)
    after = bench.driver.delete(replace(bench.resource, items=items), request(2))
    assert after.state in (State.DELETING, State.ABSENT)
    assert look(bench).state is State.ABSENT


def test_nobody_has_anything_to_end(bench: UsesBench) -> None:
    assert end(bench) == Observation(state=State.ABSENT)


@pytest.mark.parametrize("carried_out", [False, True])
def test_an_end_without_an_answer_is_uncertain_and_can_be_repeated(
    bench: UsesBench, carried_out: bool
) -> None:
    bench.start("first")
    bench.fail_call(carried_out=carried_out)
    with pytest.raises(CloudFault) as caught:
        end(bench)
    assert caught.value.fate is Fate.UNCERTAIN
    assert (bench.running() == set()) is carried_out
    end(bench)
    bench.pass_time(HOUR)
    assert look(bench).state is State.ABSENT


def test_one_whose_end_failed_runs_on_and_is_ended_by_a_new_request(bench: UsesBench) -> None:
    bench.start("first")
    bench.pass_time(HOUR)
    bench.fail_operation()
    assert end(bench, 0).operation
    bench.pass_time(HOUR)
    assert look(bench).state is State.READY
    end(bench, 1)
    bench.pass_time(HOUR)
    assert look(bench).state is State.ABSENT


def test_the_other_steps_only_say_what_is_there(bench: UsesBench) -> None:
    bench.start("first")
    seen = look(bench)
    resource = replace(bench.resource, state=State.READY, items=seen.items)
    want = Want(kind=bench.kind, slot="started", places=(), body={}, digest="")
    driver = bench.driver
    for answer in (
        driver.create(resource, want, KEY, EMAIL, request(0)),
        driver.update(resource, want, KEY, EMAIL, request(1)),
        driver.start(resource, request(2)),
        driver.stop(resource, request(3)),
        driver.restore(resource, request(4)),
        driver.protect(resource, True, request(5)),
    ):
        assert (answer.state, answer.items) == (State.READY, seen.items)
    assert driver.consented(resource) is None
    assert bench.running() == {bench.named("first")}
