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


def test_a_restore_is_over_when_its_operation_says_so_not_when_the_thing_is_ready() -> None:
    """It was ready before: what was restored can't be seen in it."""
    resource = saw(restoring(operation="op"), State.READY, finished=True)
    assert (resource.step, resource.data.restore_from) == (None, "")
    assert (resource.serial, resource.backoff.failures) == (1, 0)


def test_a_restore_whose_answer_was_lost_is_not_repeated_while_it_may_still_land() -> None:
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


def test_an_operation_of_a_restore_that_says_neither_leaves_it_to_do() -> None:
    ended = saw(restoring(operation="op"), State.READY, after(1))
    assert (ended.step, ended.data.restore_from) == (None, "snapshots/s1")
    assert (ended.serial, ended.backoff.failures) == (1, 1)


@pytest.mark.parametrize("code", ["NOT_FOUND", "PERMISSION_DENIED"])
def test_no_error_alone_says_that_a_snapshot_is_gone(code: str) -> None:
    resource = failed(restoring(), a_problem(Disposition.PERMANENT, code))
    assert resource.data.restore_from == "snapshots/s1"
    assert (resource.backoff.failures >= POLICY.attempts) is (code != "NOT_FOUND")


def test_not_found_of_another_step_forgets_no_snapshot() -> None:
    starting = begun(Step.START, restore_from="snapshots/s1")
    gone = failed(starting, a_problem(Disposition.PERMANENT, "NOT_FOUND"))
    assert gone.data.restore_from == "snapshots/s1"


# What is remembered, and until when


@pytest.mark.parametrize("step", [Step.START, Step.CREATE])
def test_once_it_runs_again_no_snapshot_holds_all_of_its_data(step: Step) -> None:
    stopped = a_notebook(State.STOPPED, saved_in="s1", drift=Drift(never=("data disk",)))
    resource = start_step(stopped, step, NOW)
    assert (resource.data.saved_in, resource.settings.drift) == ("", stopped.settings.drift)
    assert saw(stopped, State.READY).data.saved_in == "", "whoever started it"


@pytest.mark.parametrize("step", [Step.STOP, Step.PROTECT, Step.UNPROTECT, Step.DELETE])
def test_what_changes_no_data_leaves_its_snapshot(step: Step) -> None:
    stopped = a_notebook(State.STOPPED, saved_in="s1")
    assert start_step(stopped, step, NOW).data.saved_in == "s1"
    assert saw(stopped, State.STOPPED).data.saved_in == "s1"


def test_what_a_hold_protected_is_known_as_ours_until_it_is_free_or_gone() -> None:
    protecting = start_step(a_notebook(State.STOPPED), Step.PROTECT, NOW)
    assert protecting.data.protected_by_us, "before the call: a crash must not make it another's"
    protected = saw(replace(protecting, operation="op"), State.STOPPED, protected=True)
    assert (protected.data.protected, protected.data.protected_by_us) == (True, True)
    freeing = replace(start_step(protected, Step.UNPROTECT, NOW), operation="op")
    free = saw(freeing, State.STOPPED, protected=False)
    assert (free.data.protected, free.data.protected_by_us) == (False, False)
    assert not saw(protected, State.ABSENT).data.protected_by_us


def test_who_waited_in_the_queue_waits_no_more_once_it_is_begun() -> None:
    assert start_step(a_notebook(queued_at=NOW), Step.CREATE, NOW).creation.queued_at is None


def test_a_create_that_was_not_taken_leaves_no_trace_but_a_place_in_the_queue() -> None:
    absent = a_notebook(serial=3, failures=1)
    claimed = start_step(absent, Step.CREATE, NOW)
    back = requeue(claimed, after(1))
    assert back == replace(absent, queued_at=after(1), start_owed=claimed.access.start_owed)


def test_a_create_that_was_not_taken_forgets_no_call_that_may_still_land() -> None:
    lost = (LostCall(step=Step.CREATE, until=after(2)),)
    claimed = start_step(a_notebook(unconfirmed=lost, observe_at=after(2)), Step.CREATE, NOW)
    back = requeue(claimed, NOW)
    assert (back.unconfirmed, back.observe_at) == (lost, after(2))


def test_a_notebook_made_anew_has_an_owner_who_has_yet_to_consent() -> None:
    creating = begun(operation="op", consented=True)
    assert saw(creating, State.READY, finished=True).access.consented is None


def test_an_update_that_failed_is_tried_again_though_it_is_the_same() -> None:
    updating = begun(Step.UPDATE, digest="d1", state=State.READY)
    assert failed(updating, a_problem(Disposition.TEMPORARY)).settings.digest == ""
    assert (
        failed(begun(Step.STOP, digest="d1"), a_problem(Disposition.TEMPORARY)).settings.digest
        == "d1"
    )


def test_the_sessions_seen_last_are_the_ones_to_end() -> None:
    items = (Item(name="s/1", state="ACTIVE"),)
    running = saw(a_notebook(), State.READY, items=items)
    assert running.workload.items == items
    ending = tuple(replace(item, operation="op") for item in items)
    at_work = saw(
        start_step(running, Step.DELETE, NOW), State.DELETING, operation="op", items=ending
    )
    assert at_work.workload.items == ending
    assert saw(at_work, State.ABSENT).workload.items == ()


def test_after_an_update_only_what_none_can_correct_still_differs() -> None:
    drift = Drift(in_place=("label team",), never=("data disk GB 100 -> 200",))
    updating = begun(Step.UPDATE, operation="op", state=State.UPDATING, drift=drift)
    updated = saw(updating, State.READY, after(1), finished=True)
    assert updated.settings.drift == Drift(never=drift.never)
    only = replace(updating, drift=Drift(in_place=drift.in_place))
    assert saw(only, State.READY, after(1), finished=True).settings.drift is None


def test_what_is_hurried_is_tried_again_within_the_hour_and_no_later_than_it_would_be() -> None:
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


def test_what_is_under_way_still_shows_how_many_sessions_there_are_besides() -> None:
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
def test_not_found_is_final_except_of_a_restore(step: Step, code: str, attempts: int) -> None:
    """Of a restore it may mean the snapshot, which is looked at before anything is given up."""
    problem = replace(a_problem(Disposition.PERMANENT), code=code)
    assert failed(begun(step), problem).backoff.failures == attempts


def test_what_is_still_being_made_has_not_been_used() -> None:
    assert not saw(begun(), State.CREATING).usage.was_ready
    assert saw(begun(), State.STOPPED).usage.was_ready


def test_the_last_of_several_lost_calls_counts() -> None:
    calls = [LostCall(step=Step.STOP, until=after(3)), LostCall(step=Step.START, until=after(5))]
    assert a_notebook(unconfirmed=tuple(calls)).unconfirmed_until == after(5)
    assert a_notebook().unconfirmed_until is None


def test_a_start_without_effect_leaves_what_was_compared() -> None:
    starting = begun(Step.START, operation="op", state=State.STARTING, digest="d")
    assert saw(starting, State.STOPPED, after(1)).settings.digest == "d"
    updating = begun(Step.UPDATE, operation="op", state=State.UPDATING, digest="d")
    assert saw(updating, State.BROKEN, after(1)).settings.digest == ""
