"""What is recorded after lost answers and failures, and until when it is remembered."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.faults import Disposition
from shared.domain.reconciliation.failures import within_the_hour
from shared.domain.reconciliation.step_claims import requeue, start_step
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Drift
from shared.domain.resources.observation import Item
from shared.domain.resources.resource import LostCall, Resource
from tests.support.builders import NOW, a_notebook, a_problem, after
from tests.support.grouped_fields import replace
from tests.support.resource_changes import POLICY, begun, failed, saw

STOCK_OUT = a_problem(Disposition.STOCK_OUT, "ZONE_RESOURCE_POOL_EXHAUSTED")


# Answers that were lost


def restoring(**changes: Any) -> Resource:
    ready = {"state": State.READY, "restore_from": "snapshots/s1"}
    return begun(Step.RESTORE, **ready | changes)


def test_a_restore_ends_with_its_operation_not_when_the_notebook_is_ready() -> None:
    """It was ready before: what was restored can't be seen in it."""
    resource = saw(restoring(operation="op"), State.READY, finished=True)
    assert (resource.step, resource.data.restore_from) == (None, "")
    assert (resource.serial, resource.backoff.failures) == (1, 0)


def test_a_restore_without_an_answer_is_not_repeated_while_it_may_be_carried_out() -> None:
    """Repeated, it would put the old data over what somebody has written since."""
    lost = failed(restoring(), a_problem(Disposition.UNCERTAIN))
    for moment in (after(0), after(1), NOW + POLICY.doubt - POLICY.poll):
        lost = saw(lost, State.READY, moment)
        assert (lost.step, lost.serial) == (Step.RESTORE, 0)
        assert lost.observe_at == NOW + POLICY.doubt
    again = saw(lost, State.READY, NOW + POLICY.doubt)
    assert (again.step, again.data.restore_from) == (None, "snapshots/s1")
    assert again.backoff.failures == 2


def test_a_restore_found_among_the_operations_is_waited_for() -> None:
    found = saw(restoring(), State.READY, after(1), operation="op")
    assert (found.step, found.operation, found.state) == (Step.RESTORE, "op", State.RESTORING)


def test_a_restore_whose_operation_ended_without_a_result_is_repeated() -> None:
    ended = saw(restoring(operation="op"), State.READY, after(1))
    assert (ended.step, ended.data.restore_from) == (None, "snapshots/s1")
    assert (ended.serial, ended.backoff.failures) == (1, 1)


@pytest.mark.parametrize("code", ["NOT_FOUND", "PERMISSION_DENIED"])
def test_an_error_alone_does_not_prove_that_a_snapshot_is_deleted(code: str) -> None:
    resource = failed(restoring(), a_problem(Disposition.PERMANENT, code))
    assert resource.data.restore_from == "snapshots/s1"
    assert (resource.backoff.failures >= POLICY.attempts) is (code != "NOT_FOUND")


def test_not_found_in_another_step_keeps_the_snapshot_to_restore() -> None:
    starting = begun(Step.START, restore_from="snapshots/s1")
    gone = failed(starting, a_problem(Disposition.PERMANENT, "NOT_FOUND"))
    assert gone.data.restore_from == "snapshots/s1"


# What is remembered, and until when


@pytest.mark.parametrize("step", [Step.START, Step.CREATE])
def test_a_notebook_that_runs_again_is_no_longer_saved_in_its_snapshot(step: Step) -> None:
    stopped = a_notebook(State.STOPPED, saved_in="s1", drift=Drift(never=("data disk",)))
    resource = start_step(stopped, step, NOW)
    assert (resource.data.saved_in, resource.settings.drift) == ("", stopped.settings.drift)
    assert saw(stopped, State.READY).data.saved_in == "", "whoever started it"


@pytest.mark.parametrize("step", [Step.STOP, Step.PROTECT, Step.UNPROTECT, Step.DELETE])
def test_a_step_that_changes_no_data_keeps_the_notebook_saved(step: Step) -> None:
    stopped = a_notebook(State.STOPPED, saved_in="s1")
    assert start_step(stopped, step, NOW).data.saved_in == "s1"
    assert saw(stopped, State.STOPPED).data.saved_in == "s1"


def test_protection_by_a_hold_is_recorded_as_ours_until_it_is_lifted() -> None:
    protecting = start_step(a_notebook(State.STOPPED), Step.PROTECT, NOW)
    assert protecting.data.protected_by_us, "before the call: a crash must not make it another's"
    protected = saw(replace(protecting, operation="op"), State.STOPPED, protected=True)
    assert (protected.data.protected, protected.data.protected_by_us) == (True, True)
    freeing = replace(start_step(protected, Step.UNPROTECT, NOW), operation="op")
    free = saw(freeing, State.STOPPED, protected=False)
    assert (free.data.protected, free.data.protected_by_us) == (False, False)
    assert not saw(protected, State.ABSENT).data.protected_by_us


def test_a_notebook_leaves_the_queue_when_its_creation_starts() -> None:
    assert start_step(a_notebook(queued_at=NOW), Step.CREATE, NOW).creation.queued_at is None


def test_a_create_that_was_turned_away_only_queues_the_notebook() -> None:
    absent = a_notebook(serial=3, failures=1)
    claimed = start_step(absent, Step.CREATE, NOW)
    back = requeue(claimed, after(1))
    assert back == replace(absent, queued_at=after(1), start_owed=claimed.access.start_owed)


