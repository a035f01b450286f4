"""The contract of the port ``Driver``, on every backend: the fake, and each real driver with
Google's own client against the local cloud.

What a driver did is read back through the bench's back door. A scripted fault that never struck
fails its test.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, Resource, State, Step
from tests.support.driver_benches import (
    EMAIL,
    KEY,
    RETRY_SECONDS,
    STOCK_OUT,
    Bench,
    FakeBench,
    local_bench,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TEMPLATES = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)
BACKENDS = ("fake", "local")


def request(number: int) -> str:
    return str(UUID(int=number + 1))


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    backend, kind = request.param
    if backend == "fake":
        made: Bench = FakeBench(kind)
        yield made
    else:
        with local_bench(kind) as made:
            yield made
    assert all(fault.hits for fault in made.scripted), "a scripted fault was never hit"


def on(*kinds: Kind) -> pytest.MarkDecorator:
    """Run on every backend of these kinds."""
    cases = [
        pytest.param((backend, kind), id=f"{kind}-{backend}")
        for kind in kinds
        for backend in BACKENDS
    ]
    return pytest.mark.parametrize("bench", cases, indirect=True)


def create(bench: Bench, number: int = 0, text: str = "one") -> Observation:
    return bench.driver.create(bench.resource, bench.want(text), KEY, EMAIL, request(number))


def look(bench: Bench, resource: Resource | None = None) -> Observation:
    return bench.driver.observe(resource or bench.resource, KEY, EMAIL)


def remembered(bench: Bench, step: Step, seen: Observation) -> Resource:
    """The record's memory of a step that was answered with ``seen``."""
    assert seen.state is not None
    return replace(bench.resource, under_way=step, state=seen.state, operation=seen.operation)


def settled(bench: Bench, step: Step, seen: Observation) -> Observation:
    """What a look says once the operation, if there is one, has had its time."""
    if not seen.operation:
        return seen
    bench.pass_time(HOUR)
    return look(bench, remembered(bench, step, seen))


def made(bench: Bench) -> None:
    assert settled(bench, Step.CREATE, create(bench)).state is State.READY


@on(*Kind)
class TestEveryKind:
    def test_what_was_never_made_is_absent(self, bench: Bench) -> None:
        assert look(bench) == Observation(state=State.ABSENT)

    def test_create_makes_it_with_one_call(self, bench: Bench) -> None:
        seen = create(bench)
        assert bench.calls() == 1
        assert settled(bench, Step.CREATE, seen).state is State.READY
        assert bench.names() == [bench.name]
        assert look(bench).state is State.READY

    def test_the_same_request_twice_makes_one(self, bench: Bench) -> None:
        create(bench)
        assert settled(bench, Step.CREATE, create(bench)).state is State.READY
        assert bench.names() == [bench.name]

    def test_create_finds_this_persons_own(self, bench: Bench) -> None:
        made(bench)
        assert create(bench, number=1).state is State.READY
        assert bench.names() == [bench.name]

    def test_create_leaves_a_foreign_one_alone(self, bench: Bench) -> None:
        bench.add_foreign()
        before = bench.content()
        assert create(bench).state is State.FOREIGN
        assert bench.content() == before

    def test_update_leaves_a_foreign_one_alone(self, bench: Bench) -> None:
        bench.add_foreign()
        before = bench.content()
        seen = bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(0))
        assert seen.state is State.FOREIGN
        assert seen.detail
        assert bench.content() == before

    def test_another_persons_is_foreign(self, bench: Bench) -> None:
        made(bench)
        seen = bench.driver.observe(bench.resource, "ben-abcdefghijkl", "ben@example.com")
        assert seen.state is State.FOREIGN

    def test_update_of_what_is_gone_is_absent(self, bench: Bench) -> None:
        seen = bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(0))
        assert seen.state is State.ABSENT
        assert bench.names() == []

    def test_delete_removes_it(self, bench: Bench) -> None:
        made(bench)
        seen = bench.driver.delete(bench.resource, request(1))
        assert settled(bench, Step.DELETE, seen).state is State.ABSENT
        assert bench.names() == []
        assert look(bench).state is State.ABSENT

    def test_delete_of_what_is_gone_is_absent(self, bench: Bench) -> None:
        assert bench.driver.delete(bench.resource, request(0)) == Observation(state=State.ABSENT)

    def test_it_can_be_made_again_after_its_deletion(self, bench: Bench) -> None:
        made(bench)
        settled(bench, Step.DELETE, bench.driver.delete(bench.resource, request(1)))
        assert settled(bench, Step.CREATE, create(bench, number=2)).state is State.READY


