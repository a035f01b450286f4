"""The data after a change of address: which, when, and who is recorded."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.names import person_key
from shared.domain.status import Phase
from tests.support.builders import ANA, BEN, minutes
from tests.support.simulation.notebook import WORK, notebook_of
from tests.support.simulation.world import World


def test_waiting_for_the_data_of_the_former_address_is_not_ready(ready: World) -> None:
    ready.cloud.operation_time = minutes(20)
    ready.join(BEN, previous_email=ANA, profile="full")
    phases = set()
    for _ in range(15):
        ready.run_for(minutes(1))
        phases.add(ready.record(BEN).status.phase)
    assert phases == {Phase.PROVISIONING}


def test_the_data_of_the_notebook_is_restored_not_an_older_snapshot(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    ready.join(ANA)
    ready.run_for(minutes(30))
    ready.cloud.work(notebook_of(ready), "and more;")
    ready.join(BEN, previous_email=ANA)
    ready.run_for(timedelta(hours=2))
    assert notebook_of(ready, BEN).data == WORK + "and more;"


def test_somebody_elses_data_is_never_restored(ready: World) -> None:
    ready.join(BEN)
    ready.run_for(minutes(5))
    ready.cloud.work(notebook_of(ready, BEN), "ben's;")
    assert ready.join(BEN, previous_email=ANA) == "identity-conflict"
    ready.run_for(timedelta(hours=2))
    assert notebook_of(ready, BEN).data == "ben's;"
    assert notebook_of(ready, ANA).data == WORK


def test_an_unknown_former_address_becomes_one_of_the_record() -> None:
    world = World()
    world.join(BEN, previous_email=ANA)
    assert world.record(ANA).key == world.record(BEN).key == person_key(BEN)
    assert len(world.store.page(10).items) == 1
