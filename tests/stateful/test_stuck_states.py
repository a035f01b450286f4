"""States that no step of ours began, operations that never end, steps without effect."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.faults import CloudFault, Disposition, Problem
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.status import Health, Phase
from tests.support.builders import ANA, minutes, ready_world
from tests.support.simulation.announced import newest_announcement, news_of
from tests.support.simulation.notebook import notebook_of
from tests.support.simulation.world import World

MOVING = [State.CREATING, State.STARTING, State.STOPPING, State.UPDATING]


# States that no step of ours began


@pytest.mark.parametrize("state", MOVING)
def test_a_leavers_access_ends_although_somebody_else_changed_the_state(
    ready: World, state: State
) -> None:
    notebook_of(ready).state = state
    ready.leave(ANA)
    ready.run_for(minutes(30))
    assert notebook_of(ready).state is state, "an operation may run"
    ready.run_for(minutes(30))
    assert (notebook_of(ready).state, ready.record(ANA).status.phase) == (
        State.STOPPED,
        Phase.SUSPENDED,
    )
    assert "which no step of ours began" in newest_announcement(ready, "failed")["reason"]


@pytest.mark.parametrize("state", MOVING)
def test_a_stuck_notebook_that_should_run_is_announced_and_started(
    ready: World, state: State
) -> None:
    notebook_of(ready).state = state
    ready.join(ANA)
    ready.run_for(timedelta(hours=2))
    assert news_of(ready)[-2:] == ["failed", "ready"]
    assert notebook_of(ready).state is State.READY


def test_each_transition_that_others_began_is_awaited_again(ready: World) -> None:
    for state in (State.STARTING, State.READY):
        notebook_of(ready).state = state
        ready.join(ANA)
        ready.run_for(minutes(20))
    ready.run_for(timedelta(days=2), every=minutes(10))
    notebook_of(ready).state = State.STARTING
    ready.join(ANA)
    ready.run_for(minutes(20))
    notebook_of(ready).state = State.READY
    ready.run_for(minutes(20))
    assert ready.record(ANA).status.phase is Phase.READY
    assert "failed" not in news_of(ready)


def test_a_notebook_that_stays_stuck_stays_a_problem(ready: World) -> None:
    def refuse(point: str) -> None:
        if point in ("before:workbench.start", "before:workbench.stop"):
            raise CloudFault(Disposition.TEMPORARY, "ABORTED", "another operation is in progress")

    notebook_of(ready).state = State.UPDATING
    ready.trap = refuse
    ready.join(ANA)
    ready.run_for(timedelta(days=2), every=minutes(5))
    record = ready.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.QUARANTINED)
    assert "which no step of ours began" in ready.record(ANA).status.problem


# Operations that ended, and steps without effect


@pytest.mark.parametrize("disposition", [f for f in Disposition if f is not Disposition.FOREIGN])
@pytest.mark.parametrize("step", [Step.CREATE, Step.START, Step.STOP, Step.UPDATE])
def test_an_operation_that_ended_ends_its_step_whatever_the_state(
    disposition: Disposition, step: Step
) -> None:
    world = ready_world() if step is not Step.CREATE else World()
    if step is Step.START:
        world.leave(ANA)
        world.run_for(minutes(5))
    problem = Problem(code="CANCELLED", message="scripted", disposition=disposition)
    failure = world.cloud.fail_operations(Kind.WORKBENCH, step, problem)
    if step is Step.STOP:
        world.leave(ANA)
    else:
        world.join(ANA, cost_center="cc1")
    world.run_for(timedelta(days=2), every=minutes(5))
    assert failure.hits
    done = Phase.SUSPENDED if step is Step.STOP else Phase.READY
    assert world.record(ANA).status.phase is done


def test_a_start_without_capacity_waits_and_is_never_quarantined(
    suspended: World,
) -> None:
    suspended.cloud.short = set(suspended.cloud.zones)
    suspended.join(ANA)
    suspended.run_for(timedelta(days=2), every=minutes(5))
    record = suspended.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.WAITING)
    assert "quarantined" not in news_of(suspended)
    assert "its data is safe" in suspended.record(ANA).status.problem.lower()
    suspended.cloud.short.clear()
    suspended.run_for(minutes(90))
    assert suspended.record(ANA).status.phase is Phase.READY


@pytest.mark.parametrize("moves", [{"team": "new"}, {"profile": "lean"}])
def test_a_change_that_was_given_up_and_is_carried_out_late_is_undone(
    ready: World, moves: dict[str, str]
) -> None:
    """The late call asks for the earlier profile, and is carried out after the newer one."""
    if "profile" in moves:
        notebook_of(ready).state = State.STOPPED
    slow = ready.cloud.slow_down(Kind.WORKBENCH, Step.UPDATE, minutes(50))
    before = dict(notebook_of(ready).body)
    ready.join(ANA, **moves)
    assert slow.hits
    ready.pass_time(timedelta(seconds=20))
    ready.join(ANA)
    ready.run_for(timedelta(hours=12), every=minutes(5))
    assert notebook_of(ready).body == before
    assert ready.record(ANA).status.phase is Phase.READY


@pytest.mark.parametrize("step", [Step.DELETE, Step.STOP, Step.START, Step.UPDATE])
def test_an_operation_that_never_ends_is_reported_and_stays_the_reason(
    ready: World, step: Step
) -> None:
    if step is Step.START:
        ready.leave(ANA)
        ready.run_for(minutes(5))
    slow = ready.cloud.slow_down(Kind.WORKBENCH, step, timedelta(days=99))
    if step is Step.DELETE:
        ready.leave(ANA, immediate=True)
    elif step is Step.STOP:
        ready.leave(ANA)
    else:
        ready.join(ANA, team="new")
    ready.run_for(timedelta(hours=1))
    assert slow.hits
    assert f"{step} has not ended in 40 minutes" in ready.record(ANA).status.problem
    ready.run_for(timedelta(hours=4))
    assert f"{step} has not ended in 40 minutes" in ready.record(ANA).status.problem


def test_a_leavers_access_ends_although_a_restore_takes_hours(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    slow = ready.cloud.slow_down(Kind.WORKBENCH, Step.RESTORE, timedelta(hours=2))
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert slow.hits
    ready.leave(ANA)
    ready.run_for(minutes(60))
    assert "restore has not ended in" in ready.record(ANA).status.problem
    stops = ready.cloud.counts["workbench.stop"]
    assert stops > 1, "refused while the restore runs, and asked again"
    ready.run_for(timedelta(hours=3))
    assert notebook_of(ready).state is State.STOPPED
    ready.run_for(timedelta(hours=9))
    assert ready.record(ANA).status.phase is Phase.SUSPENDED


def test_a_stop_that_hangs_for_days_is_announced_once_and_retried_every_hour(
    ready: World,
) -> None:
    ready.cloud.slow_down(Kind.WORKBENCH, Step.STOP, timedelta(days=9))
    ready.leave(ANA)
    ready.run_for(timedelta(days=5), every=minutes(5))
    assert news_of(ready) == ["ready", "failed", "quarantined"]
    ready.run_for(timedelta(days=4, hours=2), every=minutes(5))
    assert notebook_of(ready).state is State.STOPPED
    assert ready.record(ANA).status.phase is Phase.SUSPENDED
