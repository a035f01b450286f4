"""When a record is due again: soon enough, but not every minute for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Health, Phase
from tests.support.builders import ANA, BEN, KEY, minutes, ready_world
from tests.support.simulation.announced import news_of
from tests.support.simulation.notebook import notebook_of
from tests.support.simulation.world import MASTERS, PROFILES, World

HOURS = timedelta(hours=1)
FOREIGN = f"projects/demo/locations/us-central1-a/instances/nb-{KEY}"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ready() -> World:
    """Ana has everything, and all is quiet."""
    return ready_world()


def test_under_a_hold_an_expiring_snapshot_makes_no_record_due(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    [snapshot] = [r for r in ready.record(ANA).resources if r.kind is Kind.SNAPSHOT]
    assert ready.record(ANA).status.due_at == snapshot.retention.expires_at
    ready.command("hold", ANA)
    ready.run_for(minutes(5))
    assert ready.record(ANA).status.due_at is None


def test_a_snapshot_on_hold_past_its_end_is_not_due(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    ready.command("hold", ANA)
    ready.run_for(minutes(5))
    ready.run_for(timedelta(days=95), every=12 * HOURS)  # it is kept for 90
    ready.tick.run()
    assert ready.cloud.alive(Kind.SNAPSHOT)
    assert ready.topics.waiting == []


def test_a_record_whose_profile_is_missing_is_due_once_an_hour(ready: World) -> None:
    renamed = PROFILES.replace(b"  full:", b"  fuller:")
    renamed = renamed.replace(b"profile: full}", b"profile: fuller}")
    renamed = renamed.replace(b"default: full", b"default: fuller")
    ready.profiles.profiles = parse_profiles(renamed, MASTERS)
    ready.command("retry", ANA)
    assert ready.record(ANA).status.due_at == ready.clock.now() + ready.policy.backoff_most


def test_zones_without_machines_never_lead_to_quarantine(world: World) -> None:
    world.cloud.short = {"us-central1-a", "us-central1-b"}
    world.join(ANA)
    world.run_for(timedelta(days=3), every=minutes(5))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.WAITING)
    assert "quarantined" not in news_of(world)


def test_a_leaver_is_removed_although_the_name_of_their_notebook_is_taken(world: World) -> None:
    foreign = world.cloud.add_foreign(Kind.WORKBENCH, FOREIGN)
    world.join(ANA)
    world.run_for(minutes(5))
    world.leave(ANA, immediate=True)
    world.run_for(timedelta(hours=30), every=minutes(10))
    assert world.record(ANA).status.phase is Phase.REMOVED
    assert world.cloud.alive(Kind.WORKBENCH) == [foreign]


def test_a_leaver_with_a_broken_notebook_is_suspended(ready: World) -> None:
    """A broken notebook runs nothing, so it counts as stopped."""
    notebook_of(ready).state = State.BROKEN
    ready.leave(ANA)
    ready.run_for(minutes(10))
    assert ready.record(ANA).status.phase is Phase.SUSPENDED


def test_a_leaver_without_a_notebook_is_not_due_at_the_end_of_a_grace_period(
    world: World,
) -> None:
    world.cloud.add_foreign(Kind.WORKBENCH, FOREIGN)
    world.join(ANA)
    world.run_for(minutes(5))
    world.leave(ANA)
    world.run_for(minutes(30))
    assert (world.record(ANA).status.phase, world.record(ANA).status.due_at) == (
        Phase.REMOVED,
        None,
    )


def test_a_record_with_a_notebook_to_replace_is_due_again_soon(ready: World) -> None:
    ready.cloud.short = {"us-central1-a", "us-central1-b"}
    ready.join(BEN, previous_email=ANA)
    ready.run_for(minutes(5))
    due = ready.record(ANA).status.due_at
    assert due is not None
    assert ready.clock.now() < due <= ready.clock.now() + ready.policy.poll


def test_a_notebook_that_its_owner_stopped_is_ready_and_not_due_for_a_start(ready: World) -> None:
    ready.cloud.halt(notebook_of(ready))
    ready.join(ANA, team="x")
    ready.run_for(minutes(10))
    assert (ready.record(ANA).status.phase, notebook_of(ready).state) == (
        Phase.READY,
        State.STOPPED,
    )
    starts = ready.points["before:workbench.start"]
    looks = ready.points["before:workbench.observe"]
    ready.run_for(6 * HOURS)
    assert ready.points["before:workbench.start"] == starts
    assert ready.points["before:workbench.observe"] == looks, "it is stopped, and not observed"
