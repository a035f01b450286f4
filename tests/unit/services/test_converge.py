"""The order of I/O: few calls, nothing twice, nothing lost, nothing foreign touched.

That it all ends well whatever happens is for ``tests/stateful``; here is how, step by step. What
several workers do to one another is in ``test_converge_leases.py``, what the cloud does to us in
``test_converge_faults.py``.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.names import person_key
from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from shared.services.converged import Converged
from tests.support.builders import (
    ANA,
    KEY,
    calls_of,
    kinds_of,
    minutes,
    ready_world,
)
from tests.support.fake_cloud import Thing
from tests.support.simulation.world import GRACE, MASTERS, PROFILES, World

HOURS = timedelta(hours=1)
FULL = {Kind.WORKBENCH, Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ready() -> World:
    """Ana has everything, and all is quiet."""
    return ready_world()


def notebook(world: World) -> State | None:
    """What the cloud says of Ana's notebook; None when it is gone."""
    return next((t.state for t in world.cloud.alive(Kind.WORKBENCH)), None)


def live_through_the_grace_period(world: World) -> None:
    """From the leave to the end of all that the removal takes."""
    world.run_for(GRACE, every=HOURS)
    world.run_for(minutes(15))


# What it costs


def test_a_first_join_costs_three_calls_of_state_and_one_for_each_resource(world: World) -> None:
    assert calls_of(world, lambda: world.join(ANA)) == {
        "find": 1,
        "save": 2,
        "session-template.create": 1,
        "cluster-template.create": 1,
        "workbench.create": 1,
    }


def test_a_duplicate_costs_two_calls_of_state_and_none_of_the_cloud(world: World) -> None:
    message = world.message(Verb.JOIN, email=ANA)
    world.deliver(message)
    assert calls_of(world, lambda: world.deliver(message)) == {"find": 1, "append": 1}


def test_invariant_9_checking_a_slow_operation_is_one_call_without_waiting(world: World) -> None:
    world.join(ANA)
    world.pass_time(minutes(1))
    calls = calls_of(world, lambda: world.converge.run(KEY))
    assert calls == {"load": 1, "save": 1, "workbench.observe": 1}
    assert world.record(ANA).status.phase is Phase.PROVISIONING


def test_invariant_2_a_ready_environment_causes_one_consent_check_a_day(ready: World) -> None:
    """Whether the owner has consented is asked soon after, then daily, until they have."""
    due_at = ready.record(ANA).status.due_at
    assert due_at is not None
    assert timedelta(0) < due_at - ready.clock.now() <= 2 * ready.policy.ask_first
    asked = {"load": 1, "save": 1, "workbench.consented": 1}
    assert calls_of(ready, lambda: ready.run_for(24 * HOURS, every=HOURS)) == asked
    [made] = ready.cloud.alive(Kind.WORKBENCH)
    made.consented = True
    assert calls_of(ready, lambda: ready.run_for(24 * HOURS, every=HOURS)) == asked
    assert ready.record(ANA).status.due_at is None
    assert calls_of(ready, lambda: ready.run_for(240 * HOURS, every=HOURS)) == {}


def test_a_template_whose_master_changed_is_updated_once_with_the_next_event(ready: World) -> None:
    newer = MASTERS | {"session.yaml": b"runtimeConfig: {version: '3.0'}\n"}
    ready.profiles.profiles = parse_profiles(PROFILES, newer)
    for _ in range(3):
        ready.pass_time(minutes(1))
        ready.join(ANA)
    updates = {name: n for name, n in ready.cloud.counts.items() if name.endswith("update")}
    assert updates == {"session-template.update": 1}


def test_converging_an_unknown_key_reports_it(world: World) -> None:
    assert world.converge.run(person_key("nobody@example.com")) is Converged.UNKNOWN


# Coming and going


def test_the_history_lists_everything_from_join_to_removal(ready: World) -> None:
    ready.leave(ANA)
    live_through_the_grace_period(ready)
    phases = [e.text for e in ready.store.history(KEY, 100) if e.action == "phase.changed"]
    assert phases[::-1] == [
        "now provisioning",
        "now ready",
        "now suspending",
        "now suspended",
        "now removing",
        "now removed",
    ]


def test_a_leave_stops_the_notebook_and_deletes_the_templates_at_once(ready: World) -> None:
    calls = calls_of(ready, lambda: ready.leave(ANA))
    assert {n: c for n, c in calls.items() if not n.endswith("observe")} == {
        "find": 1,
        "save": 2,
        "search.older": 1,
        "workbench.stop": 1,
        "session-template.delete": 1,
        "cluster-template.delete": 1,
    }
    looks = (calls["session.observe"], calls["cluster.observe"])
    assert looks == (2, 2), "workloads, before and after the templates were deleted"
    assert kinds_of(ready) == {Kind.WORKBENCH}
    ready.run_for(minutes(3))
    assert notebook(ready) is State.STOPPED
    assert ready.record(ANA).status.due_at == ready.record(ANA).departure.left_at + GRACE  # type: ignore[operator]


