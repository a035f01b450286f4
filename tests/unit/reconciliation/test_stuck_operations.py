"""Operations that hang: what is given up, and when, and what is only waited for."""

from __future__ import annotations

import pytest

from shared.domain.faults import Disposition
from shared.domain.reconciliation.step_claims import start_step
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Drift
from shared.domain.resources.resource import LostCall
from tests.support.builders import NOW, a_notebook, a_problem, after
from tests.support.grouped_fields import replace
from tests.support.resource_changes import POLICY, begun, failed, saw

OVERDUE = NOW + POLICY.stuck + POLICY.poll


def test_an_operation_that_hangs_is_given_up_and_the_resource_observed() -> None:
    """Operations have been seen to hang although the notebook was ready."""
    hanging = begun(operation="op", state=State.CREATING)
    resource = saw(hanging, State.CREATING, OVERDUE, operation="op")
    assert (resource.step, resource.operation) == (Step.CREATE, "")
    assert (resource.observe_at, resource.backoff.failures, resource.backoff.problem) == (
        OVERDUE,
        0,
        None,
    )
    done = saw(resource, State.READY, OVERDUE)
    assert (done.state, done.step, done.backoff.problem) == (State.READY, None, None)


@pytest.mark.parametrize("minute", [0, 20, 40])
def test_before_the_limit_an_operation_is_only_awaited(minute: float) -> None:
    hanging = begun(operation="op", state=State.CREATING)
    resource = saw(hanging, State.CREATING, after(minute), operation="op")
    assert (resource.operation, resource.backoff.problem) == ("op", None)
    assert resource.observe_at == after(minute) + POLICY.poll


def test_a_create_that_never_ends_is_given_up_and_reported() -> None:
    hanging = begun(state=State.CREATING)
    resource = saw(hanging, State.CREATING, OVERDUE)
    assert (resource.state, resource.timed_out) == (State.CREATING, True)
    assert (resource.step, resource.serial, resource.backoff.failures) == (None, 1, 1)
    assert (resource.observe_at, resource.backoff.retry_at) == (OVERDUE, None)
    assert resource.backoff.problem is not None
    assert resource.backoff.problem.code == "STUCK"
    assert "create has not ended in 40 minutes" in resource.backoff.problem.message
    assert "look at its logs" in resource.backoff.problem.message


def test_a_create_that_was_given_up_often_is_retried_slowly() -> None:
    hanging = begun(state=State.CREATING, failures=POLICY.attempts - 1)
    resource = saw(hanging, State.CREATING, OVERDUE)
    assert not resource.timed_out
    assert resource.backoff.retry_at is not None
    assert resource.backoff.retry_at > OVERDUE + POLICY.backoff_most


@pytest.mark.parametrize("state", [s for s in State if s is not State.CREATING])
def test_a_creation_that_continues_after_all_is_not_deleted(state: State) -> None:
    given_up = a_notebook(State.CREATING, timed_out=True)
    assert not saw(given_up, state).timed_out
    assert saw(given_up, State.CREATING).timed_out


@pytest.mark.parametrize("step", [Step.START, Step.STOP, Step.DELETE])
def test_another_step_that_never_ends_is_retried_and_deletes_nothing(step: Step) -> None:
    hanging = begun(step, state=step.moving)
    resource = saw(hanging, step.moving, OVERDUE)
    assert (resource.step, resource.serial, resource.creation.failed) == (None, 1, False)
    assert resource.state is step.moving
    assert resource.backoff.problem is not None
    assert f"{step} has not ended" in resource.backoff.problem.message


@pytest.mark.parametrize("kind", [Kind.WORKBENCH, Kind.SNAPSHOT])
def test_a_step_that_copies_a_disk_may_take_hours(kind: Kind) -> None:
    step = Step.RESTORE if kind is Kind.WORKBENCH else Step.CREATE
    hanging = begun(step, kind=kind, state=step.moving)
    assert saw(hanging, step.moving, OVERDUE).backoff.problem is None
    late = saw(hanging, step.moving, NOW + POLICY.stuck_copy + POLICY.poll)
    assert late.backoff.problem is not None
    assert f"{step} has not ended in 720 minutes" in late.backoff.problem.message


@pytest.mark.parametrize("step", [Step.UPDATE, Step.PROTECT, Step.LABEL])
def test_a_change_that_never_ends_does_not_count_as_made(step: Step) -> None:
    """The state stays the same, so only an observation shows the result."""
    hanging = begun(step, operation="op", state=State.READY, digest="d", labelled=False)
    forgotten = saw(hanging, State.READY, OVERDUE, operation="op")
    drift = Drift(in_place=("labels",))
    resource = saw(forgotten, State.READY, OVERDUE, drift=drift, labelled=False)
    assert resource.backoff.problem is not None
    assert f"{step} has not ended in 40 minutes" in resource.backoff.problem.message
    assert resource.settings.digest == ""
    assert resource.unconfirmed == (LostCall(step=step, until=OVERDUE + POLICY.given_up),)