def test_a_create_that_was_turned_away_keeps_unconfirmed_calls() -> None:
    lost = (LostCall(step=Step.CREATE, until=after(2)),)
    claimed = start_step(a_notebook(unconfirmed=lost, observe_at=after(2)), Step.CREATE, NOW)
    back = requeue(claimed, NOW)
    assert (back.unconfirmed, back.observe_at) == (lost, after(2))


def test_a_recreated_notebook_has_no_consent_yet() -> None:
    creating = begun(operation="op", consented=True)
    assert saw(creating, State.READY, finished=True).access.consented is None


def test_a_failed_update_is_tried_again_with_the_same_digest() -> None:
    updating = begun(Step.UPDATE, digest="d1", state=State.READY)
    assert failed(updating, a_problem(Disposition.TEMPORARY)).settings.digest == ""
    assert (
        failed(begun(Step.STOP, digest="d1"), a_problem(Disposition.TEMPORARY)).settings.digest
        == "d1"
    )


def test_the_sessions_observed_last_are_the_ones_to_end() -> None:
    items = (Item(name="s/1", state="ACTIVE"),)
    running = saw(a_notebook(), State.READY, items=items)
    assert running.workload.items == items
    ending = tuple(replace(item, operation="op") for item in items)
    at_work = saw(
        start_step(running, Step.DELETE, NOW), State.DELETING, operation="op", items=ending
    )
    assert at_work.workload.items == ending
    assert saw(at_work, State.ABSENT).workload.items == ()


def test_after_an_update_only_drift_that_no_update_can_correct_remains() -> None:
    drift = Drift(in_place=("label team",), never=("data disk GB 100 -> 200",))
    updating = begun(Step.UPDATE, operation="op", state=State.UPDATING, drift=drift)
    updated = saw(updating, State.READY, after(1), finished=True)
    assert updated.settings.drift == Drift(never=drift.never)
    only = replace(updating, drift=Drift(in_place=drift.in_place))
    assert saw(only, State.READY, after(1), finished=True).settings.drift is None


def test_a_step_can_be_retried_within_the_hour_but_never_later_than_planned() -> None:
    first = failed(begun(Step.STOP, state=State.READY), a_problem(Disposition.TEMPORARY))
    assert within_the_hour(first, NOW, POLICY) is first
    often = failed(
        begun(Step.STOP, state=State.READY, failures=9), a_problem(Disposition.TEMPORARY)
    )
    hurried = within_the_hour(often, NOW, POLICY)
    assert (hurried.observe_at, hurried.backoff.retry_at) == (NOW + POLICY.backoff_most,) * 2
    looks_later = a_notebook(State.READY, observe_at=after(days=1))
    hurried = within_the_hour(looks_later, NOW, POLICY)
    assert (hurried.observe_at, hurried.backoff.retry_at) == (NOW + POLICY.backoff_most, None)


def test_a_deletion_in_progress_shows_how_many_more_sessions_there_are() -> None:
    ending = start_step(Resource(kind=Kind.SESSION, slot="started", name="s"), Step.DELETE, NOW)
    item = Item(name="s1", state="TERMINATING", operation="op")
    seen = saw(ending, State.READY, operation="op", items=(item,), more=900)
    assert (seen.workload.items, seen.workload.more) == ((item,), 900)


@pytest.mark.parametrize(
    ("step", "code", "attempts"),
    [
        (Step.CREATE, "NOT_FOUND", POLICY.attempts),
        (Step.RESTORE, "NOT_FOUND", 1),
        (Step.RESTORE, "INVALID_ARGUMENT", POLICY.attempts),
    ],
)
def test_not_found_is_final_except_for_a_restore(step: Step, code: str, attempts: int) -> None:
    """In a restore it may mean the snapshot, which is observed first."""
    problem = replace(a_problem(Disposition.PERMANENT), code=code)
    assert failed(begun(step), problem).backoff.failures == attempts


def test_a_notebook_in_creation_has_not_been_used() -> None:
    assert not saw(begun(), State.CREATING).usage.was_ready
    assert saw(begun(), State.STOPPED).usage.was_ready


def test_of_several_lost_calls_the_latest_time_counts() -> None:
    calls = [LostCall(step=Step.STOP, until=after(3)), LostCall(step=Step.START, until=after(5))]
    assert a_notebook(unconfirmed=tuple(calls)).unconfirmed_until == after(5)
    assert a_notebook().unconfirmed_until is None


def test_a_start_without_effect_keeps_the_digest() -> None:
    starting = begun(Step.START, operation="op", state=State.STARTING, digest="d")
    assert saw(starting, State.STOPPED, after(1)).settings.digest == "d"
    updating = begun(Step.UPDATE, operation="op", state=State.UPDATING, digest="d")
    assert saw(updating, State.BROKEN, after(1)).settings.digest == ""


def test_a_passing_error_after_a_long_stock_out_is_the_first_of_its_kind() -> None:
    short = failed(begun(Step.START, failures=POLICY.attempts - 1), STOCK_OUT)
    assert short.backoff.failures == POLICY.attempts - 1
    passing = failed(begun(Step.START, backoff=short.backoff), a_problem(Disposition.TEMPORARY))
    assert passing.backoff.failures == 1
    lasting = failed(begun(Step.START, backoff=short.backoff), a_problem(Disposition.PERMANENT))
    assert lasting.backoff.failures == POLICY.attempts
