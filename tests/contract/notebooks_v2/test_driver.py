"""What the port ``Driver`` says of notebooks alone, on both backends: operations and changes.

The fake is held here to what the real driver does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, State, Step
from tests.support.driver_benches import EMAIL, KEY, STOCK_OUT, Bench
from tests.support.driver_steps import (
    HOUR,
    create,
    look,
    made,
    on,
    opened,
    remembered,
    request,
    settled,
)

DAY = timedelta(days=1)


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with opened(request.param) as bench:
        yield bench


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

    def test_a_look_says_that_an_operation_ended_well_only_if_it_did(self, bench: Bench) -> None:
        assert settled(bench, Step.CREATE, create(bench)).finished
        assert not look(bench).finished
        bench.fail_operation(Step.STOP)
        stopping = bench.driver.stop(bench.resource, request(1))
        seen = settled(bench, Step.STOP, stopping)
        assert (seen.finished, seen.problem is None) == (False, False)

    def test_a_look_compares_it_with_what_is_wanted_unless_the_cloud_is_at_work_on_it(
        self, bench: Bench
    ) -> None:
        made(bench)
        assert look(bench).drift is None
        same = look(bench, want=bench.want("one")).drift
        assert same is not None
        assert not same.can_be_mended
        other = look(bench, want=bench.want("two")).drift
        assert other is not None
        assert other.in_place
        busy = remembered(bench, Step.STOP, bench.driver.stop(bench.resource, request(1)))
        assert look(bench, busy, bench.want("two")).drift is None

    def test_update_changes_its_labels_while_it_runs(self, bench: Bench) -> None:
        made(bench)
        want = bench.want("two")
        seen = bench.driver.update(bench.resource, want, KEY, EMAIL, request(1))
        assert (seen.state, bool(seen.operation)) == (State.UPDATING, True)
        assert settled(bench, Step.UPDATE, seen).state is State.READY
        after = look(bench, want=want)
        assert after.drift is not None
        assert not after.drift.can_be_mended

    def test_update_to_what_is_there_already_changes_nothing(self, bench: Bench) -> None:
        made(bench)
        before = bench.content()
        seen = bench.driver.update(bench.resource, bench.want(), KEY, EMAIL, request(1))
        assert (seen.state, seen.operation) == (State.READY, "")
        assert bench.content() == before

    def test_another_machine_type_waits_until_it_is_stopped(self, bench: Bench) -> None:
        made(bench)
        want = bench.want(machine_type="n2-standard-8")
        running = look(bench, want=want).drift
        assert running is not None
        assert (bool(running.in_place), bool(running.at_rest)) == (False, True)
        seen = bench.driver.update(bench.resource, want, KEY, EMAIL, request(1))
        assert (seen.state, seen.operation) == (State.READY, "")
        settled(bench, Step.STOP, bench.driver.stop(bench.resource, request(2)))
        seen = bench.driver.update(bench.resource, want, KEY, EMAIL, request(3))
        assert settled(bench, Step.UPDATE, seen).state is State.STOPPED
        after = look(bench, want=want).drift
        assert after is not None
        assert not after.can_be_mended

    def test_what_is_protected_is_not_deleted_until_it_no_longer_is(self, bench: Bench) -> None:
        made(bench)
        seen = settled(bench, Step.PROTECT, bench.driver.protect(bench.resource, True, request(1)))
        assert seen.finished
        assert look(bench).protected
        with pytest.raises(CloudFault) as caught:
            bench.driver.delete(bench.resource, request(2))
        assert caught.value.fate is Fate.PERMANENT
        assert bench.names() == [bench.name]
        settled(bench, Step.UNPROTECT, bench.driver.protect(bench.resource, False, request(3)))
        assert not look(bench).protected
        settled(bench, Step.DELETE, bench.driver.delete(bench.resource, request(4)))
        assert bench.names() == []

    def test_its_owner_has_not_consented_before_they_opened_it(self, bench: Bench) -> None:
        made(bench)
        assert bench.driver.consented(bench.resource) is False

    def test_stop_and_start_again(self, bench: Bench) -> None:
        made(bench)
        stopping = bench.driver.stop(bench.resource, request(1))
        assert (stopping.state, bool(stopping.operation)) == (State.STOPPING, True)
        assert settled(bench, Step.STOP, stopping).state is State.STOPPED
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
        seen = bench.driver.observe(bench.resource, KEY, "ben@example.com", None)
        assert seen.state is State.FOREIGN
