"""The next step of one resource as a table: what is seen, where it should get to, what is done."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.commands.holds import Hold
from shared.domain.reconciliation.desired_state import Goal
from shared.domain.reconciliation.next_step import next_step
from shared.domain.reconciliation.step_claims import start_step
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Drift
from shared.domain.resources.resource import LostCall
from tests.support.builders import NOW, a_record, after
from tests.support.grouped_fields import replace
from tests.support.next_steps import (
    DISK,
    DOWN,
    GONE,
    HOLD,
    LABELS,
    MACHINE,
    NB,
    SESSION,
    SNAPSHOT,
    STAY,
    TEMPLATE,
    UP,
    manifest,
    step_of,
    thing,
)


@pytest.mark.parametrize(
    ("state", "goal", "kind", "step", "because"),
    [
        (State.ABSENT, UP, NB, Step.CREATE, "it is wanted and not there"),
        (State.STOPPED, UP, NB, Step.START, "somebody came back, or stopped it"),
        (State.READY, UP, NB, None, "it is as it should be"),
        (State.CREATING, UP, NB, None, "an operation runs"),
        (State.STOPPING, UP, NB, None, "an operation runs; it is started when it has stopped"),
        (State.RESTORING, UP, NB, None, "an operation runs"),
        (State.DELETING, UP, NB, None, "an operation runs; it is created again afterwards"),
        (State.FOREIGN, UP, NB, None, "it isn't ours"),
        (State.READY, DOWN, NB, Step.STOP, "its owner has left, the grace period runs"),
        (State.STOPPED, DOWN, NB, None, "it is as it should be"),
        (State.CREATING, DOWN, NB, None, "a notebook in creation can't be stopped yet"),
        (State.ABSENT, DOWN, NB, None, "an absent notebook isn't created to be stopped"),
        (State.BROKEN, DOWN, NB, None, "nothing runs, and it may hold work"),
        (State.FOREIGN, DOWN, NB, None, "it isn't ours"),
        (State.READY, GONE, NB, Step.DELETE, "the grace period is over, no snapshot is asked for"),
        (State.STOPPED, GONE, NB, Step.DELETE, "the grace period is over"),
        (State.BROKEN, GONE, NB, Step.DELETE, "the grace period is over"),
        (State.FOREIGN, GONE, NB, None, "it isn't ours"),
        (State.ABSENT, GONE, NB, None, "it is gone"),
        (State.READY, GONE, TEMPLATE, Step.DELETE, "templates are deleted at once"),
        (State.DELETING, GONE, TEMPLATE, None, "an operation runs"),
        (State.READY, GONE, SESSION, Step.DELETE, "what a leaver runs is ended"),
        (State.READY, STAY, SESSION, None, "workloads are unmanaged"),
        (State.READY, STAY, TEMPLATE, None, "it is kept by a hold"),
        (State.STOPPED, STAY, NB, None, "it is left as it is"),
        (State.READY, UP, SNAPSHOT, None, "a snapshot never changes"),
        (State.ABSENT, UP, SNAPSHOT, Step.CREATE, "it is to be taken"),
        (State.READY, GONE, SNAPSHOT, Step.DELETE, "its time is over"),
        (State.READY, DOWN, Kind.MANAGED_NOTEBOOK, Step.STOP, "an older kind is stopped as well"),
        (State.STOPPED, GONE, Kind.DATAPROC_HUB, Step.DELETE, "and deleted without a snapshot"),
    ],
)
def test_next_step(state: State, goal: Goal, kind: Kind, step: Step | None, because: str) -> None:
    assert step_of(thing(state, kind), goal) is step, because


@pytest.mark.parametrize("state", [s for s in State if s is not State.ABSENT])
@pytest.mark.parametrize("goal", list(Goal))
@pytest.mark.parametrize("held", [None, HOLD], ids=["free", "held"])
def test_nothing_that_exists_is_changed_without_a_new_observation(
    state: State, goal: Goal, held: Hold | None
) -> None:
    assert step_of(thing(state), goal, record=a_record(held=held), seen=False) is None


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("goal", list(Goal))
@pytest.mark.parametrize(
    "blocked",
    [{"step": Step.CREATE}, {"retry_at": after(1)}],
    ids=["under way", "failed just now"],
)
@pytest.mark.parametrize("held", [None, HOLD], ids=["free", "held"])
def test_only_one_step_at_a_time_and_none_before_its_retry_time(
    state: State, goal: Goal, blocked: dict[str, Any], held: Hold | None
) -> None:
    assert step_of(thing(state, **blocked), goal, record=a_record(held=held)) is None


def test_once_the_wait_after_a_failure_is_over_the_step_is_tried_again() -> None:
    assert step_of(thing(State.STOPPED, retry_at=NOW), UP) is Step.START


@pytest.mark.parametrize("goal", [g for g in Goal if g is not UP])
def test_an_absent_resource_is_created_only_if_it_should_be_present(goal: Goal) -> None:
    assert step_of(thing(State.ABSENT), goal) is None


def test_a_resource_without_a_manifest_is_never_created() -> None:
    record = a_record()
    assert next_step(record, thing(State.ABSENT), UP, None, NOW, seen=True) is None


# Calls whose answer was lost

LATER = after(2)


def lost(*steps: Step) -> dict[str, Any]:
    return {"unconfirmed": tuple(LostCall(step=step, until=LATER) for step in steps)}


@pytest.mark.parametrize("call", list(Step))
@pytest.mark.parametrize(
    ("state", "goal", "step"),
    [
        (State.ABSENT, UP, Step.CREATE),
        (State.STOPPED, UP, Step.START),
        (State.STOPPED, GONE, Step.DELETE),
    ],
)
def test_only_the_same_step_is_repeated_while_it_may_still_be_carried_out(
    call: Step, state: State, goal: Goal, step: Step
) -> None:
    waiting = thing(state, start_owed=True, **lost(call))
    assert step_of(waiting, goal) is (step if call is step else None)


def test_two_different_lost_calls_are_both_awaited() -> None:
    assert step_of(thing(State.STOPPED, start_owed=True, **lost(Step.START, Step.STOP)), UP) is None


@pytest.mark.parametrize("call", list(Step))
def test_a_lost_call_does_not_delay_the_stop_of_a_leavers_notebook(call: Step) -> None:
    assert step_of(thing(State.READY, **lost(call)), DOWN) is Step.STOP


@pytest.mark.parametrize("call", list(Step))
def test_a_hold_protects_a_notebook_whatever_call_was_lost(call: Step) -> None:
    notebook = thing(State.STOPPED, **lost(call))
    assert step_of(notebook, DOWN, record=a_record(held=HOLD)) is Step.PROTECT


@pytest.mark.parametrize("drift", [LABELS, MACHINE])
def test_an_update_with_other_settings_waits_for_the_lost_one(drift: Drift) -> None:
    notebook = thing(State.READY, drift=drift, digest="", **lost(Step.UPDATE))
    assert step_of(notebook, UP) is None


# Transitional states that others caused


@pytest.mark.parametrize(
    ("state", "goal", "step"),
    [
        (State.STARTING, UP, Step.START),
        (State.CREATING, UP, Step.START),
        (State.STOPPING, UP, Step.START),
        (State.DELETING, UP, None),
        (State.STARTING, DOWN, Step.STOP),
        (State.CREATING, DOWN, Step.STOP),
        (State.UPDATING, GONE, Step.DELETE),
        (State.STARTING, STAY, None),
    ],
)
def test_a_stuck_resource_gets_the_step_that_can_still_be_tried(
    state: State, goal: Goal, step: Step | None
) -> None:
    stuck = thing(state, timed_out=True, moving_since=after(-50))
    assert step_of(stuck, goal) is step
    assert step_of(replace(stuck, timed_out=False), goal) is None


# Up


@pytest.mark.parametrize(
    ("owed", "step"),
    [
        ({}, None),
        ({"start_owed": True}, Step.START),
        ({"restore_from": "snapshots/s1"}, Step.START),
        ({"link": ""}, Step.START),
    ],
)
def test_a_notebook_stopped_by_its_owner_or_idle_shutdown_stays_stopped(
    owed: dict[str, Any], step: Step | None
) -> None:
    asleep = {"link": "https://nb.example.com"} | owed
    assert step_of(thing(State.STOPPED, **asleep), UP) is step


@pytest.mark.parametrize("step", [Step.CREATE, Step.STOP])
def test_a_notebook_that_we_created_or_stopped_is_ours_to_start(step: Step) -> None:
    assert start_step(thing(State.READY), step, NOW).access.start_owed


def test_a_broken_notebook_that_may_have_been_used_is_started_never_deleted() -> None:
    assert step_of(thing(State.BROKEN), UP) is Step.START


def test_the_remains_of_a_failed_creation_are_deleted() -> None:
    assert step_of(thing(State.BROKEN, failed=True), UP) is Step.DELETE


@pytest.mark.parametrize("goal", [UP, DOWN, GONE])
@pytest.mark.parametrize("held", [None, HOLD], ids=["free", "held"])
def test_a_creation_that_was_given_up_is_deleted_only_after_a_new_observation(
    goal: Goal, held: Hold | None
) -> None:
    """It holds no work, but may be in use a moment later."""
    record = a_record(held=held)
    given_up = thing(State.CREATING, timed_out=True)
    assert step_of(given_up, goal, record=record) is Step.DELETE
    assert step_of(given_up, goal, record=record, seen=False) is None
    assert step_of(thing(State.CREATING), goal, record=record) is None
    waiting = thing(State.CREATING, timed_out=True, retry_at=after(1))
    assert step_of(waiting, goal, record=record) is None


def test_a_failed_snapshot_is_deleted_to_be_taken_again() -> None:
    assert step_of(thing(State.BROKEN, SNAPSHOT), UP) is Step.DELETE


@pytest.mark.parametrize("kind", [Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE])
def test_a_template_that_differs_is_updated(kind: Kind) -> None:
    template = thing(State.READY, kind)
    assert step_of(template, UP, wanted=manifest(kind, "d2")) is Step.UPDATE
    assert step_of(template, UP, wanted=manifest(kind, "d1")) is None


@pytest.mark.parametrize(
    ("state", "drift", "step", "because"),
    [
        (State.READY, None, None, "it was not compared, or is as in the manifest"),
        (State.READY, LABELS, Step.UPDATE, "that is changed as it runs"),
        (State.READY, MACHINE, Step.STOP, "a machine type is changed at rest"),
        (
            State.READY,
            Drift(in_place=LABELS.in_place, at_rest=MACHINE.at_rest),
            Step.STOP,
            "one stop, then all of it",
        ),
        (State.READY, DISK, None, "recreating it is the decision of a person"),
        (State.STOPPED, None, Step.START, "nothing to correct"),
        (State.STOPPED, LABELS, Step.UPDATE, "corrected before it runs again"),
        (State.STOPPED, MACHINE, Step.UPDATE, "at rest is when it can be changed"),
        (State.STOPPED, DISK, Step.START, "what can't be corrected does not delay it"),
        (State.BROKEN, MACHINE, Step.START, "what is broken can't be patched"),
    ],
)
def test_drift_is_corrected_in_the_way_that_it_allows(
    state: State, drift: Drift | None, step: Step | None, because: str
) -> None:
    notebook = thing(state, drift=drift)
    assert step_of(notebook, UP, wanted=manifest(digest="d2")) is step, because


@pytest.mark.parametrize("drift", [LABELS, MACHINE])
@pytest.mark.parametrize(
    ("state", "step"), [(State.READY, None), (State.STOPPED, Step.START)], ids=["runs", "stopped"]
)
def test_drift_that_an_update_did_not_correct_is_not_updated_again(
    drift: Drift, state: State, step: Step | None
) -> None:
    """The digest is of what was tried last: with the same again nothing would change."""
    assert step_of(thing(state, drift=drift), UP, wanted=manifest(digest="d1")) is step


@pytest.mark.parametrize("drift", [LABELS, MACHINE, DISK])
def test_drift_is_not_corrected_for_a_leaver(drift: Drift) -> None:
    stopped = thing(State.STOPPED, drift=drift)
    assert step_of(stopped, DOWN, wanted=manifest(digest="d2")) is None
    assert step_of(stopped, GONE, wanted=manifest(digest="d2")) is Step.DELETE


@pytest.mark.parametrize(
    ("state", "step"),
    [(State.READY, Step.RESTORE), (State.STOPPED, Step.START), (State.BROKEN, Step.START)],
)
def test_data_is_restored_when_the_notebook_runs(state: State, step: Step) -> None:
    assert step_of(thing(state, restore_from="snapshots/s1"), UP) is step


def test_data_is_restored_before_drift_is_corrected() -> None:
    notebook = thing(State.READY, restore_from="snapshots/s1", drift=MACHINE)
    assert step_of(notebook, UP, wanted=manifest(digest="d2")) is Step.RESTORE
