"""When things go wrong in the cloud: what is lost comes back, what isn't ours is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.environment import Phase
from shared.domain.faults import CloudFault, Fate
from shared.domain.names import resource_id
from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources import Kind, State, Step
from tests.stateful.world import MASTERS, PROFILES, World
from tests.support.builders import (
    ANA,
    KEY,
    a_problem,
    actions_of,
    kinds_of,
    minutes,
    once_at,
    ready_world,
)

NOTEBOOK = f"projects/demo/locations/us-central1-a/instances/{resource_id('nb', KEY)}"
HOURS = timedelta(hours=1)
FULL = {Kind.WORKBENCH, Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ready() -> World:
    """Ana has everything, and all is quiet."""
    return ready_world()


@pytest.mark.parametrize("kind", [Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE])
def test_a_template_deleted_behind_our_back_comes_back_with_the_next_event(
    ready: World, kind: Kind
) -> None:
    [template] = ready.cloud.alive(kind)
    ready.cloud.remove(template, ready.clock.now())
    ready.join(ANA)
    assert kinds_of(ready) == FULL
    assert ready.cloud.counts[f"{kind}.create"] == 2


def test_without_their_profile_people_keep_what_they_have_and_are_told(ready: World) -> None:
    world = ready
    world.join("ben@example.com", profile="lean")
    before = set(world.cloud.things)
    world.profiles.profiles = parse_profiles(_without_full(), MASTERS)
    world.converge.run(KEY)
    record = world.record(ANA)
    assert (record.phase, set(world.cloud.things)) == (Phase.FAILING, before)
    assert "profile 'full' is not in profiles.yaml any more" in record.problem
    assert record.due_at is not None
    world.profiles.profiles = parse_profiles(PROFILES, MASTERS)
    world.run_for(2 * HOURS, every=HOURS / 2)
    assert (world.record(ANA).phase, world.record(ANA).problem) == (Phase.READY, "")


def _without_full() -> bytes:
    text = PROFILES.decode().replace("full", "whole")
    assert text != PROFILES.decode()
    return text.encode()


def test_invariant_3_a_foreign_notebook_of_our_name_is_left_alone_and_reported(
    world: World,
) -> None:
    foreign = world.cloud.add_foreign(Kind.WORKBENCH, NOTEBOOK)
    world.join(ANA)
    world.run_for(timedelta(days=3), every=HOURS)
    world.leave(ANA, immediate=True)
    world.run_for(timedelta(days=3), every=HOURS)
    assert foreign.state is State.READY
    assert foreign.name in {t.name for t in world.cloud.alive()}
    assert world.cloud.counts["workbench.stop"] + world.cloud.counts["workbench.delete"] == 0
    told = [e.text for e in world.store.history(KEY, 1000) if e.action == "step.failed"]
    assert any("not this person's" in text and "left alone" in text for text in told)


def test_a_foreign_notebook_that_was_removed_makes_room_for_ours(world: World) -> None:
    foreign = world.cloud.add_foreign(Kind.WORKBENCH, NOTEBOOK)
    world.join(ANA)
    assert world.record(ANA).phase is Phase.QUARANTINED
    world.cloud.remove(foreign, world.clock.now())
    world.join(ANA)
    world.run_for(minutes(5))
    assert world.record(ANA).phase is Phase.READY


def test_a_stock_out_is_answered_in_the_next_zone(world: World) -> None:
    stock_out = a_problem(Fate.STOCK_OUT, "ZONE_RESOURCE_POOL_EXHAUSTED")
    failure = world.cloud.fail_operations(Kind.WORKBENCH, Step.CREATE, stock_out)
    world.join(ANA)
    world.run_for(minutes(10))
    assert failure.hits == 1
    [made] = world.cloud.alive(Kind.WORKBENCH)
    assert "/us-central1-b/" in made.name
    assert world.record(ANA).phase is Phase.READY
    assert "step.failed" in actions_of(world)


def test_one_resource_that_fails_keeps_nobody_from_the_others(world: World) -> None:
    def denied() -> None:
        raise CloudFault(Fate.PERMANENT, "PERMISSION_DENIED", "dataproc.sessionTemplates.create")

    hit = once_at(world, "before:session-template.create", denied)
    world.join(ANA)
    assert hit
    assert kinds_of(world) == {Kind.CLUSTER_TEMPLATE, Kind.WORKBENCH}
    world.run_for(minutes(5))
    record = world.record(ANA)
    assert record.phase is Phase.QUARANTINED
    assert "session-template/spark: dataproc.sessionTemplates.create" in record.problem
    world.join(ANA)  # it has been mended
    assert world.record(ANA).phase is Phase.READY
