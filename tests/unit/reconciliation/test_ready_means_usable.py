"""A notebook that runs but has no link yet is not ready: it is observed until it has."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Health, Phase
from tests.support.builders import ANA, actions_of, minutes
from tests.support.simulation.announced import news_of
from tests.support.simulation.notebook import notebook_of
from tests.support.simulation.world import World


def joined(link_delay: timedelta) -> World:
    """Ana's notebook is being created; it gets its link that long after it runs."""
    world = World()
    world.cloud.link_delay = link_delay
    world.join(ANA)
    return world


def due_at(world: World) -> datetime:
    due = world.record(ANA).status.due_at
    assert due is not None
    return due


def test_without_a_link_an_environment_is_not_ready() -> None:
    world = joined(minutes(10))
    world.run_for(minutes(9))
    assert notebook_of(world).state is State.READY, "it runs"
    assert (world.record(ANA).status.phase, news_of(world)) == (Phase.PROVISIONING, [])


def test_a_notebook_without_a_link_is_observed_at_every_poll() -> None:
    world = joined(minutes(10))
    world.run_for(minutes(5))
    assert due_at(world) == world.clock.now() + world.policy.poll


def test_ready_is_announced_with_the_link_when_it_appears() -> None:
    world = joined(minutes(10))
    world.run_for(minutes(13))
    assert (world.record(ANA).status.phase, news_of(world)) == (Phase.READY, ["ready"])
    [announcement] = world.topics.news
    assert announcement["data"]["notebook"].startswith("https://nb-ana-")


@pytest.mark.parametrize("after", [minutes(30), minutes(39)])
def test_a_missing_link_is_no_problem_as_long_as_an_operation_may_take(after: timedelta) -> None:
    world = joined(after)
    world.run_for(after)
    assert "failed" not in news_of(world)


def test_after_that_a_missing_link_is_a_problem_that_says_so() -> None:
    world = joined(timedelta(hours=3))
    world.run_for(minutes(50))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.RETRYING)
    assert news_of(world) == ["failed"]
    assert "has been running for more than 40 minutes" in record.status.problem
    assert actions_of(world).count("step.failed") == 1, "reported once"


def test_a_late_link_ends_the_problem() -> None:
    world = joined(timedelta(hours=3))
    world.run_for(timedelta(hours=5))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health, record.status.problem) == (
        Phase.READY,
        Health.OK,
        "",
    )
    assert (news_of(world), len(world.cloud.ever)) == (["failed", "ready"], 3)
    assert notebook_of(world).kind is Kind.WORKBENCH
