"""Concurrent events: each arrives while the steps of another are in progress.

The state machine meets all of these by chance, in some order; here each has a name, and its end is
written down.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from shared.domain.environment import Environment
from shared.domain.names import person_key
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.status import Phase
from tests.support.builders import ANA, BEN, actions_of, minutes
from tests.support.simulation.notebook import WORK, notebook_of
from tests.support.simulation.world import GRACE, World

SOON = timedelta(seconds=20)  # into an operation, which takes 90 s


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def removing(suspended: World) -> World:
    """Ana's grace period is over, and no tick has run yet."""
    suspended.pass_time(GRACE)
    return suspended


def lives_of(world: World, kind: Kind = Kind.WORKBENCH) -> int:
    """The number of resources of that kind that were ever created."""
    return sum(thing.kind is kind for thing in world.cloud.ever)


def until_under_way(world: World, kind: Kind, step: Step) -> None:
    """Let minutes pass until an operation of that step runs."""
    for _ in range(20):
        world.run_for(minutes(1))
        operations = world.cloud.operations.values()
        if any(o.thing.kind is kind and o.step is step and not o.done for o in operations):
            world.pass_time(SOON)
            return
    pytest.fail(f"no {step} of a {kind} in twenty minutes")


def settle(world: World, email: str = ANA) -> Environment:
    """Let all operations end; the record afterwards."""
    world.run_for(minutes(30))
    return world.record(email)


class TestLeaving:
    def test_a_leave_during_the_creation_ends_stopped_with_everything_kept(
        self, world: World
    ) -> None:
        world.join(ANA)
        world.pass_time(SOON)
        world.leave(ANA)
        assert settle(world).status.phase is Phase.SUSPENDED
        assert notebook_of(world).state is State.STOPPED
        assert (lives_of(world), lives_of(world, Kind.SNAPSHOT)) == (1, 0)

    def test_a_second_leave_during_the_removal_restarts_nothing(self, removing: World) -> None:
        until_under_way(removing, Kind.SNAPSHOT, Step.CREATE)
        left_at = removing.record(ANA).departure.left_at
        removing.leave(ANA)
        assert (settle(removing).status.phase, removing.record(ANA).departure.left_at) == (
            Phase.REMOVED,
            left_at,
        )
        assert (lives_of(removing), lives_of(removing, Kind.SNAPSHOT)) == (1, 1)

    def test_an_immediate_leave_within_the_grace_period_ends_it_but_not_the_snapshot(
        self, suspended: World
    ) -> None:
        suspended.leave(ANA, immediate=True)
        assert settle(suspended).status.phase is Phase.REMOVED
        [snapshot] = suspended.cloud.alive(Kind.SNAPSHOT)
        assert snapshot.data == WORK

    def test_workloads_started_during_the_leave_are_ended_too(self, ready: World) -> None:
        key = person_key(ANA)
        session = "projects/demo/locations/us-central1/sessions/late"
        cluster = "projects/demo/regions/us-central1/clusters/late"
        ready.leave(ANA)
        ready.pass_time(SOON)  # the notebook is stopping, and still runs
        ready.cloud.start_use(Kind.SESSION, session, key, ANA)
        ready.cloud.start_use(Kind.CLUSTER, cluster, key, ANA)
        assert settle(ready).status.phase is Phase.SUSPENDED
        assert {t.kind for t in ready.cloud.alive()} == {Kind.WORKBENCH}

    @pytest.mark.parametrize(
        "order", list(permutations(range(3))), ids=lambda o: "".join(map(str, o))
    )
    def test_leave_join_leave_within_a_second_is_a_leave_in_any_order(
        self, ready: World, order: tuple[int, ...]
    ) -> None:
        now = ready.clock.now()
        tenth = timedelta(milliseconds=100)
        events = [
            lambda: ready.leave(ANA, occurred_at=now),
            lambda: ready.join(ANA, occurred_at=now + tenth),
            lambda: ready.leave(ANA, occurred_at=now + 2 * tenth),
        ]
        ready.pass_time(timedelta(seconds=1))
        for index in order:
            events[index]()
        assert settle(ready).status.phase is Phase.SUSPENDED
        assert (notebook_of(ready).state, notebook_of(ready).data) == (State.STOPPED, WORK)
        assert lives_of(ready) == 1