def test_invariant_7_the_notebook_stays_until_the_grace_period_is_over(ready: World) -> None:
    ready.leave(ANA)
    ready.run_for(GRACE - minutes(30), every=minutes(30))
    ready.run_for(minutes(29))
    assert notebook(ready) is State.STOPPED
    ready.run_for(minutes(10))
    assert notebook(ready) is None
    assert ready.record(ANA).status.phase is Phase.REMOVED
    lives = [(h.kind, h.what) for h in ready.cloud.happenings[-3:]]
    assert lives == [
        (Kind.SNAPSHOT, "created"),
        (Kind.SNAPSHOT, "ready"),
        (Kind.WORKBENCH, "deleted"),
    ], "and not before its snapshot was complete"


def test_nobody_is_removed_before_the_final_search_finds_nothing(ready: World) -> None:
    """A resource with Ana's labels in no record: left by a late create."""
    [known] = ready.cloud.alive(Kind.WORKBENCH)
    name = known.name.replace("us-central1-a", "us-central1-c")
    ready.cloud.add(Thing(Kind.WORKBENCH, name, key=KEY, email=ANA, was_ready=True))
    ready.leave(ANA)
    live_through_the_grace_period(ready)
    assert ready.record(ANA).status.phase is Phase.REMOVED
    assert kinds_of(ready) == {Kind.SNAPSHOT}, "its disk was kept as well"
    assert len(ready.cloud.alive(Kind.SNAPSHOT)) == 2
    [leaving] = ready.record(ANA).departure.records
    assert {thing.name for thing in leaving.had} >= {known.name, name}
    assert leaving.scan is not None
    assert (leaving.scan.leftovers, len(leaving.scan.kept)) == ((), 2)


def test_a_return_within_the_grace_period_starts_the_same_notebook(ready: World) -> None:
    ready.leave(ANA)
    ready.run_for(timedelta(days=3), every=6 * HOURS)
    ready.join(ANA)
    ready.run_for(minutes(5))
    assert ready.record(ANA).status.phase is Phase.READY
    assert kinds_of(ready) == FULL
    lives = [h.what for h in ready.cloud.happenings if h.kind is Kind.WORKBENCH]
    assert lives == ["created", "ready", "stopped", "started"]


def test_a_return_after_the_removal_creates_a_notebook_with_the_old_data(ready: World) -> None:
    [old] = ready.cloud.alive(Kind.WORKBENCH)
    ready.cloud.work(old, "years of work")
    ready.leave(ANA)
    live_through_the_grace_period(ready)
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert ready.record(ANA).status.phase is Phase.READY
    assert ready.cloud.counts["workbench.create"] == 2
    [new] = ready.cloud.alive(Kind.WORKBENCH)
    assert (new is not old, new.data) == (True, "years of work")
    assert kinds_of(ready) == FULL | {Kind.SNAPSHOT}


@pytest.mark.parametrize(
    ("profile", "left"),
    [("brief", {}), ("lean", {"immediate": True})],
    ids=["a profile without grace", "a leave that is immediate"],
)
def test_without_a_grace_period_the_notebook_is_deleted_straight_away(
    world: World, profile: str, left: dict[str, object]
) -> None:
    world.join(ANA, profile=profile)
    world.run_for(minutes(5))
    world.leave(ANA, **left)
    assert notebook(world) is State.DELETING
    assert world.cloud.counts["workbench.stop"] == 0, "deleting ends access as soon as stopping"
    world.run_for(minutes(5))
    assert (world.record(ANA).status.phase, kinds_of(world)) == (Phase.REMOVED, set())


def test_immediate_skips_the_grace_period_not_the_snapshot(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    assert notebook(ready) is State.STOPPING, "it is snapshotted at rest"
    ready.run_for(minutes(10))
    assert (ready.record(ANA).status.phase, kinds_of(ready)) == (Phase.REMOVED, {Kind.SNAPSHOT})


def test_a_leave_during_the_creation_waits_for_it_and_stops_the_notebook(world: World) -> None:
    world.join(ANA)
    world.leave(ANA)
    assert world.cloud.counts["workbench.stop"] == 0, "a notebook in creation can't be stopped yet"
    assert kinds_of(world) == {Kind.WORKBENCH}
    assert world.record(ANA).status.phase is Phase.SUSPENDING
    world.run_for(minutes(10))
    assert notebook(world) is State.STOPPED
    assert world.record(ANA).status.phase is Phase.SUSPENDED


def test_a_join_during_the_deletion_creates_another_notebook_afterwards(
    world: World,
) -> None:
    world.join(ANA, profile="brief")
    world.run_for(minutes(5))
    world.leave(ANA)
    world.pass_time(minutes(1))
    world.join(ANA, profile="full")
    assert world.cloud.counts["workbench.create"] == 1
    world.run_for(minutes(10))
    lives = [h.what for h in world.cloud.happenings if h.kind is Kind.WORKBENCH]
    assert lives == ["created", "ready", "deleted", "created", "ready"]
    assert world.record(ANA).status.phase is Phase.READY