@pytest.mark.parametrize("finished", [True, False])
def test_an_update_that_google_reports_as_done_is_not_repeated(finished: bool) -> None:
    updating = begun(Step.UPDATE, operation="op", state=State.READY, digest="d")
    drift = Drift(in_place=("metadata x",))
    resource = saw(updating, State.READY, after(1), drift=drift, finished=finished)
    assert resource.settings.digest == ("d" if finished else "")


MOVING = [state for state in State if state.is_moving]


@pytest.mark.parametrize("state", MOVING)
def test_a_transition_that_others_began_is_awaited_up_to_the_limit(state: State) -> None:
    first = saw(a_notebook(State.STOPPED), state)
    assert (first.moving_since, first.backoff.problem) == (NOW, None)
    later = saw(first, state, after(39))
    assert (later.moving_since, later.backoff.problem) == (NOW, None)
    assert later.observe_at == after(39) + POLICY.poll
    stuck = saw(later, state, OVERDUE)
    assert (stuck.timed_out, stuck.backoff.retry_at) == (True, None)
    assert stuck.backoff.problem is not None
    assert "which no step of ours began" in stuck.backoff.problem.message
    assert stuck.observe_at is not None
    assert stuck.observe_at > OVERDUE


def test_a_transition_that_others_began_is_polled_despite_an_earlier_failure() -> None:
    moving = saw(a_notebook(State.STOPPED, retry_at=after(9)), State.STARTING)
    assert (moving.observe_at, moving.backoff.retry_at) == (NOW + POLICY.poll, None)


def test_a_transition_that_ended_is_no_longer_awaited() -> None:
    stuck = replace(a_notebook(State.STOPPING), moving_since=NOW, timed_out=True)
    rests = saw(stuck, State.STOPPED, OVERDUE)
    assert (rests.moving_since, rests.timed_out) == (None, False)


def test_a_link_that_appeared_is_no_longer_awaited() -> None:
    closed = replace(a_notebook(State.READY), link="", moving_since=NOW)
    assert saw(closed, State.READY, after(5)).moving_since == NOW
    opened = saw(closed, State.READY, after(5), link="https://nb.example.com")
    assert opened.moving_since is None
    assert saw(opened, State.READY, after(9)).moving_since is None, "that is another wait"


@pytest.mark.parametrize("disposition", list(Disposition))
def test_a_later_failure_does_not_hide_that_a_step_is_stuck(disposition: Disposition) -> None:
    stuck = saw(begun(Step.STOP, state=State.STOPPING), State.STOPPING, OVERDUE)
    again = failed(start_step(stuck, Step.STOP, OVERDUE), a_problem(disposition, "BUSY"), OVERDUE)
    assert again.backoff.problem is not None
    hidden = disposition in (Disposition.TEMPORARY, Disposition.UNCERTAIN)
    assert (again.backoff.problem.code == "STUCK") is hidden


def test_a_failure_that_the_cloud_names_is_the_problem_even_after_the_limit() -> None:
    hanging = begun(operation="op", state=State.CREATING)
    denied = a_problem(Disposition.PERMANENT, "PERMISSION_DENIED")
    resource = saw(hanging, State.BROKEN, OVERDUE, problem=denied)
    assert resource.backoff.problem == denied
    assert resource.creation.failed


def test_only_our_own_creation_can_count_as_failed() -> None:
    by_operation = begun(operation="op", state=State.CREATING)
    problem = a_problem(Disposition.TEMPORARY)
    assert saw(by_operation, State.BROKEN, problem=problem).creation.failed
    assert not saw(by_operation, State.BROKEN).creation.failed, "its creation went well"
    starting = begun(Step.START, operation="op")
    assert not saw(starting, State.BROKEN, problem=problem).creation.failed
    born = replace(a_notebook(State.BROKEN), failed=True)
    assert saw(born, State.BROKEN).creation.failed, "it stays what it was"
    assert not saw(born, State.READY).creation.failed, "it may hold work from now on"


def test_a_stop_after_a_missing_link_starts_a_new_wait() -> None:
    closed = replace(a_notebook(State.READY), link="", moving_since=NOW)
    assert saw(closed, State.STOPPING, after(39)).moving_since == after(39)
