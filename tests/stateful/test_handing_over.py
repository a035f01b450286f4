"""Data that goes from a former address to a new one: which data, when, and who is recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.environment import Phase
from tests.stateful.test_crossing import BEN, WORK, notebook_of
from tests.stateful.world import World
from tests.support.builders import ANA, minutes, ready_world


@pytest.fixture
def ready() -> World:
    """Ana has everything, and has worked in it."""
    world = ready_world()
    world.cloud.work(notebook_of(world), WORK)
    return world


def test_who_waits_for_the_data_of_the_former_address_is_not_ready(ready: World) -> None:
    ready.cloud.operation_time = minutes(20)
    ready.join(BEN, previous_email=ANA, profile="full")
    phases = set()
    for _ in range(15):
        ready.run_for(minutes(1))
        phases.add(ready.record(BEN).phase)
    assert phases == {Phase.PROVISIONING}


def test_the_data_of_the_former_address_is_restored_not_an_older_snapshot_of_ones_own(
    ready: World,
) -> None:
    ready.join(BEN)
    ready.run_for(minutes(5))
    ready.cloud.work(notebook_of(ready, BEN), "before that;")
    ready.leave(BEN, immediate=True)
    ready.run_for(minutes(30))
    ready.join(BEN, previous_email=ANA)
    ready.run_for(timedelta(hours=2))
    assert notebook_of(ready, BEN).data == WORK


def test_a_former_address_that_nobody_knows_gets_no_record() -> None:
    world = World()
    world.join(BEN, previous_email=ANA)
    assert world.environment(ANA) is None
