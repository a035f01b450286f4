"""Uncertainty: failed observations, lost answers, events during a call.

Each test is one life; what is believed too early ends it wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.status import Phase
from tests.support.builders import ANA, kinds_of, minutes, once_at, ready_world
from tests.support.simulation.notebook import WORK, notebook_of
from tests.support.simulation.world import World

LATE = timedelta(seconds=45)  # after which a call without an answer is carried out
HOURS = timedelta(hours=1)
LEAN = "e2-standard-2"  # the machine type of the profile `lean`


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ready() -> World:
    """Ana has everything, and all is quiet."""
    return ready_world()


def failing(disposition: Disposition) -> Callable[[], object]:
    """A call that fails that way."""

    def fail() -> None:
        raise CloudFault(disposition, "UNAVAILABLE", "scripted")

    return fail


def machine_of(world: World) -> str:
    """The machine type of Ana's only notebook."""
    return str(notebook_of(world).body["gceSetup"]["machineType"])


def test_a_failed_observation_does_not_mean_that_the_notebook_is_absent(ready: World) -> None:
    ready.cloud.work(notebook_of(ready), WORK)
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    ready.join(ANA)  # restored from the snapshot
    ready.run_for(minutes(30))
    ready.cloud.work(notebook_of(ready), "and more;")
    hit = once_at(ready, "before:workbench.observe", failing(Disposition.TEMPORARY))
    ready.join(ANA, team="x")
    ready.run_for(2 * HOURS)
    assert hit
    assert notebook_of(ready).data == WORK + "and more;", "nothing is restored over it"


def test_a_create_without_an_answer_may_be_carried_out_after_a_second_leave(world: World) -> None:
    world.cloud.delay(Kind.WORKBENCH, Step.CREATE, LATE)
    world.join(ANA)
    for _ in range(2):
        world.pass_time(timedelta(seconds=5))
        world.leave(ANA)
    world.run_for(2 * HOURS)
    assert [thing.state for thing in world.cloud.alive(Kind.WORKBENCH)] == [State.STOPPED]


def test_what_a_create_without_an_answer_made_is_compared_with_the_newest_profile(
    world: World,
) -> None:
    world.cloud.delay(Kind.WORKBENCH, Step.CREATE, LATE)
    world.join(ANA, profile="full")
    world.pass_time(timedelta(seconds=44))
    hit = once_at(world, "before:workbench.create", lambda: world.pass_time(LATE))
    world.join(ANA, profile="lean")
    world.run_for(2 * HOURS)
    assert hit
    assert (world.record(ANA).status.phase, machine_of(world)) == (Phase.READY, LEAN)


def test_a_new_profile_during_an_update_is_applied_after_it(ready: World) -> None:
    ready.join(ANA)
    ready.run_for(minutes(5))
    hit = once_at(
        ready,
        "before:workbench.update",
        lambda: ready.join(ANA, profile="lean", cost_center="CC2"),
    )
    ready.join(ANA, cost_center="CC1")
    ready.run_for(HOURS)
    assert hit
    assert (ready.record(ANA).status.phase, machine_of(ready)) == (Phase.READY, LEAN)


def test_a_new_profile_during_a_create_is_applied_in_the_end(world: World) -> None:
    hit = once_at(world, "before:session-template.create", lambda: world.join(ANA, profile="lean"))
    world.join(ANA)
    world.run_for(minutes(10))
    assert hit
    assert kinds_of(world) == {Kind.WORKBENCH}, "lean has no templates"


def test_nobody_is_removed_while_their_notebook_may_still_be_created(world: World) -> None:
    world.cloud.delay(Kind.WORKBENCH, Step.CREATE, LATE)
    world.join(ANA)
    world.pass_time(timedelta(seconds=5))
    world.leave(ANA, immediate=True)
    for _ in range(4):
        assert world.record(ANA).status.phase is not Phase.REMOVED
        world.run_for(timedelta(seconds=10), every=timedelta(seconds=10))
    world.run_for(2 * HOURS)
    assert (world.record(ANA).status.phase, world.cloud.alive(Kind.WORKBENCH)) == (
        Phase.REMOVED,
        [],
    )