class TestComingBack:
    def test_a_join_while_the_notebook_stops_starts_it_again(self, ready: World) -> None:
        ready.leave(ANA)
        ready.pass_time(SOON)
        ready.join(ANA)
        assert settle(ready).status.phase is Phase.READY
        assert (notebook_of(ready).state, notebook_of(ready).data) == (State.READY, WORK)
        assert lives_of(ready) == 1

    def test_a_join_during_the_snapshot_keeps_the_notebook_as_it_is(self, removing: World) -> None:
        until_under_way(removing, Kind.SNAPSHOT, Step.CREATE)
        removing.join(ANA)
        assert settle(removing).status.phase is Phase.READY
        removing.cloud.work(notebook_of(removing), "and more;")
        removing.run_for(timedelta(days=2), every=timedelta(hours=1))
        assert (notebook_of(removing).data, lives_of(removing)) == (WORK + "and more;", 1)

    def test_the_next_departure_takes_another_snapshot(self, removing: World) -> None:
        until_under_way(removing, Kind.SNAPSHOT, Step.CREATE)
        removing.join(ANA)
        settle(removing)
        removing.cloud.work(notebook_of(removing), "and more;")
        removing.leave(ANA, immediate=True)
        assert settle(removing).status.phase is Phase.REMOVED
        kept = {snapshot.data for snapshot in removing.cloud.alive(Kind.SNAPSHOT)}
        assert WORK + "and more;" in kept, "the older snapshot doesn't have the newer data"

    def test_a_join_during_the_deletion_creates_another_with_the_same_data(
        self, removing: World
    ) -> None:
        until_under_way(removing, Kind.WORKBENCH, Step.DELETE)
        removing.join(ANA)
        assert settle(removing).status.phase is Phase.READY
        assert (notebook_of(removing).data, lives_of(removing)) == (WORK, 2)

    def test_a_join_after_the_removal_restores_the_data_and_says_so(self, removing: World) -> None:
        assert settle(removing).status.phase is Phase.REMOVED
        removing.run_for(timedelta(days=30), every=timedelta(hours=12))
        removing.join(ANA)
        assert settle(removing).status.phase is Phase.READY
        assert (notebook_of(removing).data, lives_of(removing)) == (WORK, 2)
        announced = [news["data"]["news"] for news in removing.topics.news]
        assert announced == ["ready", "suspended", "removed", "restored", "ready"]

    def test_a_late_delete_does_not_affect_the_new_notebook(self, removing: World) -> None:
        late = removing.cloud.delay(Kind.WORKBENCH, Step.DELETE, minutes(15))
        until_under_way(removing, Kind.WORKBENCH, Step.DELETE)
        removing.join(ANA)
        removing.run_for(minutes(10))
        assert removing.record(ANA).status.phase is Phase.READY
        removing.cloud.work(notebook_of(removing), "and more;")
        assert settle(removing).status.phase is Phase.READY
        assert late.hits
        assert (notebook_of(removing).data, lives_of(removing)) == (WORK + "and more;", 2)

    @pytest.mark.parametrize("seconds", [45, 110])
    def test_a_join_during_an_unconfirmed_delete_loses_nothing(
        self, removing: World, seconds: float
    ) -> None:
        late = removing.cloud.delay(Kind.WORKBENCH, Step.DELETE, timedelta(seconds=seconds))
        while not late.hits:
            removing.run_for(minutes(1))
        removing.join(ANA)
        assert settle(removing).status.phase is Phase.READY
        assert (notebook_of(removing).state, notebook_of(removing).data) == (State.READY, WORK)


