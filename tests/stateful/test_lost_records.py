"""A record is lost after a replacement: no work is lost, and access still ends.

The names of successors don't follow from the record, so a record that starts again never meets
them; the search that ends a leave finds them by their labels and their owner.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.names import person_key
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from shared.ports import Stored
from tests.stateful.test_replacement import (
    BEN,
    LONG,
    REASONS,
    WORK,
    Reason,
    at_work,
    owner_after,
    recreate,
    rename,
    the_notebook,
)
from tests.support.builders import ANA, minutes
from tests.support.fake_drivers import Thing
from tests.support.simulation.world import World

NEWER = "what was done since;"
UNKNOWN_GRACE = timedelta(days=30)
SESSIONS = "projects/demo/locations/us-central1/sessions"
CLUSTERS = "projects/demo/regions/us-central1/clusters"


def replaced_and_lost(reason: Reason) -> tuple[World, Thing]:
    """Ana's notebook was replaced, then her record was lost; the world, and the successor."""
    world = at_work()
    key = world.record(ANA).key
    reason(world)
    world.run_for(LONG)
    assert world.store.lose(key)
    return world, the_notebook(world)


def notebook_of(world: World, email: str) -> Thing:
    """The notebook that the person's record names."""
    notebook = world.record(email).notebook
    assert notebook is not None
    return world.cloud.things[Kind.WORKBENCH, notebook.name]


def join_again(world: World, email: str) -> Thing:
    """The person joins without their record, and works; their new notebook."""
    world.join(email)
    world.run_for(minutes(10))
    made = notebook_of(world, email)
    assert made.data == "", "the record doesn't know of the other one"
    world.cloud.work(made, NEWER)
    return made


# Replaced again


@REASONS
def test_a_second_replacement_keeps_the_work_of_both_notebooks(reason: Reason) -> None:
    world, first = replaced_and_lost(recreate)
    second = join_again(world, ANA)
    known = len(world.cloud.happenings)
    reason(world)
    world.run_for(LONG)
    since = world.cloud.happenings[known:]
    assert [h.what for h in since if h.name == first.name] == [], "it is left alone"
    assert (first.state, first.data, first.died) == (State.READY, WORK, None)
    third = notebook_of(world, owner_after(reason))
    assert (third.state, third.data, third.email) == (State.READY, NEWER, owner_after(reason))
    assert len({first.name, second.name, third.name}) == 3
    assert second.died is not None
    assert world.record(owner_after(reason)).status.phase is Phase.READY


def test_after_several_lost_records_no_name_is_used_twice() -> None:
    world, first = replaced_and_lost(recreate)
    left = [first]
    for _ in range(3):
        join_again(world, ANA)
        recreate(world)
        world.run_for(LONG)
        left.append(notebook_of(world, ANA))
        assert world.store.lose(world.record(ANA).key)
    assert len({thing.name for thing in left}) == 4
    assert [thing.data for thing in left] == [WORK, NEWER, NEWER, NEWER]
    assert {thing.state for thing in left} == {State.READY}


def test_leave_and_return_restore_the_notebook_that_the_record_did_not_know() -> None:
    """It is found, and saved, last; that of the other one is in a snapshot, too."""
    world, _ = replaced_and_lost(recreate)
    join_again(world, ANA)
    world.leave(ANA, immediate=True)
    world.run_for(LONG)
    world.join(ANA)
    world.run_for(LONG)
    assert notebook_of(world, ANA).data == WORK
    assert NEWER in {t.data for t in world.cloud.alive(Kind.SNAPSHOT)}
    assert world.command("recreate", ANA) == "applied"
    world.run_for(LONG)
    assert notebook_of(world, ANA).data == WORK


@REASONS
def test_a_leave_stops_all_of_them_and_keeps_their_data(reason: Reason) -> None:
    world, first = replaced_and_lost(recreate)
    join_again(world, ANA)
    reason(world)
    world.run_for(LONG)
    world.leave(owner_after(reason), immediate=True)
    world.run_for(LONG)
    assert world.record(owner_after(reason)).status.phase is Phase.REMOVED
    assert {t.kind for t in world.cloud.alive()} == {Kind.SNAPSHOT}
    assert {WORK, NEWER} <= {t.data for t in world.cloud.alive(Kind.SNAPSHOT)}
    assert first.died is not None


# Left under another address than the first


def moved_and_lost() -> tuple[World, Thing]:
    """Ana has become Ben, and the record that says so was lost; the notebook with the work."""
    world, notebook = replaced_and_lost(rename)
    assert notebook.email == BEN
    assert notebook.key == person_key(ANA)
    return world, notebook


def test_a_leave_of_the_present_address_ends_access_and_keeps_the_work() -> None:
    world, notebook = moved_and_lost()
    session = world.cloud.start_use(Kind.SESSION, f"{SESSIONS}/s", notebook.key, BEN)
    cluster = world.cloud.start_use(Kind.CLUSTER, f"{CLUSTERS}/c", notebook.key, BEN)
    world.leave(BEN)
    world.run_for(minutes(10))
    assert notebook.state is State.STOPPED
    assert session.died is not None
    assert cluster.died is not None
    record = world.record(BEN)
    assert (record.key, record.status.phase) == (person_key(BEN), Phase.SUSPENDED)
    world.run_for(UNKNOWN_GRACE - LONG, every=timedelta(hours=6))
    assert notebook.died is None, "nobody knows how long it was to be kept"
    world.run_for(timedelta(days=1), every=minutes(30))
    assert notebook.died is not None
    assert world.record(BEN).status.phase is Phase.REMOVED
    copies = [t for t in world.cloud.alive(Kind.SNAPSHOT) if t.key == record.key]
    assert [t.data for t in copies] == [WORK]


