"""The steps that protect a notebook under a hold, and that put its labels back."""

from __future__ import annotations

import pytest

from shared.domain.reconciliation.desired_state import Goal
from shared.domain.reconciliation.next_step import next_step, owed_protection
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from tests.support.builders import NOW, a_notebook, a_record
from tests.support.next_steps import (
    DOWN,
    GONE,
    HOLD,
    LABELS,
    NB,
    STAY,
    UP,
    manifest,
    step_of,
    thing,
)


@pytest.mark.parametrize(
    ("state", "goal", "step", "because"),
    [
        (State.READY, UP, Step.PROTECT, "people go on working under a hold"),
        (State.STOPPED, UP, Step.PROTECT, "before it is started"),
        (State.READY, DOWN, Step.STOP, "a leaver's access ends before anything else"),
        (State.STOPPED, DOWN, Step.PROTECT, "then it is protected"),
        (State.BROKEN, DOWN, Step.PROTECT, "it may hold work"),
        (State.READY, STAY, Step.PROTECT, "its goal doesn't matter"),
        (State.FOREIGN, DOWN, None, "it isn't ours"),
        (State.ABSENT, DOWN, None, "there is nothing to protect"),
        (State.STARTING, UP, None, "an operation runs on it"),
    ],
)
def test_a_hold_protects_the_notebook(
    state: State, goal: Goal, step: Step | None, because: str
) -> None:
    assert step_of(thing(state), goal, record=a_record(held=HOLD)) is step, because


def test_a_protected_notebook_is_not_protected_again() -> None:
    assert step_of(thing(State.READY, protected=True), UP, record=a_record(held=HOLD)) is None


def test_the_remains_of_a_failed_creation_are_deleted_under_a_hold_too() -> None:
    """Protected, it could not be; and its owner would have no notebook until the release."""
    remains = thing(State.BROKEN, failed=True)
    assert step_of(remains, UP, record=a_record(held=HOLD)) is Step.DELETE
    assert step_of(remains, DOWN, record=a_record(held=HOLD)) is None


@pytest.mark.parametrize("kind", [k for k in Kind if k is not NB])
def test_only_a_workbench_notebook_can_be_protected(kind: Kind) -> None:
    ready = thing(State.READY, kind)
    assert owed_protection(a_record(held=HOLD), ready) is None


@pytest.mark.parametrize(
    ("state", "goal", "by_us", "step", "because"),
    [
        (State.READY, UP, True, Step.UNPROTECT, "the hold is over"),
        (State.READY, UP, False, None, "protection set by somebody else"),
        (State.STOPPED, GONE, True, Step.UNPROTECT, "or it could not be deleted"),
        (State.STOPPED, GONE, False, Step.DELETE, "the cloud refuses it, and people read why"),
        (State.READY, DOWN, True, Step.STOP, "access ends first"),
    ],
)
def test_protection_is_lifted_when_the_hold_is_released(
    state: State, goal: Goal, by_us: bool, step: Step | None, because: str
) -> None:
    notebook = thing(state, protected=True, protected_by_us=by_us)
    assert step_of(notebook, goal) is step, because


def test_protection_comes_before_restore_and_correction() -> None:
    notebook = a_notebook(State.READY, restore_from="snapshots/s1", drift=LABELS)
    assert step_of(notebook, UP, record=a_record(held=HOLD)) is Step.PROTECT


@pytest.mark.parametrize(
    ("goal", "wanted", "step", "because"),
    [
        (UP, manifest(digest="d2"), Step.UPDATE, "the update puts all labels back"),
        (UP, None, Step.LABEL, "what the profile asks for isn't known, whose it is, is"),
        (DOWN, None, Step.LABEL, "a leaver's is found by its labels"),
        (GONE, None, Step.LABEL, "so that nothing is deleted that doesn't say whose it is"),
    ],
)
def test_removed_labels_are_put_back(
    goal: Goal, wanted: Manifest | None, step: Step, because: str
) -> None:
    bare = thing(State.STOPPED, labelled=False, drift=LABELS)
    assert next_step(a_record(bare), bare, goal, wanted, NOW, seen=True) is step, because
    assert next_step(a_record(bare), bare, goal, wanted, NOW, seen=False) is None
