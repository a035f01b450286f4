"""Steps of a removal: no disk is deleted before its snapshot is complete."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import Disposition
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import Resource
from tests.support.builders import a_problem, a_record
from tests.support.grouped_fields import replace
from tests.support.next_steps import (
    DOWN,
    GONE,
    HOLD,
    SNAPSHOT,
    TEMPLATE,
    step_of,
    thing,
)


def leaver(**changes: Any) -> Environment:
    return a_record(verb=Verb.LEAVE, **changes)


def snapshot(state: State) -> Resource:
    return Resource(kind=SNAPSHOT, slot="s1", name="snapshots/s1", state=state)


@pytest.mark.parametrize(
    ("state", "taken", "step", "because"),
    [
        (State.READY, None, Step.STOP, "a snapshot of what runs may hold half of a file"),
        (State.READY, State.READY, Step.STOP, "somebody started it again meanwhile"),
        (State.STOPPED, None, None, "its snapshot comes first"),
        (State.STOPPED, State.ABSENT, None, "its snapshot was not started yet"),
        (State.STOPPED, State.CREATING, None, "its snapshot is not complete"),
        (State.STOPPED, State.BROKEN, None, "its snapshot came to nothing"),
        (State.STOPPED, State.FOREIGN, None, "that snapshot is none of ours"),
        (State.STOPPED, State.DELETING, None, "that snapshot is on its way out"),
        (State.STOPPED, State.READY, Step.DELETE, "its data is kept"),
        (State.BROKEN, None, None, "its disk may be whole"),
        (State.BROKEN, State.READY, Step.DELETE, "its data is kept"),
    ],
)
@pytest.mark.parametrize(
    ("record", "superseded"),
    [(leaver(keep_seconds=1), False), (a_record(), True)],
    ids=["of a leaver", "of one that has a successor"],
)
def test_invariant_7_no_disk_is_deleted_before_its_snapshot_is_complete(
    record: Environment,
    superseded: bool,
    state: State,
    taken: State | None,
    step: Step | None,
    because: str,
) -> None:
    if taken is not None:
        record = record.with_resource(snapshot(taken))
    notebook = thing(state, saved_in="s1" if taken else "", superseded=superseded)
    assert step_of(notebook, GONE, record=record) is step, because


def test_a_hold_does_not_wait_for_a_stop_that_is_refused() -> None:
    running = thing(State.READY, problem=a_problem(Disposition.PERMANENT))
    record = leaver(held=HOLD)
    assert step_of(running, DOWN, record=record) is Step.PROTECT
    assert step_of(replace(running, problem=None), DOWN, record=record) is Step.STOP
    assert step_of(replace(running, protected=True), DOWN, record=record) is Step.STOP


def test_invariant_7_no_disk_is_deleted_before_its_snapshot_is_observed() -> None:
    record = leaver(keep_seconds=1).with_resource(snapshot(State.READY))
    notebook = thing(State.STOPPED, saved_in="s1")
    assert step_of(notebook, GONE, record=record, snapshot_seen=False) is None


def test_a_snapshot_of_another_notebook_does_not_count() -> None:
    record = leaver(keep_seconds=1).with_resource(snapshot(State.READY))
    assert step_of(thing(State.STOPPED, saved_in="s2"), GONE, record=record) is None


def test_a_notebook_that_was_never_usable_needs_no_snapshot() -> None:
    remains = thing(State.BROKEN, failed=True)
    assert step_of(remains, GONE, record=leaver(keep_seconds=1)) is Step.DELETE


@pytest.mark.parametrize("kind", [Kind.MANAGED_NOTEBOOK, Kind.DATAPROC_HUB, TEMPLATE, SNAPSHOT])
def test_only_a_workbench_notebook_has_a_snapshot_taken(kind: Kind) -> None:
    assert step_of(thing(State.STOPPED, kind), GONE, record=leaver(keep_seconds=1)) is Step.DELETE
