"""The leaving record: every step with its operation, its end and its outcome, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.faults import Disposition
from shared.domain.policy import Policy
from shared.domain.projections.offboarding import with_change, with_changes
from shared.domain.projections.offboarding_record import (
    OffboardingRecord,
    StepRecord,
    Thing,
    amended,
    current,
    inventory_result,
    opened,
)
from shared.domain.reconciliation.changes import AccessEnded, PhaseChanged, ResourceChanged
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.step_claims import start_step
from shared.domain.reconciliation.transitions import apply_observation
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.observation import Item, Observation
from shared.domain.resources.resource import Resource
from shared.domain.status import Phase
from tests.support.builders import KEY, NOW, a_notebook, a_problem, a_record, after
from tests.support.grouped_fields import a_resource, replace

EMPTY = OffboardingRecord(event_id="e", source="test", occurred_at=NOW, left_at=NOW, removal_at=NOW)
OPERATION = "projects/demo/locations/us-central1-a/operations/op-1"


def sessions(state: State, *items: Item, **changes: Any) -> Resource:
    return a_resource(
        kind=Kind.SESSION, slot="started", name="p/sessions", state=state, items=items, **changes
    )


def seen(before: Resource, state: State, minute: float, **more: Any) -> Resource:
    """``before`` after an observation."""
    observation = Observation(state=state, **more)
    return apply_observation(before, observation, key=KEY, now=after(minute), policy=Policy())


def story(*moments: tuple[float, Resource], start: Resource) -> OffboardingRecord:
    """The record after each change of one resource, in turn."""
    leaving, before = EMPTY, start
    for minute, resource in moments:
        leaving = with_change(leaving, before, resource, after(minute))
        before = resource
    return leaving


def test_a_step_from_start_to_end() -> None:
    ready = a_notebook(State.READY)
    begun = start_step(ready, Step.STOP, NOW)
    stopping = seen(begun, State.READY, 1, operation=OPERATION)
    stopped = seen(stopping, State.STOPPED, 2)
    leaving = story((0, begun), (1, stopping), (2, stopped), start=ready)
    assert leaving.had == (Thing(about="workbench/main", name="zone-a/nb", state="ready"),)
    assert leaving.deeds == (
        StepRecord(
            step=Step.STOP,
            about="workbench/main",
            begun_at=NOW,
            operation=OPERATION,
            ended_at=after(2),
            outcome="stopped",
        ),
    )


def test_a_step_in_progress_has_no_end() -> None:
    ready = a_notebook(State.READY)
    begun = start_step(ready, Step.STOP, NOW)
    [deed] = story((0, begun), start=ready).deeds
    assert (deed.operation, deed.ended_at, deed.outcome) == ("", None, "")
    stopping = seen(begun, State.READY, 1, operation=OPERATION)
    [deed] = story((0, begun), (1, stopping), start=ready).deeds
    assert (deed.operation, deed.ended_at, deed.outcome) == (OPERATION, None, "")


def test_a_step_that_is_done_at_once_has_no_operation() -> None:
    template = Resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", state=State.READY)
    begun = start_step(template, Step.DELETE, NOW)
    [deed] = story((0, begun), (0, seen(begun, State.ABSENT, 0)), start=template).deeds
    assert (deed.operation, deed.ended_at, deed.outcome) == ("", NOW, "absent")


def test_a_failed_step_says_why_and_the_next_try_is_another_entry() -> None:
    ready = a_notebook(State.READY)
    begun = start_step(ready, Step.STOP, NOW)
    stopping = seen(begun, State.READY, 1, operation=OPERATION)
    failed = seen(stopping, State.READY, 2, problem=a_problem(Disposition.TEMPORARY, "ABORTED"))
    again = start_step(failed, Step.STOP, after(3))
    stopped = seen(again, State.STOPPED, 4)
    moments = ((0, begun), (1, stopping), (2, failed), (3, again), (4, stopped))
    first, second = story(*moments, start=ready).deeds
    assert (first.operation, first.ended_at) == (OPERATION, after(2))
    assert first.outcome == "ABORTED: it is temporary"
    assert (second.begun_at, second.ended_at, second.outcome) == (after(3), after(4), "stopped")


def test_an_old_failure_is_not_the_outcome_of_a_new_step() -> None:
    ready = a_notebook(State.READY, problem=a_problem(Disposition.TEMPORARY, "OLD"))
    begun = start_step(ready, Step.STOP, NOW)
    ended = replace(begun, step=None, state=State.STOPPED)
    [deed] = story((0, begun), (1, ended), start=ready).deeds
    assert deed.outcome == "stopped"


def test_a_step_that_follows_at_once_is_a_separate_entry() -> None:
    """The end of one and the beginning of the next may come in one change."""
    ready = a_notebook(State.READY)
    stopping = start_step(ready, Step.STOP, NOW)
    deleting = replace(stopping, step=Step.DELETE, state=State.STOPPED)
    first, second = story((0, stopping), (1, deleting), start=ready).deeds
    assert (first.step, first.ended_at, first.outcome) == (Step.STOP, after(1), "stopped")
    assert (second.step, second.begun_at, second.ended_at) == (Step.DELETE, after(1), None)


def test_concurrent_steps_of_two_resources_are_separate_entries() -> None:
    leaving = EMPTY
    for slot in ("one", "other"):
        ready = a_notebook(State.READY, slot=slot, name=f"zone-a/{slot}")
        leaving = with_change(leaving, ready, start_step(ready, Step.STOP, NOW), NOW)
    one = a_notebook(State.READY, slot="one", name="zone-a/one", step=Step.STOP)
    leaving = with_change(leaving, one, replace(one, step=None, state=State.STOPPED), after(1))
    ends = {deed.about: deed.ended_at for deed in leaving.deeds}
    assert ends == {"workbench/one": after(1), "workbench/other": None}


def test_each_session_is_listed_with_its_state_and_its_operation() -> None:
    running = (Item(name="s/1", state="ACTIVE"), Item(name="s/2", state="CREATING"))
    ending = (
        Item(name="s/1", state="TERMINATING", operation="op-1"),
        Item(name="s/2", state="TERMINATING", operation="op-2"),
    )
    nothing = sessions(State.ABSENT, observe_at=NOW)
    there = sessions(State.READY, *running)
    begun = start_step(there, Step.DELETE, after(1))
    at_work = sessions(State.DELETING, *ending, step=Step.DELETE)
    gone = sessions(State.ABSENT)
    moments = ((0, there), (1, begun), (2, at_work), (3, gone))
    leaving = story(*moments, start=nothing)
    assert leaving.had == (
        Thing(about="session/started", name="s/1", state="ACTIVE"),
        Thing(about="session/started", name="s/2", state="CREATING"),
    )
    [deed] = leaving.deeds
    assert (deed.operation, deed.ended_at, deed.outcome) == ("op-1, op-2", after(3), "absent")


def test_an_absent_resource_is_not_listed() -> None:
    absent = a_notebook()
    looked = seen(replace(absent, observe_at=NOW), State.ABSENT, 0)
    assert story((0, looked), start=absent).had == ()
    assert story((0, sessions(State.ABSENT)), start=sessions(State.ABSENT)).had == ()


def test_a_resource_is_listed_once_in_its_first_observed_state() -> None:
    moments = [(n, a_notebook(state)) for n, state in enumerate((State.READY, State.STOPPED))]
    leaving = story(*moments, start=a_notebook(State.READY))
    assert [thing.state for thing in leaving.had] == ["ready"]


@pytest.mark.parametrize(
    ("state", "kept"), [(State.READY, ("snapshots/s1",)), (State.CREATING, ()), (State.BROKEN, ())]
)
def test_a_snapshot_is_listed_as_kept_when_it_is_complete(
    state: State, kept: tuple[str, ...]
) -> None:
    snapshot = Resource(kind=Kind.SNAPSHOT, slot="s1", name="snapshots/s1", state=State.CREATING)
    complete = replace(snapshot, state=state)
    leaving = story((0, complete), (1, complete), start=snapshot)
    assert leaving.snapshots == kept


def test_an_observation_without_change_adds_nothing() -> None:
    stopped = a_notebook(State.STOPPED)
    leaving = story((0, stopped), start=stopped)
    assert with_change(leaving, stopped, replace(stopped, observe_at=after(9)), after(8)) == leaving


def test_after_many_departures_only_the_oldest_are_dropped() -> None:
    leavings: tuple[OffboardingRecord, ...] = ()
    for number in range(9):
        leavings = opened(leavings, replace(EMPTY, event_id=f"e{number}"))
    assert [leaving.event_id for leaving in leavings] == ["e4", "e5", "e6", "e7", "e8"]


def test_a_step_that_is_retried_for_ever_does_not_grow_the_record() -> None:
    leaving, ready = EMPTY, a_notebook(State.READY)
    for number in range(100):
        begun = start_step(ready, Step.STOP, after(number))
        leaving = with_change(leaving, ready, begun, after(number))
        leaving = with_change(leaving, begun, ready, after(number))
    assert len(leaving.deeds) == 40
    assert leaving.deeds[-1].begun_at == after(99)


def test_steps_of_sessions_are_dropped_before_those_of_the_notebook() -> None:
    stop = StepRecord(step=Step.STOP, about="workbench/main", begun_at=NOW, ended_at=NOW)
    end = replace(stop, step=Step.DELETE, about="session/started")
    going_on = replace(end, ended_at=None)
    full = replace(EMPTY, deeds=(stop, going_on, *[end] * 38))
    ready = a_notebook(State.STOPPED)
    leaving = with_change(full, ready, start_step(ready, Step.DELETE, after(1)), after(1))
    assert (len(leaving.deeds), leaving.deeds_left_out) == (40, 1)
    assert leaving.deeds[:3] == (stop, going_on, end)
    assert leaving.deeds[-1].about == "workbench/main"


@pytest.mark.parametrize(
    ("leavings", "expected"),
    [
        ((), None),
        ((EMPTY,), EMPTY),
        ((replace(EMPTY, returned_at=NOW),), None),
        ((replace(EMPTY, returned_at=NOW), EMPTY), EMPTY),
        ((EMPTY, replace(EMPTY, returned_at=NOW)), None),
    ],
    ids=["never left", "left", "came back", "left again", "came back twice"],
)
def test_the_departure_in_progress(
    leavings: tuple[OffboardingRecord, ...], expected: OffboardingRecord | None
) -> None:
    assert current(leavings) == expected


def test_only_the_current_departure_is_amended() -> None:
    first = replace(EMPTY, event_id="first", returned_at=NOW)
    changed = replace(EMPTY, reason="fired")
    assert amended((first, EMPTY), changed) == (first, changed)


def test_a_higher_count_of_sessions_is_recorded_although_none_is_new() -> None:
    running = Item(name="s/1", state="ACTIVE")
    moments = [(n, sessions(State.READY, running, more=more)) for n, more in enumerate((60, 70))]
    leaving = story(*moments, start=sessions(State.ABSENT))
    assert (len(leaving.had), leaving.had_more) == (1, 1 + 70 - 50)


@pytest.mark.parametrize(
    ("count", "last"),
    [(3, "found 2"), (50, "found 49"), (51, "and 1 more"), (2000, "and 1950 more")],
)
def test_the_last_line_says_how_many_findings_are_left_out(count: int, last: str) -> None:
    found = [f"found {n}" for n in range(count)]
    scan = inventory_result(NOW, leftovers=found, kept=())
    assert scan.leftovers[:50] == tuple(found[:50])
    assert (scan.leftovers[-1], len(scan.leftovers)) == (last, min(count, 51))


@pytest.mark.parametrize(
    ("count", "shown"),
    [(2, "op-0, op-1"), (3, "op-0, op-1, op-2"), (4, "op-0, op-1, op-2 and 1 more")],
)
def test_only_the_first_of_many_operations_are_named(count: int, shown: str) -> None:
    items = tuple(
        Item(name=f"s{n}", state="TERMINATING", operation=f"op-{n}") for n in range(count)
    )
    running = sessions(State.READY, *(replace(item, operation="") for item in items))
    ending = start_step(running, Step.DELETE, NOW)
    asked = replace(ending, items=items)
    leaving = story((0, ending), (1, asked), start=running)
    assert leaving.deeds[0].operation == shown


def test_a_step_keeps_the_name_of_an_operation_that_was_given_up() -> None:
    ready = a_notebook(State.READY)
    begun = start_step(ready, Step.STOP, NOW)
    stopping = seen(begun, State.READY, 1, operation=OPERATION)
    leaving = story((0, begun), (1, stopping), (50, replace(stopping, operation="")), start=ready)
    assert [deed.operation for deed in leaving.deeds] == [OPERATION]


# Whose departure it belongs to


def noted_in(
    *leavings: OffboardingRecord, before: Resource, now: Resource, minute: float = 0
) -> tuple[OffboardingRecord, ...]:
    """The departures of a record after a change of one resource."""
    return with_changes(leavings, [ResourceChanged(before, now)], after(minute))


READY = a_notebook(State.READY)
STOPPING = a_notebook(State.READY, step=Step.STOP)


def test_steps_on_a_leavers_resources_are_in_the_leaving_record() -> None:
    [leaving] = noted_in(EMPTY, before=READY, now=STOPPING)
    assert [deed.step for deed in leaving.deeds] == [Step.STOP]


def test_a_step_is_recorded_together_with_the_change() -> None:
    draft = Draft(a_record(READY, leavings=(EMPTY,)), NOW)
    draft.put(READY, STOPPING)
    draft.settle()
    assert draft.record.resources == (STOPPING,)
    assert [deed.step for deed in draft.record.departure.records[0].deeds] == [Step.STOP]
    draft.settle()
    assert len(draft.record.departure.records[0].deeds) == 1, "once is enough"


def test_a_later_deletion_of_a_kept_resource_is_recorded_too() -> None:
    snapshot = Resource(kind=Kind.SNAPSHOT, slot="s", name="s", state=State.READY)
    going = replace(snapshot, step=Step.DELETE)
    over = replace(EMPTY, completed_at=NOW)
    [leaving] = noted_in(over, before=snapshot, now=going, minute=9)
    assert [(d.step, d.begun_at) for d in leaving.deeds] == [(Step.DELETE, after(9))]
    assert leaving.completed_at == NOW


@pytest.mark.parametrize(
    "leavings",
    [(), (replace(EMPTY, returned_at=NOW),), (replace(EMPTY, completed_at=NOW),)],
    ids=["never left", "came back", "all over"],
)
def test_steps_at_other_times_are_not_part_of_a_departure(
    leavings: tuple[OffboardingRecord, ...],
) -> None:
    assert noted_in(*leavings, before=READY, now=STOPPING) == leavings


def test_only_changes_of_resources_are_recorded_as_steps() -> None:
    changes = [AccessEnded(3.0), PhaseChanged(Phase.SUSPENDED)]
    assert with_changes((EMPTY,), changes, NOW) == (EMPTY,)