@on(*Kind)
class TestFaults:
    def test_a_503_before_a_create_is_uncertain_and_nothing_is_there(self, bench: Bench) -> None:
        bench.fail_call("create", "before")
        with pytest.raises(CloudFault) as caught:
            create(bench)
        assert caught.value.fate is Fate.UNCERTAIN
        assert bench.names() == []
        assert look(bench).state is State.ABSENT

    @pytest.mark.parametrize("how", ["after", "cut", "late"])
    def test_a_create_whose_answer_is_lost_is_uncertain_and_seen_by_the_next_look(
        self, bench: Bench, how: str
    ) -> None:
        bench.fail_call("create", how)
        with pytest.raises(CloudFault) as caught:
            create(bench)
        assert caught.value.fate is Fate.UNCERTAIN
        assert bench.names() == [bench.name]
        assert look(bench).state in (State.CREATING, State.READY)
        assert settled(bench, Step.CREATE, create(bench)).state is State.READY
        assert bench.names() == [bench.name]

    def test_a_429_is_temporary_and_names_its_delay(self, bench: Bench) -> None:
        bench.fail_call("create", "busy")
        with pytest.raises(CloudFault) as caught:
            create(bench)
        assert caught.value.fate is Fate.TEMPORARY
        assert caught.value.retry_after == timedelta(seconds=RETRY_SECONDS)
        assert bench.names() == []

    def test_a_503_on_a_look_is_temporary(self, bench: Bench) -> None:
        bench.fail_call("observe", "before")
        with pytest.raises(CloudFault) as caught:
            look(bench)
        assert caught.value.fate is Fate.TEMPORARY

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    def test_a_delete_without_an_answer_is_uncertain_and_can_be_repeated(
        self, bench: Bench, how: str
    ) -> None:
        made(bench)
        bench.fail_call("delete", how)
        with pytest.raises(CloudFault) as caught:
            bench.driver.delete(bench.resource, request(1))
        assert caught.value.fate is Fate.UNCERTAIN
        seen = bench.driver.delete(bench.resource, request(1))
        assert settled(bench, Step.DELETE, seen).state is State.ABSENT
        assert bench.names() == []


@on(*TEMPLATES)
class TestTemplates:
    def test_they_are_ready_at_once(self, bench: Bench) -> None:
        assert create(bench) == Observation(state=State.READY)

    def test_update_brings_the_new_content(self, bench: Bench) -> None:
        made(bench)
        before = bench.content()
        seen = bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(1))
        assert seen.state is State.READY
        assert bench.content() != before

    def test_update_to_the_same_content_writes_nothing(self, bench: Bench) -> None:
        made(bench)
        before = bench.content()
        seen = bench.driver.update(bench.resource, bench.want(), KEY, EMAIL, request(1))
        assert seen.state is State.READY
        assert bench.content() == before

    def test_create_brings_this_persons_older_one_up_to_date(self, bench: Bench) -> None:
        made(bench)
        before = bench.content()
        assert create(bench, number=1, text="two").state is State.READY
        assert bench.content() != before

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    def test_an_update_without_an_answer_is_uncertain(self, bench: Bench, how: str) -> None:
        made(bench)
        bench.fail_call("update", how)
        with pytest.raises(CloudFault) as caught:
            bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(1))
        assert caught.value.fate is Fate.UNCERTAIN
        seen = bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(1))
        assert seen.state is State.READY

    def test_start_and_stop_only_say_whether_they_are_there(self, bench: Bench) -> None:
        assert bench.driver.stop(bench.resource, request(0)).state is State.ABSENT
        made(bench)
        before = bench.content()
        assert bench.driver.stop(bench.resource, request(1)).state is State.READY
        assert bench.driver.start(bench.resource, request(2)).state is State.READY
        assert bench.content() == before