def test_workloads_started_before_the_notebook_stopped_are_ended_too() -> None:
    world, notebook = moved_and_lost()
    world.leave(BEN)
    assert notebook.state is State.STOPPING
    world.pass_time(timedelta(seconds=80))
    session = world.cloud.start_use(Kind.SESSION, f"{SESSIONS}/s", notebook.key, BEN)
    cluster = world.cloud.start_use(Kind.CLUSTER, f"{CLUSTERS}/c", notebook.key, BEN)
    world.run_for(minutes(10))
    assert (session.died is None, cluster.died is None) == (False, False)
    assert world.record(BEN).status.phase is Phase.SUSPENDED


def test_resources_that_name_no_owner_stay() -> None:
    world, _ = moved_and_lost()
    world.leave(BEN, immediate=True)
    world.run_for(LONG)
    assert world.record(BEN).status.phase is Phase.REMOVED
    left = [t for t in world.cloud.alive() if t.key == person_key(ANA)]
    assert {t.kind for t in left} == {
        Kind.SNAPSHOT,
        Kind.SESSION_TEMPLATE,
        Kind.CLUSTER_TEMPLATE,
    }


def test_a_return_brings_the_work_back() -> None:
    world, _ = moved_and_lost()
    world.leave(BEN, immediate=True)
    world.run_for(LONG)
    world.join(BEN)
    world.run_for(LONG)
    assert notebook_of(world, BEN).data == WORK


def test_under_a_hold_it_is_stopped_and_kept() -> None:
    world, notebook = moved_and_lost()
    world.leave(BEN, immediate=True)
    world.command("hold", BEN)
    world.run_for(LONG)
    assert (notebook.state, notebook.died) == (State.STOPPED, None)


def test_a_superseded_notebook_of_another_record_is_left_alone() -> None:
    """Ana's former address was given to somebody else, who leaves; under a hold her superseded
    notebook, of that address, is still there."""
    world = at_work()
    superseded = the_notebook(world)
    world.command("hold", ANA)
    rename(world)
    world.run_for(LONG)
    assert world.record(BEN).key == superseded.key
    known = len(world.cloud.happenings)
    world.join(ANA, profile="lean")
    world.run_for(minutes(30))
    world.leave(ANA, immediate=True)
    world.run_for(LONG)
    other = world.record(ANA)
    assert other.key != superseded.key
    assert other.status.phase is Phase.REMOVED
    assert [h.what for h in world.cloud.happenings[known:] if h.name == superseded.name] == []
    [scan] = [leaving.scan for leaving in other.departure.records]
    assert scan is not None
    assert [superseded.name in text for text in scan.leftovers] == [True]


# The address was given to somebody else, whose record was lost


def changed_address(world: World) -> str:
    """Ana gets another address; hers is given to somebody else; the address by which she leaves."""
    world.join(BEN, previous_email=ANA, person_id="1")
    return BEN


def left(world: World) -> str:
    """Ana leaves, and her address is given to somebody else within her grace period."""
    world.leave(ANA, person_id="1")
    return ANA


@pytest.mark.parametrize("before", [changed_address, left])
def test_work_of_whoever_has_a_former_address_now_is_left_alone(
    before: Callable[[World], str],
) -> None:
    world = at_work()
    email = before(world)
    world.run_for(LONG)
    world.join(ANA, person_id="2", profile="full")
    world.run_for(LONG)
    theirs = notebook_of(world, ANA)
    world.cloud.work(theirs, NEWER)
    session = world.cloud.start_use(Kind.SESSION, f"{SESSIONS}/s", theirs.key, ANA)
    assert world.store.lose(theirs.key)
    known = len(world.cloud.happenings)
    world.leave(
        email, person_id="1", immediate=True, occurred_at=(world.clock.now() - LONG).isoformat()
    )
    world.run_for(LONG)
    [first] = [r for r in world.store.page(9).items if r.person.person_id == "1"]
    assert first.status.phase is Phase.REMOVED
    assert [h.what for h in world.cloud.happenings[known:] if h.key == theirs.key] == []
    assert (theirs.state, theirs.data, session.died) == (State.READY, NEWER, None)
    scan = first.departure.records[-1].scan
    assert scan is not None
    assert theirs.name in " ".join(scan.leftovers)


def test_whoever_has_a_former_address_now_can_leave_without_their_record() -> None:
    world = at_work()
    changed_address(world)
    world.run_for(LONG)
    world.join(ANA, person_id="2", profile="full")
    world.run_for(LONG)
    theirs = notebook_of(world, ANA)
    assert world.store.lose(theirs.key)
    assert world.leave(ANA, person_id="2") == "applied"
    world.run_for(LONG)
    assert theirs.state is State.STOPPED
    assert world.record(BEN).status.phase is Phase.READY


def test_another_record_is_loaded_only_for_a_find_under_another_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked_for(world: World) -> set[str]:
        keys = set()
        load = world.store.load

        def noted(key: str) -> Stored | None:
            keys.add(key)
            return load(key)

        monkeypatch.setattr(world.store, "load", noted)
        world.leave(BEN, immediate=True)
        world.run_for(LONG)
        assert world.record(BEN).status.phase is Phase.REMOVED
        return keys

    usual = at_work()
    rename(usual)
    usual.run_for(LONG)
    assert asked_for(usual) == {person_key(ANA)}
    assert asked_for(moved_and_lost()[0]) == {person_key(BEN), person_key(ANA)}
