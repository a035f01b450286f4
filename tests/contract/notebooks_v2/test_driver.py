"""The contract of the port ``Driver`` for notebooks, on both backends: operations and changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.observation import Observation
from tests.support.driver_backends import EMAIL, KEY, STOCK_OUT, DriverBackend
from tests.support.driver_steps import (
    HOUR,
    after_step,
    create,
    made,
    observe,
    on,
    opened,
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
    def test_create_is_in_progress_until_its_operation_ends(self, backend: DriverBackend) -> None:
        seen = create(backend)
        assert (seen.state, bool(seen.operation)) == (State.CREATING, True)
        calls = backend.calls()
        again = observe(backend, after_step(backend, Step.CREATE, seen))
        assert again == Observation(state=State.CREATING, operation=seen.operation)
        assert backend.calls() == calls + 1

    def test_a_running_notebook_has_a_link(self, backend: DriverBackend) -> None:
        seen = settled(backend, Step.CREATE, create(backend))
        assert seen.link.startswith("https://")

    def test_finished_is_set_only_for_an_operation_that_succeeded(
        self, backend: DriverBackend
    ) -> None:
        assert settled(backend, Step.CREATE, create(backend)).finished
        assert not observe(backend).finished
        backend.fail_operation(Step.STOP)
        stopping = backend.driver.stop(backend.resource, request(1))
        seen = settled(backend, Step.STOP, stopping)
        assert (seen.finished, seen.problem is None) == (False, False)

    def test_drift_is_observed_unless_a_change_is_in_progress(self, backend: DriverBackend) -> None:
        made(backend)
        assert observe(backend).drift is None
        same = observe(backend, manifest=backend.manifest("one")).drift
        assert same is not None
        assert not same.can_be_mended
        other = observe(backend, manifest=backend.manifest("two")).drift
        assert other is not None
        assert other.in_place
        busy = after_step(backend, Step.STOP, backend.driver.stop(backend.resource, request(1)))
        assert observe(backend, busy, backend.manifest("two")).drift is None

    def test_update_changes_its_labels_while_it_runs(self, backend: DriverBackend) -> None:
        made(backend)
        manifest = backend.manifest("two")
        seen = backend.driver.update(backend.resource, manifest, KEY, EMAIL, request(1))
        assert (seen.state, bool(seen.operation)) == (State.UPDATING, True)
        assert settled(backend, Step.UPDATE, seen).state is State.READY
        after = observe(backend, manifest=manifest)
        assert after.drift is not None
        assert not after.drift.can_be_mended

    def test_an_update_without_drift_changes_nothing(self, backend: DriverBackend) -> None:
        made(backend)
        before = backend.content()
        seen = backend.driver.update(backend.resource, backend.manifest(), KEY, EMAIL, request(1))
        assert (seen.state, seen.operation) == (State.READY, "")
        assert backend.content() == before

    def test_the_machine_type_is_changed_when_stopped(self, backend: DriverBackend) -> None:
        made(backend)
        manifest = backend.manifest(machine_type="n2-standard-8")
        running = observe(backend, manifest=manifest).drift
        assert running is not None
        assert (bool(running.in_place), bool(running.at_rest)) == (False, True)
        seen = backend.driver.update(backend.resource, manifest, KEY, EMAIL, request(1))
        assert (seen.state, seen.operation) == (State.READY, "")
        settled(backend, Step.STOP, backend.driver.stop(backend.resource, request(2)))
        seen = backend.driver.update(backend.resource, manifest, KEY, EMAIL, request(3))
        assert settled(backend, Step.UPDATE, seen).state is State.STOPPED
        after = observe(backend, manifest=manifest).drift
        assert after is not None
        assert not after.can_be_mended

    def test_a_protected_notebook_is_deleted_only_after_the_protection_is_lifted(
        self, backend: DriverBackend
    ) -> None:
        made(backend)
        seen = settled(
            backend, Step.PROTECT, backend.driver.protect(backend.resource, True, request(1))
        )
        assert seen.finished
        assert observe(backend).protected
        with pytest.raises(CloudFault) as caught:
            backend.driver.delete(backend.resource, request(2))
        assert caught.value.disposition is Disposition.PERMANENT
        assert backend.names() == [backend.name]
        settled(
            backend, Step.UNPROTECT, backend.driver.protect(backend.resource, False, request(3))
        )
        assert not observe(backend).protected
        settled(backend, Step.DELETE, backend.driver.delete(backend.resource, request(4)))
        assert backend.names() == []

    def test_the_owner_has_not_consented_before_opening_it(self, backend: DriverBackend) -> None:
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

    def test_starting_a_running_and_stopping_a_stopped_notebook_change_nothing(
        self, backend: DriverBackend
    ) -> None:
        made(backend)
        starting = backend.driver.start(backend.resource, request(1))
        assert settled(backend, Step.START, starting).state is State.READY
        settled(backend, Step.STOP, backend.driver.stop(backend.resource, request(2)))
        stopping = backend.driver.stop(backend.resource, request(3))
        assert settled(backend, Step.STOP, stopping).state is State.STOPPED

    def test_start_and_stop_of_a_missing_notebook_are_absent(self, backend: DriverBackend) -> None:
        assert backend.driver.start(backend.resource, request(0)).state is State.ABSENT
        assert backend.driver.stop(backend.resource, request(1)).state is State.ABSENT

    def test_a_second_step_during_an_operation_is_temporary(self, backend: DriverBackend) -> None:
        create(backend)
        with pytest.raises(CloudFault) as caught:
            backend.driver.stop(backend.resource, request(1))
        assert caught.value.disposition is Disposition.TEMPORARY

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    @pytest.mark.parametrize("step", [Step.STOP, Step.START])
    def test_a_start_or_stop_with_a_lost_answer_is_uncertain(
        self, backend: DriverBackend, step: Step, how: str
    ) -> None:
        made(backend)
        if step is Step.START:
            settled(backend, Step.STOP, backend.driver.stop(backend.resource, request(1)))
        backend.fail_call(step, how)
        switch = backend.driver.stop if step is Step.STOP else backend.driver.start
        with pytest.raises(CloudFault) as caught:
            switch(backend.resource, request(2))
        assert caught.value.disposition is Disposition.UNCERTAIN
        backend.pass_time(HOUR)
        ends = (State.READY, State.STOPPED)
        reached, stayed = ends if step is Step.START else reversed(ends)
        assert observe(backend).state is (stayed if how == "before" else reached)

    def test_a_create_that_ends_in_a_stock_out_reports_it_and_leaves_nothing(
        self, backend: DriverBackend
    ) -> None:
        backend.fail_operation(Step.CREATE)
        seen = settled(backend, Step.CREATE, create(backend))
        assert seen.state is State.ABSENT
        assert not seen.operation
        assert seen.problem is not None
        assert seen.problem.disposition is Disposition.STOCK_OUT
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
        assert seen.problem.disposition is Disposition.STOCK_OUT

    def test_an_operation_that_google_has_deleted_is_no_problem(
        self, backend: DriverBackend
    ) -> None:
        seen = create(backend)
        backend.pass_time(DAY)
        backend.forget_operations()
        assert observe(backend, after_step(backend, Step.CREATE, seen)).state is State.READY

    def test_without_the_operation_the_instance_shows_the_moving_state(
        self, backend: DriverBackend
    ) -> None:
        create(backend)
        assert replace(observe(backend), fingerprint="") == Observation(state=State.CREATING)

    def test_a_notebook_with_our_labels_and_another_owner_is_foreign(
        self, backend: DriverBackend
    ) -> None:
        made(backend)
        seen = backend.driver.observe(backend.resource, KEY, "ben@example.com", None)
        assert seen.state is State.FOREIGN