@on(Kind.WORKBENCH)
class TestNotebooks:
    def test_create_is_under_way_until_its_operation_ends(self, bench: Bench) -> None:
        seen = create(bench)
        assert (seen.state, bool(seen.operation)) == (State.CREATING, True)
        calls = bench.calls()
        again = look(bench, remembered(bench, Step.CREATE, seen))
        assert again == Observation(state=State.CREATING, operation=seen.operation)
        assert bench.calls() == calls + 1

    def test_a_running_one_has_a_link(self, bench: Bench) -> None:
        seen = settled(bench, Step.CREATE, create(bench))
        assert seen.link.startswith("https://")

    def test_update_looks_and_changes_nothing(self, bench: Bench) -> None:
        made(bench)
        before = bench.content()
        seen = bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(1))
        assert seen.state is State.READY
        assert bench.content() == before

    def test_stop_and_start_again(self, bench: Bench) -> None:
        made(bench)
        stopping = bench.driver.stop(bench.resource, request(1))
        assert (stopping.state, bool(stopping.operation)) == (State.STOPPING, True)
        assert settled(bench, Step.STOP, stopping) == Observation(state=State.STOPPED)
        starting = bench.driver.start(bench.resource, request(2))
        assert (starting.state, bool(starting.operation)) == (State.STARTING, True)
        assert settled(bench, Step.START, starting).state is State.READY

    def test_starting_what_runs_and_stopping_what_is_stopped_change_nothing(
        self, bench: Bench
    ) -> None:
        made(bench)
        starting = bench.driver.start(bench.resource, request(1))
        assert settled(bench, Step.START, starting).state is State.READY
        settled(bench, Step.STOP, bench.driver.stop(bench.resource, request(2)))
        stopping = bench.driver.stop(bench.resource, request(3))
        assert settled(bench, Step.STOP, stopping).state is State.STOPPED

    def test_start_and_stop_of_what_is_gone_are_absent(self, bench: Bench) -> None:
        assert bench.driver.start(bench.resource, request(0)).state is State.ABSENT
        assert bench.driver.stop(bench.resource, request(1)).state is State.ABSENT

    def test_a_second_step_while_one_is_under_way_waits(self, bench: Bench) -> None:
        create(bench)
        with pytest.raises(CloudFault) as caught:
            bench.driver.stop(bench.resource, request(1))
        assert caught.value.fate is Fate.TEMPORARY

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    @pytest.mark.parametrize("step", [Step.STOP, Step.START])
    def test_a_switch_without_an_answer_is_uncertain(
        self, bench: Bench, step: Step, how: str
    ) -> None:
        made(bench)
        if step is Step.START:
            settled(bench, Step.STOP, bench.driver.stop(bench.resource, request(1)))
        bench.fail_call(step, how)
        switch = bench.driver.stop if step is Step.STOP else bench.driver.start
        with pytest.raises(CloudFault) as caught:
            switch(bench.resource, request(2))
        assert caught.value.fate is Fate.UNCERTAIN
        bench.pass_time(HOUR)
        ends = (State.READY, State.STOPPED)
        reached, stayed = ends if step is Step.START else reversed(ends)
        assert look(bench).state is (stayed if how == "before" else reached)

    def test_a_create_that_ends_in_a_stock_out_says_so_and_leaves_nothing(
        self, bench: Bench
    ) -> None:
        bench.fail_operation(Step.CREATE)
        seen = settled(bench, Step.CREATE, create(bench))
        assert seen.state is State.ABSENT
        assert not seen.operation
        assert seen.problem is not None
        assert seen.problem.fate is Fate.STOCK_OUT
        assert STOCK_OUT in seen.problem.message
        assert bench.names() == []

    def test_a_start_that_ends_in_a_stock_out_leaves_it_stopped(self, bench: Bench) -> None:
        made(bench)
        settled(bench, Step.STOP, bench.driver.stop(bench.resource, request(1)))
        bench.fail_operation(Step.START)
        seen = settled(bench, Step.START, bench.driver.start(bench.resource, request(2)))
        assert seen.state is State.STOPPED
        assert seen.problem is not None
        assert seen.problem.fate is Fate.STOCK_OUT

    def test_a_forgotten_operation_is_no_trouble(self, bench: Bench) -> None:
        seen = create(bench)
        bench.pass_time(DAY)
        bench.forget_operations()
        assert look(bench, remembered(bench, Step.CREATE, seen)).state is State.READY

    def test_a_look_without_the_operation_sees_it_move(self, bench: Bench) -> None:
        create(bench)
        assert look(bench) == Observation(state=State.CREATING)

    def test_one_whose_labels_are_ours_but_whose_owner_is_not_is_foreign(
        self, bench: Bench
    ) -> None:
        made(bench)
        seen = bench.driver.observe(bench.resource, KEY, "ben@example.com")
        assert seen.state is State.FOREIGN
