"""What the port ``Driver`` says of notebooks alone, on both backends: operations and changes.

The fake is held here to what the real driver does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, State, Step
from tests.support.driver_backends import EMAIL, KEY, STOCK_OUT, DriverBackend
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
def backend(request: pytest.FixtureRequest) -> Iterator[DriverBackend]:
    with opened(request.param) as backend:
        yield backend


@on(Kind.WORKBENCH)
class TestNotebooks:
    def test_create_is_under_way_until_its_operation_ends(self, backend: DriverBackend) -> None:
        seen = create(backend)
        assert (seen.state, bool(seen.operation)) == (State.CREATING, True)
        calls = backend.calls()
        again = look(backend, remembered(backend, Step.CREATE, seen))
        assert again == Observation(state=State.CREATING, operation=seen.operation)
        assert backend.calls() == calls + 1

    def test_a_running_one_has_a_link(self, backend: DriverBackend) -> None:
        seen = settled(backend, Step.CREATE, create(backend))
        assert seen.link.startswith("https://")

    def test_a_look_says_that_an_operation_ended_well_only_if_it_did(
        self, backend: DriverBackend
    ) -> None:
        assert settled(backend, Step.CREATE, create(backend)).finished
        assert not look(backend).finished
        backend.fail_operation(Step.STOP)
        stopping = backend.driver.stop(backend.resource, request(1))
        seen = settled(backend, Step.STOP, stopping)
        assert (seen.finished, seen.problem is None) == (False, False)

    def test_a_look_compares_it_with_what_is_wanted_unless_the_cloud_is_at_work_on_it(
        self, backend: DriverBackend
    ) -> None:
        made(backend)
        assert look(backend).drift is None
        same = look(backend, want=backend.want("one")).drift
        assert same is not None
        assert not same.can_be_mended
        other = look(backend, want=backend.want("two")).drift
        assert other is not None
        assert other.in_place
        busy = remembered(backend, Step.STOP, backend.driver.stop(backend.resource, request(1)))
        assert look(backend, busy, backend.want("two")).drift is None

    def test_update_changes_its_labels_while_it_runs(self, backend: DriverBackend) -> None:
        made(backend)
        want = backend.want("two")
        seen = backend.driver.update(backend.resource, want, KEY, EMAIL, request(1))
        assert (seen.state, bool(seen.operation)) == (State.UPDATING, True)
        assert settled(backend, Step.UPDATE, seen).state is State.READY
        after = look(backend, want=want)
        assert after.drift is not None
        assert not after.drift.can_be_mended

    def test_update_to_what_is_there_already_changes_nothing(self, backend: DriverBackend) -> None:
        made(backend)
        before = backend.content()
        seen = backend.driver.update(backend.resource, backend.want(), KEY, EMAIL, request(1))
        assert (seen.state, seen.operation) == (State.READY, "")
        assert backend.content() == before

    def test_another_machine_type_waits_until_it_is_stopped(self, backend: DriverBackend) -> None:
        made(backend)
        want = backend.want(machine_type="n2-standard-8")
        running = look(backend, want=want).drift
        assert running is not None
        assert (bool(running.in_place), bool(running.at_rest)) == (False, True)
        seen = backend.driver.update(backend.resource, want, KEY, EMAIL, request(1))
        assert (seen.state, seen.operation) == (State.READY, "")
        settled(backend, Step.STOP, backend.driver.stop(backend.resource, request(2)))
        seen = backend.driver.update(backend.resource, want, KEY, EMAIL, request(3))
        assert settled(backend, Step.UPDATE, seen).state is State.STOPPED
        after = look(backend, want=want).drift
        assert after is not None
        assert not after.can_be_mended

    def test_what_is_protected_is_not_deleted_until_it_no_longer_is(
        self, backend: DriverBackend
    ) -> None:
        made(backend)
        seen = settled(
            backend, Step.PROTECT, backend.driver.protect(backend.resource, True, request(1))
        )
        assert seen.finished
        assert look(backend).protected
        with pytest.raises(CloudFault) as caught:
            backend.driver.delete(backend.resource, request(2))
        assert caught.value.fate is Fate.PERMANENT
        assert backend.names() == [backend.name]
        settled(
            backend, Step.UNPROTECT, backend.driver.protect(backend.resource, False, request(3))
        )
        assert not look(backend).protected
        settled(backend, Step.DELETE, backend.driver.delete(backend.resource, request(4)))
        assert backend.names() == []

    def test_its_owner_has_not_consented_before_they_opened_it(
        self, backend: DriverBackend
    ) -> None:
        made(backend)
        assert backend.driver.consented(backend.resource) is False

    def test_stop_and_start_again(self, backend: DriverBackend) -> None:
        made(backend)
        stopping = backend.driver.stop(backend.resource, request(1))
        assert (stopping.state, bool(stopping.operation)) == (State.STOPPING, True)
        assert settled(backend, Step.STOP, stopping).state is State.STOPPED
        starting = backend.driver.start(backend.resource, request(2))
        assert (starting.state, bool(starting.operation)) == (State.STARTING, True)
        assert settled(backend, Step.START, starting).state is State.READY

    def test_starting_what_runs_and_stopping_what_is_stopped_change_nothing(
        self, backend: DriverBackend
    ) -> None:
        made(backend)
        starting = backend.driver.start(backend.resource, request(1))
        assert settled(backend, Step.START, starting).state is State.READY
        settled(backend, Step.STOP, backend.driver.stop(backend.resource, request(2)))
        stopping = backend.driver.stop(backend.resource, request(3))
        assert settled(backend, Step.STOP, stopping).state is State.STOPPED

    def test_start_and_stop_of_what_is_gone_are_absent(self, backend: DriverBackend) -> None:
        assert backend.driver.start(backend.resource, request(0)).state is State.ABSENT
        assert backend.driver.stop(backend.resource, request(1)).state is State.ABSENT

    def test_a_second_step_while_one_is_under_way_waits(self, backend: DriverBackend) -> None:
        create(backend)
        with pytest.raises(CloudFault) as caught:
            backend.driver.stop(backend.resource, request(1))
        assert caught.value.fate is Fate.TEMPORARY

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    @pytest.mark.parametrize("step", [Step.STOP, Step.START])
    def test_a_switch_without_an_answer_is_uncertain(
        self, backend: DriverBackend, step: Step, how: str
    ) -> None:
        made(backend)
        if step is Step.START:
            settled(backend, Step.STOP, backend.driver.stop(backend.resource, request(1)))
        backend.fail_call(step, how)
        switch = backend.driver.stop if step is Step.STOP else backend.driver.start
        with pytest.raises(CloudFault) as caught:
            switch(backend.resource, request(2))
        assert caught.value.fate is Fate.UNCERTAIN
        backend.pass_time(HOUR)
        ends = (State.READY, State.STOPPED)
        reached, stayed = ends if step is Step.START else reversed(ends)
        assert look(backend).state is (stayed if how == "before" else reached)

    def test_a_create_that_ends_in_a_stock_out_says_so_and_leaves_nothing(
        self, backend: DriverBackend
    ) -> None:
        backend.fail_operation(Step.CREATE)
        seen = settled(backend, Step.CREATE, create(backend))
        assert seen.state is State.ABSENT
        assert not seen.operation
        assert seen.problem is not None
        assert seen.problem.fate is Fate.STOCK_OUT
        assert STOCK_OUT in seen.problem.message
        assert backend.names() == []

    def test_a_start_that_ends_in_a_stock_out_leaves_it_stopped(
        self, backend: DriverBackend
    ) -> None:
        made(backend)
        settled(backend, Step.STOP, backend.driver.stop(backend.resource, request(1)))
        backend.fail_operation(Step.START)
        seen = settled(backend, Step.START, backend.driver.start(backend.resource, request(2)))
        assert seen.state is State.STOPPED
        assert seen.problem is not None
        assert seen.problem.fate is Fate.STOCK_OUT

    def test_a_forgotten_operation_is_no_trouble(self, backend: DriverBackend) -> None:
        seen = create(backend)
        backend.pass_time(DAY)
        backend.forget_operations()
        assert look(backend, remembered(backend, Step.CREATE, seen)).state is State.READY

    def test_a_look_without_the_operation_sees_it_move(self, backend: DriverBackend) -> None:
        create(backend)
        assert look(backend) == Observation(state=State.CREATING)

    def test_one_whose_labels_are_ours_but_whose_owner_is_not_is_foreign(
        self, backend: DriverBackend
    ) -> None:
        made(backend)
        seen = backend.driver.observe(backend.resource, KEY, "ben@example.com", None)
        assert seen.state is State.FOREIGN
