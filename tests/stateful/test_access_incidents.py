"""What a leaver uses again after their access had ended is stopped again, and said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from tests.support.builders import ANA, KEY, minutes, ready_world
from tests.support.simulation.announced import newest_announcement, news_of
from tests.support.simulation.notebook import notebook_of
from tests.support.simulation.world import START, World

BEN = "ben@example.com"
SESSION = "projects/demo/locations/us-central1/sessions/s"


@pytest.fixture
def left() -> World:
    """Ana has left, and her access has ended."""
    world = ready_world()
    world.leave(ANA)
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.SUSPENDED
    return world


def entries(world: World, action: str) -> list[str]:
    return [e.text for e in world.store.history(KEY, 1000) if e.action == action]


def test_a_notebook_that_was_started_by_hand_is_stopped_again_and_announced(left: World) -> None:
    left.cloud.start_by_hand(notebook_of(left))
    left.command("retry", ANA)
    left.run_for(minutes(10))
    assert notebook_of(left).state is State.STOPPED
    [text] = entries(left, "access.incident")
    assert text.endswith("runs although the person has left and their access had ended")
    assert newest_announcement(left, "access-incident")["reason"] == text
    assert len(entries(left, "access.ended")) == 2
    assert left.record(ANA).status.unmet_since is None


def test_the_same_incident_is_announced_once(left: World) -> None:
    left.cloud.start_by_hand(notebook_of(left))
    for _ in range(3):
        left.command("retry", ANA)
    left.run_for(minutes(10))
    assert news_of(left).count("access-incident") == 1
    left.cloud.start_by_hand(notebook_of(left))
    left.command("retry", ANA)
    assert news_of(left).count("access-incident") == 2


def test_a_session_that_was_started_afterwards_is_ended_and_announced(left: World) -> None:
    left.cloud.start_use(Kind.SESSION, SESSION, KEY, ANA)
    left.command("retry", ANA)
    left.run_for(minutes(10))
    assert not left.cloud.alive(Kind.SESSION)
    [text] = entries(left, "access.incident")
    assert text.startswith(f"1 session runs ({SESSION}) although")


def test_what_runs_at_the_leave_is_no_incident() -> None:
    world = ready_world()
    world.cloud.start_use(Kind.SESSION, SESSION, KEY, ANA)
    world.leave(ANA)
    world.run_for(timedelta(days=1))
    assert entries(world, "access.incident") == []


def test_a_cluster_that_a_hold_keeps_is_no_incident(left: World) -> None:
    left.command("hold", ANA)
    left.cloud.start_use(Kind.CLUSTER, "projects/demo/regions/us-central1/clusters/c", KEY, ANA)
    left.command("retry", ANA)
    left.run_for(minutes(10))
    assert left.cloud.alive(Kind.CLUSTER)
    assert entries(left, "access.incident") == []


def test_who_returns_uses_their_notebook_again_without_an_incident(left: World) -> None:
    left.join(ANA)
    left.run_for(minutes(10))
    assert notebook_of(left).state is State.READY
    assert entries(left, "access.incident") == []


@pytest.mark.parametrize("wait", [0, 0.5, 2, 10])
def test_what_a_merge_brings_into_a_leavers_record_is_no_incident_but_measured(wait: float) -> None:
    world = World()
    world.pass_time(minutes(20))
    for minute in (1, 6):
        world.join(ANA, person_id="1", occurred_at=START + minutes(minute))
    world.leave(ANA, person_id="1", occurred_at=START + minutes(10))
    world.run_for(minutes(10))
    ended = len(entries(world, "access.ended"))
    world.join(BEN, occurred_at=START + minutes(4))  # before the leave, but arrives after it
    world.run_for(minutes(wait), every=minutes(0.1))
    world.join(BEN, previous_email=ANA, occurred_at=START + minutes(3))  # they are one person
    assert world.record(ANA).status.unmet_since is not None
    world.run_for(minutes(30))
    assert [n.state for n in world.cloud.alive(Kind.WORKBENCH)].count(State.READY) == 0
    assert entries(world, "access.incident") == []
    assert len(entries(world, "access.ended")) == ended + 1
