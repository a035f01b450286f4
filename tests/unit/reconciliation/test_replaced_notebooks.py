"""What comes of a replacement, seen from outside: whose notebook has which data in the end.

When a notebook is replaced, and in which stages, is in ``test_replacement.py``.
"""

from __future__ import annotations

from datetime import timedelta

from shared.domain.commands.intent import Verb
from shared.domain.manifests.workbench import instance_id
from shared.domain.resources.kinds import Kind
from shared.domain.status import Phase
from tests.support.builders import ANA, minutes
from tests.support.simulation.world import GRACE, World

OLD = "ana.old@example.com"


def world_with_work() -> World:
    """Ana had a notebook with work in it at her old address; all was quiet."""
    world = World()
    world.join(OLD, profile="lean")
    world.run_for(minutes(5))
    [made] = world.cloud.alive(Kind.WORKBENCH)
    world.cloud.work(made, "years of work")
    return world


def notebook_id(world: World, email: str) -> str:
    """The name of the person's notebook, as their record has it."""
    notebook = world.record(email).notebook
    assert notebook is not None
    return notebook.name.rpartition("/")[2]


def data_in(world: World) -> dict[str, str]:
    """What is in whose notebook, by its name."""
    living = world.cloud.alive(Kind.WORKBENCH)
    return {f"{t.name.rpartition('/')[2]} {t.email}": t.data for t in living}


def test_a_change_of_address_moves_the_data_within_one_record() -> None:
    world = world_with_work()
    key = world.record(OLD).key
    assert world.join(ANA, previous_email=OLD, profile="lean") == "applied"
    world.run_for(minutes(30))
    assert data_in(world) == {f"{notebook_id(world, ANA)} {ANA}": "years of work"}
    record = world.record(ANA)
    assert (record.key, record.status.phase) == (key, Phase.READY)
    assert world.record(OLD) == record
    assert [a.email for a in record.addresses] == [OLD, ANA]


def test_a_change_of_address_sent_twice_replaces_once() -> None:
    world = world_with_work()
    message = world.message(Verb.JOIN, email=ANA, previous_email=OLD, profile="lean")
    world.deliver(message)
    world.run_for(minutes(30))
    assert world.deliver(message) == "duplicate"
    world.join(ANA, previous_email=OLD, profile="lean")
    world.run_for(minutes(30))
    assert world.cloud.counts["workbench.create"] == 2


def test_a_hold_outlasts_the_change_of_an_address() -> None:
    world = world_with_work()
    world.command("hold", OLD)
    world.run_for(minutes(5))
    world.join(ANA, previous_email=OLD, profile="lean")
    world.run_for(minutes(30))
    key = world.record(ANA).key
    new = notebook_id(world, ANA)
    both = {f"nb-{key} {OLD}": "years of work", f"{new} {ANA}": "years of work"}
    assert data_in(world) == both, "nothing is deleted"
    assert world.command("release", OLD) == "applied", "with either address"
    world.run_for(minutes(30))
    assert data_in(world) == {f"{new} {ANA}": "years of work"}


def test_an_admin_has_a_notebook_recreated_with_its_data() -> None:
    world = world_with_work()
    assert world.command("recreate", OLD) == "applied"
    world.run_for(minutes(30))
    names = [instance_id(world.record(OLD).key), notebook_id(world, OLD)]
    assert data_in(world) == {f"{names[1]} {OLD}": "years of work"}
    assert world.record(OLD).status.phase is Phase.READY
    assert world.command("recreate", OLD) == "applied"
    world.run_for(minutes(30))
    names.append(notebook_id(world, OLD))
    assert data_in(world) == {f"{names[2]} {OLD}": "years of work"}
    assert len(set(names)) == 3, "no name is used twice"


def test_a_leave_during_a_replacement_removes_it_later_and_keeps_the_data() -> None:
    world = world_with_work()
    world.join(ANA, previous_email=OLD, profile="lean")
    world.run_for(minutes(8))
    world.leave(ANA)
    world.run_for(minutes(30))
    assert world.record(ANA).status.phase is Phase.SUSPENDED
    world.run_for(GRACE + timedelta(hours=2), every=timedelta(minutes=30))
    assert world.record(ANA).status.phase is Phase.REMOVED
    assert {t.kind for t in world.cloud.alive()} == {Kind.SNAPSHOT}
    assert "years of work" in {t.data for t in world.cloud.alive(Kind.SNAPSHOT)}


def test_a_notebook_in_creation_for_the_former_address_is_replaced() -> None:
    """A record restored from a backup may not say that it was used, so a snapshot is taken."""
    world = World()
    world.join(OLD, profile="lean")
    world.join(ANA, previous_email=OLD, profile="lean")
    world.run_for(minutes(30))
    key = world.record(ANA).key
    [notebook] = data_in(world)
    assert notebook.startswith(f"nb-{key}-")
    assert notebook.endswith(f" {ANA}")
    assert len(world.cloud.alive(Kind.SNAPSHOT)) == 1
    assert world.record(ANA).status.phase is Phase.READY
