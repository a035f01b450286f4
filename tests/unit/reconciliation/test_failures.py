"""What the memory makes of what hangs, of answers that were lost, and of zones that are empty."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from shared.domain.faults import Disposition, Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.failures import fail, out_of_places, within_the_hour
from shared.domain.reconciliation.transitions import apply_observation, requeue, start_step
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Drift
from shared.domain.resources.observation import Item, Observation
from shared.domain.resources.resource import LostCall, Resource
from tests.support.builders import KEY, NOW, a_notebook, a_problem, after, fates
from tests.support.resource_builders import replace

POLICY = Policy()
OVERDUE = NOW + POLICY.stuck + POLICY.poll
STOCK_OUT = a_problem(Disposition.STOCK_OUT, "ZONE_RESOURCE_POOL_EXHAUSTED")


def saw(resource: Resource, state: State | None, now: datetime = NOW, **more: Any) -> Resource:
    return apply_observation(
        resource, Observation(state=state, **more), key=KEY, now=now, policy=POLICY
    )


def failed(resource: Resource, problem: Problem, now: datetime = NOW) -> Resource:
    return fail(resource, problem, key=KEY, now=now, policy=POLICY)


def begun(step: Step = Step.CREATE, **changes: Any) -> Resource:
    """``step`` has been begun at ``NOW``, and what the cloud answered is in ``changes``."""
    notebook = start_step(a_notebook(), step, NOW)
    return replace(notebook, **changes)


# What hangs


def test_an_operation_that_hangs_is_given_up_and_the_thing_itself_looked_at() -> None:
    """Operations have been seen to hang where the notebook was ready long since."""
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
def test_until_then_it_is_only_waited_for(minute: float) -> None:
    hanging = begun(operation="op", state=State.CREATING)
    resource = saw(hanging, State.CREATING, after(minute), operation="op")
    assert (resource.operation, resource.backoff.problem) == ("op", None)
    assert resource.observe_at == after(minute) + POLICY.poll


def test_a_create_that_never_ends_is_given_up_and_said_to_be() -> None:
    hanging = begun(state=State.CREATING)
    resource = saw(hanging, State.CREATING, OVERDUE)
    assert (resource.state, resource.timed_out) == (State.CREATING, True)
    assert (resource.step, resource.serial, resource.backoff.failures) == (None, 1, 1)
    assert (resource.observe_at, resource.backoff.retry_at) == (OVERDUE, None)
    assert resource.backoff.problem is not None
    assert resource.backoff.problem.code == "STUCK"
    assert "create has not ended in 40 minutes" in resource.backoff.problem.message
    assert "look at its logs" in resource.backoff.problem.message


def test_one_that_is_given_up_again_and_again_is_only_tried_slowly() -> None:
    hanging = begun(state=State.CREATING, failures=POLICY.attempts - 1)
    resource = saw(hanging, State.CREATING, OVERDUE)
    assert not resource.timed_out
    assert resource.backoff.retry_at is not None
    assert resource.backoff.retry_at > OVERDUE + POLICY.backoff_most


@pytest.mark.parametrize("state", [s for s in State if s is not State.CREATING])
def test_what_was_given_up_and_moves_on_after_all_is_nobodys_to_clear_away(state: State) -> None:
    given_up = a_notebook(State.CREATING, timed_out=True)
    assert not saw(given_up, state).timed_out
    assert saw(given_up, State.CREATING).timed_out


@pytest.mark.parametrize("step", [Step.START, Step.STOP, Step.DELETE])
def test_another_step_that_never_ends_is_tried_again_and_takes_nobodys_work(step: Step) -> None:
    hanging = begun(step, state=step.moving)
    resource = saw(hanging, step.moving, OVERDUE)
    assert (resource.step, resource.serial, resource.creation.failed) == (None, 1, False)
    assert resource.state is step.moving
    assert resource.backoff.problem is not None
    assert f"{step} has not ended" in resource.backoff.problem.message


@pytest.mark.parametrize("kind", [Kind.WORKBENCH, Kind.SNAPSHOT])
def test_what_copies_a_disk_may_take_hours(kind: Kind) -> None:
    step = Step.RESTORE if kind is Kind.WORKBENCH else Step.CREATE
    hanging = begun(step, kind=kind, state=step.moving)
    assert saw(hanging, step.moving, OVERDUE).backoff.problem is None
    late = saw(hanging, step.moving, NOW + POLICY.stuck_copy + POLICY.poll)
    assert late.backoff.problem is not None
    assert f"{step} has not ended in 720 minutes" in late.backoff.problem.message


@pytest.mark.parametrize("step", [Step.UPDATE, Step.PROTECT, Step.LABEL])
def test_a_change_that_never_ends_is_no_change_that_was_made(step: Step) -> None:
    """Its thing is in the state it was in, so that only what is there tells."""
    hanging = begun(step, operation="op", state=State.READY, digest="d", labelled=False)
    forgotten = saw(hanging, State.READY, OVERDUE, operation="op")
    drift = Drift(in_place=("labels",))
    resource = saw(forgotten, State.READY, OVERDUE, drift=drift, labelled=False)
    assert resource.backoff.problem is not None
    assert f"{step} has not ended in 40 minutes" in resource.backoff.problem.message
    assert resource.settings.digest == ""
    assert resource.unconfirmed == (LostCall(step=step, until=OVERDUE + POLICY.given_up),)


@pytest.mark.parametrize("finished", [True, False])
def test_what_google_says_it_has_changed_is_not_asked_for_again_and_again(finished: bool) -> None:
    updating = begun(Step.UPDATE, operation="op", state=State.READY, digest="d")
    drift = Drift(in_place=("metadata x",))
    resource = saw(updating, State.READY, after(1), drift=drift, finished=finished)
    assert resource.settings.digest == ("d" if finished else "")


MOVING = [state for state in State if state.is_moving]


@pytest.mark.parametrize("state", MOVING)
def test_what_others_move_is_waited_for_but_not_for_ever(state: State) -> None:
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


def test_an_earlier_failure_does_not_put_off_what_others_have_set_moving() -> None:
    moving = saw(a_notebook(State.STOPPED, retry_at=after(9)), State.STARTING)
    assert (moving.observe_at, moving.backoff.retry_at) == (NOW + POLICY.poll, None)


def test_once_it_rests_or_runs_it_is_waited_for_no_more() -> None:
    stuck = replace(a_notebook(State.STOPPING), moving_since=NOW, timed_out=True)
    rests = saw(stuck, State.STOPPED, OVERDUE)
    assert (rests.moving_since, rests.timed_out) == (None, False)


def test_once_it_can_be_opened_its_link_is_waited_for_no_more() -> None:
    closed = replace(a_notebook(State.READY), link="", moving_since=NOW)
    assert saw(closed, State.READY, after(5)).moving_since == NOW
    opened = saw(closed, State.READY, after(5), link="https://nb.example.com")
    assert opened.moving_since is None
    assert saw(opened, State.READY, after(9)).moving_since is None, "that is another wait"


@pytest.mark.parametrize("disposition", list(Disposition))
def test_what_follows_from_being_stuck_does_not_hide_it(disposition: Disposition) -> None:
    stuck = saw(begun(Step.STOP, state=State.STOPPING), State.STOPPING, OVERDUE)
    again = failed(start_step(stuck, Step.STOP, OVERDUE), a_problem(disposition, "BUSY"), OVERDUE)
    assert again.backoff.problem is not None
    hidden = disposition in (Disposition.TEMPORARY, Disposition.UNCERTAIN)
    assert (again.backoff.problem.code == "STUCK") is hidden


def test_a_failure_that_the_cloud_names_is_the_reason_even_when_it_took_too_long() -> None:
    hanging = begun(operation="op", state=State.CREATING)
    denied = a_problem(Disposition.PERMANENT, "PERMISSION_DENIED")
    resource = saw(hanging, State.BROKEN, OVERDUE, problem=denied)
    assert resource.backoff.problem == denied
    assert resource.creation.failed


def test_stillborn_is_only_what_our_own_creation_left() -> None:
    by_operation = begun(operation="op", state=State.CREATING)
    problem = a_problem(Disposition.TEMPORARY)
    assert saw(by_operation, State.BROKEN, problem=problem).creation.failed
    assert not saw(by_operation, State.BROKEN).creation.failed, "its creation went well"
    starting = begun(Step.START, operation="op")
    assert not saw(starting, State.BROKEN, problem=problem).creation.failed
    born = replace(a_notebook(State.BROKEN), failed=True)
    assert saw(born, State.BROKEN).creation.failed, "it stays what it was"
    assert not saw(born, State.READY).creation.failed, "somebody may work in it from now on"


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


# Zones without machines


def test_a_stock_out_is_no_failure_yet_the_next_zone_is_tried_at_once() -> None:
    creating = begun(operation="op", state=State.CREATING, failures=3)
    resource = saw(creating, State.ABSENT, after(2), problem=STOCK_OUT)
    assert resource.creation.tried == ("zone-a/nb",)
    assert (resource.step, resource.serial, resource.backoff.failures) == (None, 1, 3)
    assert (resource.observe_at, resource.backoff.retry_at) == (after(2), None)
    assert resource.backoff.problem == STOCK_OUT


def test_each_zone_counts_once() -> None:
    resource = failed(begun(tried=("zone-b/nb", "zone-a/nb")), STOCK_OUT)
    assert resource.creation.tried == ("zone-b/nb", "zone-a/nb")


def test_a_start_that_finds_no_machine_has_no_other_zone_to_go_to() -> None:
    """The disk is where it is."""
    name = "projects/demo/locations/us-central1-a/instances/nb"
    resource = failed(begun(Step.START, name=name, state=State.STOPPED), STOCK_OUT)
    assert (resource.creation.tried, resource.backoff.failures) == ((), 1)
    assert resource.backoff.retry_at is not None
    assert resource.backoff.retry_at > NOW
    assert resource.backoff.problem is not None
    assert "us-central1-a has no machine to start it on" in resource.backoff.problem.message
    assert "next zone" not in resource.backoff.problem.message


def test_a_zone_without_machines_never_leads_into_quarantine() -> None:
    resource = begun(Step.START, state=State.STOPPED)
    for _ in range(20):
        resource = failed(start_step(resource, Step.START, NOW), STOCK_OUT)
    assert resource.backoff.failures < POLICY.attempts
    assert resource.backoff.retry_at is not None
    assert resource.backoff.retry_at - NOW <= POLICY.backoff_most


def test_when_all_zones_are_empty_it_waits_like_any_failure_and_begins_anew() -> None:
    tried = a_notebook(tried=("zone-a/nb", "zone-b/nb"), problem=STOCK_OUT, failures=2)
    resource = out_of_places(tried, key=KEY, now=NOW, policy=POLICY)
    assert (resource.creation.tried, resource.backoff.failures) == ((), 3)
    assert (
        resource.backoff.retry_at
        == resource.observe_at
        == NOW + POLICY.backoff(3, f"{KEY}/{tried.id}")
    )
    assert resource.backoff.problem == STOCK_OUT


def test_made_at_last_the_empty_zones_are_forgotten() -> None:
    creating = begun(operation="op", tried=("zone-b/nb",), problem=STOCK_OUT)
    resource = saw(creating, State.READY, after(3), finished=True)
    assert (resource.creation.tried, resource.backoff.problem, resource.usage.ready_since) == (
        (),
        None,
        after(3),
    )


@pytest.mark.parametrize("disposition", fates(Disposition.STOCK_OUT))
def test_another_failure_leaves_what_was_tried(disposition: Disposition) -> None:
    assert failed(begun(tried=("zone-b/nb",)), a_problem(disposition)).creation.tried == (
        "zone-b/nb",
    )


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


def test_one_that_ran_without_a_link_and_stops_is_waited_for_from_then_on() -> None:
    closed = replace(a_notebook(State.READY), link="", moving_since=NOW)
    assert saw(closed, State.STOPPING, after(39)).moving_since == after(39)


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


def test_where_no_zone_had_a_machine_it_stays_short_of_quarantine() -> None:
    empty = begun(failures=POLICY.attempts, problem=STOCK_OUT, step=None)
    waiting = out_of_places(empty, key=KEY, now=NOW, policy=POLICY)
    assert waiting.backoff.failures == POLICY.attempts - 1


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
