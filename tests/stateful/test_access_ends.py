"""A leaver's access ends, even after failures, and whatever they start meanwhile."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from tests.support.builders import ANA, KEY, minutes, ready_world
from tests.support.simulation.notebook import notebook_of
from tests.support.simulation.world import GRACE, Crash, World

HOURS = timedelta(hours=1)
SESSION = "projects/demo/locations/us-central1/sessions/s"
CLUSTER = "projects/demo/regions/us-central1/clusters/c"


def refuse(world: World, *points: str, disposition: Disposition = Disposition.TEMPORARY) -> None:
    """From now on each call at one of ``points`` fails."""

    def trap(point: str) -> None:
        if point in points:
            raise CloudFault(disposition, "UNAVAILABLE", "scripted")

    world.trap = trap


@pytest.mark.parametrize(
    "disposition", [Disposition.TEMPORARY, Disposition.UNCERTAIN, Disposition.PERMANENT]
)
@pytest.mark.parametrize("hours", [1, 8])
@pytest.mark.parametrize(
    "point", ["workbench.observe", "workbench.stop", "session.delete", "cluster.delete"]
)
def test_access_ends_within_little_more_than_an_hour_after_an_outage(
    point: str, hours: int, disposition: Disposition
) -> None:
    world = ready_world()
    world.cloud.start_use(Kind.SESSION, SESSION, KEY, ANA)
    world.cloud.start_use(Kind.CLUSTER, CLUSTER, KEY, ANA)
    refuse(world, f"before:{point}", disposition=disposition)
    world.leave(ANA)
    world.run_for(hours * HOURS + minutes(10))
    world.trap = None
    world.run_for(minutes(80))
    assert notebook_of(world).state is State.STOPPED
    assert not world.cloud.alive(Kind.SESSION)
    assert not world.cloud.alive(Kind.CLUSTER)


@pytest.mark.parametrize(
    ("kind", "template", "name"),
    [
        (Kind.SESSION, "session-template", SESSION),
        (Kind.CLUSTER, "cluster-template", CLUSTER),
    ],
)
def test_a_workload_started_before_its_template_was_deleted_is_ended(
    kind: Kind, template: str, name: str
) -> None:
    world = ready_world()
    refuse(world, f"before:{template}.delete")
    world.leave(ANA)
    world.run_for(minutes(6))
    world.cloud.start_use(kind, name, KEY, ANA)
    world.trap = None
    world.run_for(minutes(30))
    assert not world.cloud.alive(Kind(template))
    assert not world.cloud.alive(kind)


def test_a_session_started_from_a_template_that_a_hold_keeps_is_ended_with_access() -> None:
    """Their notebook was never created; a call whose answer was lost delays the end of access."""
    world = World()
    crash_after(world, "session-template.create")
    world.leave(ANA)
    world.run_for(minutes(3))
    session = world.cloud.start_use(Kind.SESSION, SESSION, KEY, ANA)
    world.command("hold", ANA)
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.SUSPENDED
    assert session.died is not None


def crash_after(world: World, call: str) -> None:
    """Ana joins, and the worker crashes after that call."""

    def trap(point: str) -> None:
        if point == f"after:{call}":
            raise Crash

    world.trap = trap
    with pytest.raises(Crash):
        world.join(ANA, profile="full")
    world.trap = None


def test_a_refused_deletion_is_not_retried_faster() -> None:
    """Nothing runs, so it may wait for a person to help."""
    world = ready_world()
    refuse(world, "before:workbench.delete", disposition=Disposition.PERMANENT)
    world.leave(ANA, immediate=True)
    world.run_for(minutes(30))
    calls = world.cloud.counts["workbench.delete"]
    world.run_for(4 * HOURS)
    assert (calls, world.cloud.counts["workbench.delete"]) == (1, 1)


def test_a_second_leave_after_the_removal_starts_a_grace_period_again() -> None:
    """The state came back from a backup; the person had been hired again since."""
    world = World()
    world.join(ANA, profile="lean")
    world.run_for(minutes(10))
    world.leave(ANA)
    world.run_for(GRACE + timedelta(days=1), every=HOURS)
    assert world.record(ANA).status.phase is Phase.REMOVED
    backup = copy.deepcopy(world.store._environments)
    world.join(ANA, profile="lean")
    world.run_for(HOURS)
    world.store._environments.clear()
    world.store._environments.update(backup)
    world.leave(ANA)
    world.run_for(timedelta(days=1), every=minutes(10))
    assert notebook_of(world).state is State.STOPPED
    world.run_for(GRACE, every=HOURS)
    assert not world.cloud.alive(Kind.WORKBENCH)


def test_a_notebook_is_not_deleted_on_a_snapshot_older_than_the_last_work() -> None:
    world = ready_world()
    world.leave(ANA)
    world.run_for(minutes(10))
    world.pass_time(GRACE)
    refuse(world, "before:workbench.delete", disposition=Disposition.PERMANENT)
    world.run_for(2 * HOURS)
    notebook = notebook_of(world)
    world.cloud.start_by_hand(notebook)
    world.cloud.work(notebook, "more;")
    world.cloud.halt(notebook)
    world.trap = None
    world.command("retry", ANA)
    world.run_for(HOURS)
    assert not world.cloud.alive(Kind.WORKBENCH)
    assert any("more;" in snapshot.data for snapshot in world.cloud.alive(Kind.SNAPSHOT))


def test_a_loss_noticed_before_the_return_is_still_shown_after_it() -> None:
    world = ready_world()
    world.leave(ANA)
    world.run_for(minutes(10))
    world.cloud.remove(notebook_of(world), world.clock.now(), what="deleted_by_others")
    world.command("retry", ANA)
    world.run_for(HOURS)
    world.join(ANA)
    world.run_for(HOURS)
    assert world.record(ANA).status.phase is Phase.READY
    assert "was deleted by somebody else" in world.record(ANA).status.problem
    world.join(ANA)
    world.run_for(HOURS)
    assert world.record(ANA).status.problem == ""


def test_an_existing_notebook_is_compared_before_it_counts_as_ready() -> None:
    """The record was lost; ``full`` is the profile of the notebook."""
    world = ready_world()
    world.run_for(2 * HOURS)
    world.store._environments.clear()
    world.store._history.clear()
    world.join(ANA, profile="lean", cost_center="cc")
    world.run_for(HOURS)
    assert world.record(ANA).status.phase is Phase.READY
    setup, labels = notebook_of(world).body["gceSetup"], notebook_of(world).body["labels"]
    assert (setup["machineType"], labels["cost-center"]) == ("e2-standard-2", "cc")
