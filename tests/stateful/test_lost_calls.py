"""Calls that lost their answer and are carried out late: the newest event decides.

Every call that changes something is delayed beyond its deadline, once with each of several delays;
then the person leaves, returns or moves. What must come of it is what would have come of it without
the fault.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.status import Phase
from tests.support.builders import ANA, minutes, ready_world
from tests.support.fake_drivers import Thing
from tests.support.simulation.notebook import WORK, notebook_of
from tests.support.simulation.world import World

DELAYS = [timedelta(seconds=seconds) for seconds in (20, 45, 110)]
SOON = timedelta(seconds=5)


def worked() -> World:
    """Ana has everything, and has worked in her notebook."""
    world = ready_world()
    world.cloud.work(notebook_of(world), WORK)
    return world


def suspended() -> World:
    """Ana has left; her grace period runs."""
    world = worked()
    world.leave(ANA)
    world.run_for(minutes(10))
    return world


def ends(world: World) -> Phase:
    """Let a day pass; the phase then."""
    world.run_for(timedelta(days=1), every=minutes(5))
    return world.record(ANA).status.phase


def contents(world: World) -> list[tuple[str, str, object]]:
    """What is there and how: kinds, digests of templates, machines and labels of notebooks."""
    return sorted(
        (t.kind.value, t.state.value, _content(t))
        for t in world.cloud.alive()
        if t.kind is not Kind.SNAPSHOT
    )


def _content(thing: Thing) -> object:
    if thing.kind is not Kind.WORKBENCH:
        return thing.digest
    return (thing.body["gceSetup"]["machineType"], sorted(thing.body["labels"].items()))


def as_joined(profile: str, cost_center: str) -> list[tuple[str, str, object]]:
    """The contents that somebody has who joined so and nothing else."""
    world = World()
    world.join(ANA, profile=profile, cost_center=cost_center)
    world.run_for(minutes(10))
    return contents(world)


@pytest.mark.parametrize("delay", DELAYS)
def test_after_a_late_start_a_leaver_has_nothing_running(delay: timedelta) -> None:
    world = suspended()
    late = world.cloud.delay(Kind.WORKBENCH, Step.START, delay)
    world.join(ANA)
    assert late.hits
    world.pass_time(SOON)
    world.leave(ANA)
    assert ends(world) is Phase.SUSPENDED
    assert notebook_of(world).state is State.STOPPED


@pytest.mark.parametrize("delay", [timedelta(seconds=seconds) for seconds in (70, 115)])
def test_a_late_start_is_handled_although_clocks_differ(delay: timedelta) -> None:
    """The answer is lost by one that is half a minute late, judged by one that is early."""
    world = suspended()
    world.clock.time -= timedelta(seconds=30)
    late = world.cloud.delay(Kind.WORKBENCH, Step.START, delay + timedelta(seconds=60))
    world.join(ANA)
    assert late.hits
    world.clock.time += timedelta(seconds=60)
    world.leave(ANA)
    assert ends(world) is Phase.SUSPENDED
    assert notebook_of(world).state is State.STOPPED


@pytest.mark.parametrize("delay", DELAYS)
def test_a_return_before_a_late_stop_ends_with_a_running_notebook(
    delay: timedelta,
) -> None:
    world = worked()
    late = world.cloud.delay(Kind.WORKBENCH, Step.STOP, delay)
    world.leave(ANA)
    assert late.hits
    world.pass_time(SOON)
    world.join(ANA)
    assert ends(world) is Phase.READY
    assert notebook_of(world).state is State.READY


@pytest.mark.parametrize("delay", DELAYS)
def test_nobody_is_ready_while_a_stop_may_still_be_carried_out(delay: timedelta) -> None:
    world = worked()
    world.cloud.delay(Kind.WORKBENCH, Step.STOP, delay)
    world.leave(ANA)
    world.pass_time(SOON)
    world.join(ANA)
    for _ in range(40):
        world.pass_time(timedelta(seconds=10))
        world.minute()
        if world.record(ANA).status.phase is Phase.READY:
            assert notebook_of(world).state is State.READY


@pytest.mark.parametrize("delay", DELAYS)
def test_a_return_before_a_late_delete_keeps_the_work(delay: timedelta) -> None:
    world = worked()
    world.leave(ANA, immediate=True)
    late = world.cloud.delay(Kind.WORKBENCH, Step.DELETE, delay)
    for _ in range(30):
        if late.hits:
            break
        world.run_for(minutes(1))
    assert late.hits
    world.pass_time(SOON)
    world.join(ANA)
    assert ends(world) is Phase.READY
    assert (notebook_of(world).state, notebook_of(world).data) == (State.READY, WORK)


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("profile", ["full", "lean"])
def test_a_late_update_does_not_undo_a_newer_one(delay: timedelta, profile: str) -> None:
    world = worked()
    late = world.cloud.delay(Kind.WORKBENCH, Step.UPDATE, delay)
    world.join(ANA, cost_center="cc1")
    assert late.hits
    world.pass_time(SOON)
    world.join(ANA, profile=profile, cost_center="cc2")
    assert ends(world) is Phase.READY
    assert contents(world) == as_joined(profile, "cc2")


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("step", [Step.CREATE, Step.UPDATE])
@pytest.mark.parametrize("kind", [Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE])
@pytest.mark.parametrize("then", ["leaves", "moves", "loses the template"])
def test_a_template_written_late_ends_as_the_newest_event_says(
    delay: timedelta, step: Step, kind: Kind, then: str
) -> None:
    world = World() if step is Step.CREATE else worked()
    late = world.cloud.delay(kind, step, delay)
    world.join(ANA, cost_center="cc1")
    assert late.hits
    world.pass_time(SOON)
    if then == "leaves":
        world.leave(ANA)
        assert ends(world) is Phase.SUSPENDED
        assert {t.kind for t in world.cloud.alive()} == {Kind.WORKBENCH}
        return
    profile = "full" if then == "moves" else "lean"
    world.join(ANA, profile=profile, cost_center="cc2")
    assert ends(world) is Phase.READY
    assert contents(world) == as_joined(profile, "cc2")


def a_shortage(world: World) -> None:
    until = world.clock.now() + minutes(30)
    world.converge.reader.shortages.report("us-central1-a/e2-standard-4", until)
    world.join(ANA, team="x")


CHANGES: dict[str, Callable[[World], object]] = {
    "the zone has no machines left": a_shortage,
    "another profile": lambda world: world.join(ANA, profile="lean", cost_center="cc2"),
    "left at once": lambda world: world.leave(ANA, immediate=True),
    "left": lambda world: world.leave(ANA),
    "held": lambda world: world.command("hold", ANA),
    "retried": lambda world: world.command("retry", ANA),
}


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_late_create_is_the_only_one(delay: timedelta, change: str) -> None:
    world = World()
    late = world.cloud.delay(Kind.WORKBENCH, Step.CREATE, delay)
    world.join(ANA)
    assert late.hits
    world.pass_time(SOON)
    CHANGES[change](world)
    for _ in range(30):
        world.run_for(timedelta(seconds=20), every=timedelta(seconds=20))
        assert len(world.cloud.alive(Kind.WORKBENCH)) <= 1
    phase = ends(world)
    left = [t.state for t in world.cloud.alive(Kind.WORKBENCH)]
    expected = {"left at once": (Phase.REMOVED, []), "left": (Phase.SUSPENDED, [State.STOPPED])}
    assert (phase, left) == expected.get(change, (Phase.READY, [State.READY]))


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("step", [Step.PROTECT, Step.UNPROTECT])
def test_protection_ends_as_the_last_command_says(delay: timedelta, step: Step) -> None:
    world = worked()
    if step is Step.UNPROTECT:
        world.command("hold", ANA)
        world.run_for(minutes(5))
    late = world.cloud.delay(Kind.WORKBENCH, step, delay)
    world.command("hold" if step is Step.PROTECT else "release", ANA)
    assert late.hits
    world.pass_time(SOON)
    world.command("release" if step is Step.PROTECT else "hold", ANA)
    assert ends(world) is Phase.READY
    assert notebook_of(world).protected is (step is Step.UNPROTECT)


@pytest.mark.parametrize("delay", DELAYS)
def test_a_late_snapshot_holds_the_work(delay: timedelta) -> None:
    world = worked()
    late = world.cloud.delay(Kind.SNAPSHOT, Step.CREATE, delay)
    world.leave(ANA, immediate=True)
    world.run_for(minutes(5))
    assert late.hits
    assert ends(world) is Phase.REMOVED
    assert WORK in [t.data for t in world.cloud.alive(Kind.SNAPSHOT)]


@pytest.mark.parametrize("delay", DELAYS)
def test_a_late_restore_overwrites_nothing(delay: timedelta) -> None:
    world = worked()
    world.leave(ANA, immediate=True)
    assert ends(world) is Phase.REMOVED
    late = world.cloud.delay(Kind.WORKBENCH, Step.RESTORE, delay)
    world.join(ANA)
    for _ in range(30):
        world.run_for(minutes(1))
        if world.record(ANA).status.phase is Phase.READY:
            break
    assert late.hits
    world.cloud.work(notebook_of(world), "more;")
    assert ends(world) is Phase.READY
    assert notebook_of(world).data == WORK + "more;"
