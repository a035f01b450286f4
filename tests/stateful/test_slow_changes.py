"""A change whose answer was lost, or that was given up, takes effect when its operation ends.

Nothing of it can be seen in the notebook before, so as long as it runs nothing is settled.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.resources.kinds import Kind, Step
from shared.domain.status import Phase
from tests.support.builders import ANA, minutes, ready_world
from tests.support.simulation.announced import news_of
from tests.support.simulation.notebook import notebook_of
from tests.support.simulation.world import World

SECONDS = timedelta(seconds=1)
HOURS = timedelta(hours=1)


def lose(world: World, step: Step) -> Callable[[], int]:
    """The next call of ``step`` is answered by nobody, and its operation takes four minutes."""
    delay = world.cloud.delay(Kind.WORKBENCH, step, 5 * SECONDS)
    world.cloud.slow_down(Kind.WORKBENCH, step, minutes(4))
    return lambda: delay.hits


def cost_center_of(world: World) -> str | None:
    labels: dict[str, str] = notebook_of(world).body["labels"]
    return labels.get("cost-center")


def test_a_lost_update_does_not_outlast_the_join_that_takes_it_back() -> None:
    world = ready_world()
    world.join(ANA, cost_center="aa")
    world.run_for(minutes(10))
    hits = lose(world, Step.UPDATE)
    world.join(ANA, cost_center="bb")
    world.pass_time(2 * SECONDS)
    world.join(ANA, cost_center="aa")
    world.run_for(HOURS)
    assert hits()
    assert (cost_center_of(world), world.record(ANA).status.phase) == ("aa", Phase.READY)


def test_a_lost_release_does_not_outlast_the_next_hold() -> None:
    world = ready_world()
    world.command("hold", ANA)
    world.run_for(minutes(10))
    hits = lose(world, Step.UNPROTECT)
    world.command("release", ANA)
    world.pass_time(2 * SECONDS)
    world.command("hold", ANA)
    world.run_for(HOURS)
    assert hits()
    assert notebook_of(world).protected


def test_a_lost_deletion_of_ours_does_not_count_as_somebody_elses() -> None:
    world = ready_world()
    hits = lose(world, Step.DELETE)
    world.leave(ANA, immediate=True)
    for _ in range(120):
        if hits():
            break
        world.run_for(30 * SECONDS, every=30 * SECONDS)
    world.pass_time(10 * SECONDS)
    world.join(ANA)
    world.run_for(2 * HOURS)
    assert hits()
    assert "lost" not in news_of(world)
    assert world.record(ANA).status.phase is Phase.READY


@pytest.mark.parametrize("lasts", [minutes(90), 7 * HOURS])
def test_an_update_that_was_given_up_is_compared_again_when_it_ends(lasts: timedelta) -> None:
    world = ready_world()
    world.join(ANA, cost_center="aa")
    world.run_for(minutes(10))
    world.cloud.slow_down(Kind.WORKBENCH, Step.UPDATE, lasts)
    world.join(ANA, cost_center="bb")
    world.run_for(minutes(50))
    world.join(ANA, cost_center="aa")
    world.run_for(timedelta(days=1))
    assert (cost_center_of(world), world.record(ANA).status.phase) == ("aa", Phase.READY)