class TestMoving:
    def test_a_move_while_suspended_returns_with_the_new_profile(self, suspended: World) -> None:
        suspended.join(ANA, profile="lean")
        assert settle(suspended).status.phase is Phase.READY
        notebook = notebook_of(suspended)
        assert (notebook.state, notebook.data, lives_of(suspended)) == (State.READY, WORK, 1)
        assert notebook.body["gceSetup"]["machineType"] == "e2-standard-2"
        assert {t.kind for t in suspended.cloud.alive()} == {Kind.WORKBENCH}, (
            "lean has no templates"
        )
        stops = [h for h in suspended.cloud.happenings if h.what == "stopped"]
        assert len(stops) == 1, "it was at rest already"

    def test_a_move_while_stopping_changes_the_machine_before_it_starts(self, ready: World) -> None:
        ready.leave(ANA)
        ready.pass_time(SOON)
        ready.join(ANA, profile="lean")
        assert settle(ready).status.phase is Phase.READY
        assert notebook_of(ready).body["gceSetup"]["machineType"] == "e2-standard-2"
        assert (notebook_of(ready).state, notebook_of(ready).data) == (State.READY, WORK)

    def test_a_move_back_during_a_move_ends_with_the_first_profile(self, ready: World) -> None:
        ready.join(ANA, profile="lean")
        ready.pass_time(SOON)
        ready.join(ANA, profile="full")
        assert settle(ready).status.phase is Phase.READY
        assert notebook_of(ready).body["gceSetup"]["machineType"] == "e2-standard-4"
        assert (notebook_of(ready).state, lives_of(ready)) == (State.READY, 1)


class TestChangingTheAddress:
    def test_the_data_is_restored_before_the_old_notebook_is_deleted(self, ready: World) -> None:
        old = notebook_of(ready)
        ready.join(BEN, previous_email=ANA)
        assert settle(ready, BEN).status.phase is Phase.READY
        assert notebook_of(ready, BEN).data == WORK
        restored = [h.at for h in ready.cloud.happenings if h.what == "restored"]
        assert old.died is not None
        assert [old.died > at for at in restored] == [True]

    def test_the_one_record_is_found_by_both_addresses(self, ready: World) -> None:
        ready.join(BEN, previous_email=ANA)
        record = settle(ready, BEN)
        assert ready.record(ANA) == record
        assert record.key == person_key(ANA)
        assert [(a.email, a.until is None) for a in record.addresses] == [(ANA, False), (BEN, True)]

    def test_without_a_restore_the_old_notebook_stays(self, ready: World) -> None:
        ready.cloud.short = {"us-central1-a", "us-central1-b"}  # there is room for no other
        ready.join(BEN, previous_email=ANA)
        ready.run_for(timedelta(hours=6), every=minutes(5))
        assert (notebook_of(ready).state, notebook_of(ready).data) == (State.STOPPED, WORK)
        assert ready.record(BEN).status.phase is not Phase.READY
        ready.cloud.short = set()
        ready.run_for(timedelta(hours=6), every=minutes(5))
        assert ready.record(BEN).status.phase is Phase.READY
        assert (notebook_of(ready, BEN).email, notebook_of(ready, BEN).data) == (BEN, WORK)

    def test_a_change_during_the_creation_leaves_one_notebook_and_a_snapshot(
        self, world: World
    ) -> None:
        world.join(ANA)
        world.pass_time(SOON)
        world.join(BEN, previous_email=ANA)
        assert settle(world, BEN).status.phase is Phase.READY
        assert (notebook_of(world, BEN).state, notebook_of(world, BEN).email) == (State.READY, BEN)
        assert len(world.cloud.alive(Kind.WORKBENCH)) == 1
        assert lives_of(world, Kind.SNAPSHOT) == 1, "nobody knows for certain that it was not used"

    def test_a_change_while_suspended_keeps_the_data_too(self, suspended: World) -> None:
        suspended.join(BEN, previous_email=ANA)
        assert settle(suspended, BEN).status.phase is Phase.READY
        assert (notebook_of(suspended, BEN).email, notebook_of(suspended, BEN).data) == (BEN, WORK)

    def test_a_change_there_and_back_keeps_all_the_work(self, ready: World) -> None:
        ready.join(BEN, previous_email=ANA)
        settle(ready, BEN)
        ready.cloud.work(notebook_of(ready, BEN), "as ben;")
        ready.join(ANA, previous_email=BEN)
        assert settle(ready).status.phase is Phase.READY
        assert ready.record(BEN) == ready.record(ANA)
        assert (notebook_of(ready).email, notebook_of(ready).data) == (ANA, WORK + "as ben;")

    def test_a_change_taken_back_at_once_keeps_the_same_notebook(self, ready: World) -> None:
        ready.join(BEN, previous_email=ANA)
        ready.pass_time(SOON)
        ready.join(ANA, previous_email=BEN)
        assert settle(ready).status.phase is Phase.READY
        assert (notebook_of(ready).data, lives_of(ready)) == (WORK, 1)
        assert {t.key for t in ready.cloud.alive(Kind.WORKBENCH)} == {person_key(ANA)}


class TestHolding:
    def test_a_hold_before_the_removal_keeps_all_until_the_release(self, removing: World) -> None:
        removing.command("hold", ANA)
        removing.run_for(timedelta(days=30), every=timedelta(hours=6))
        notebook = notebook_of(removing)
        assert (notebook.state, notebook.protected) == (State.STOPPED, True)
        removing.command("release", ANA)
        assert settle(removing).status.phase is Phase.REMOVED
        assert [s.data for s in removing.cloud.alive(Kind.SNAPSHOT)] == [WORK]

    def test_a_hold_during_the_snapshot_keeps_snapshot_and_notebook(self, removing: World) -> None:
        until_under_way(removing, Kind.SNAPSHOT, Step.CREATE)
        removing.command("hold", ANA)
        removing.run_for(timedelta(days=120), every=timedelta(hours=12))
        assert (notebook_of(removing).data, notebook_of(removing).protected) == (WORK, True)
        assert [s.data for s in removing.cloud.alive(Kind.SNAPSHOT)] == [WORK], "for 90 days"
        removing.command("release", ANA)
        assert settle(removing).status.phase is Phase.REMOVED

    def test_a_hold_during_the_delete_keeps_the_snapshot_of_what_could_not_be_saved(
        self, removing: World
    ) -> None:
        until_under_way(removing, Kind.WORKBENCH, Step.DELETE)
        removing.command("hold", ANA)
        removing.run_for(timedelta(days=120), every=timedelta(hours=12))
        assert not removing.cloud.alive(Kind.WORKBENCH), "an operation can't be called back"
        assert [s.data for s in removing.cloud.alive(Kind.SNAPSHOT)] == [WORK]
        assert removing.record(ANA).status.phase is Phase.REMOVED

    def test_a_leave_under_a_hold_ends_access_and_deletes_nothing(self, ready: World) -> None:
        ready.cloud.start_use(
            Kind.CLUSTER, "projects/demo/regions/us-central1/clusters/c", person_key(ANA), ANA
        )
        ready.command("hold", ANA)
        before = {(t.kind, t.name) for t in ready.cloud.alive()}
        ready.leave(ANA)
        ready.run_for(timedelta(days=30), every=timedelta(hours=6))
        assert {(t.kind, t.name) for t in ready.cloud.alive()} == before
        assert (notebook_of(ready).state, notebook_of(ready).protected) == (State.STOPPED, True)
        ready.command("release", ANA)
        assert settle(ready).status.phase is Phase.REMOVED
        assert {t.kind for t in ready.cloud.alive()} == {Kind.SNAPSHOT}

    def test_a_release_within_the_grace_period_removes_nothing_early(
        self, suspended: World
    ) -> None:
        suspended.command("hold", ANA)
        suspended.run_for(timedelta(days=7), every=timedelta(hours=6))
        suspended.command("release", ANA)
        suspended.run_for(timedelta(days=6), every=timedelta(hours=6))
        notebook = notebook_of(suspended)
        assert (notebook.state, notebook.protected) == (State.STOPPED, False)
        suspended.run_for(timedelta(days=2), every=timedelta(hours=1))
        assert suspended.record(ANA).status.phase is Phase.REMOVED

    def test_a_hold_lasts_through_leave_and_return(self, ready: World) -> None:
        ready.command("hold", ANA)
        ready.leave(ANA)
        ready.pass_time(SOON)
        ready.join(ANA)
        record = settle(ready)
        assert (record.status.phase, record.held is not None) == (Phase.READY, True)
        assert (notebook_of(ready).state, notebook_of(ready).protected) == (State.READY, True)
        assert "order.applied" in actions_of(ready)
