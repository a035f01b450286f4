"""The order of steps; which announcements are published, and how often."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.domain.faults import CloudFault, Disposition
from tests.support.builders import ANA, KEY, minutes, once_at, ready_world
from tests.support.simulation.world import GRACE, World


@pytest.fixture
def ready() -> World:
    """Ana has everything, and all is quiet."""
    return ready_world()


def test_a_leavers_notebook_is_stopped_before_anything_is_deleted(ready: World) -> None:
    ended: list[str] = []

    def watch(point: str) -> None:
        if point.startswith("before:") and point.endswith((".stop", ".delete")):
            ended.append(point.removeprefix("before:"))

    ready.trap = watch
    ready.leave(ANA)
    assert (ended[0], len(ended) > 1) == ("workbench.stop", True)


def test_ready_is_announced_once_after_each_change(ready: World) -> None:
    ready.join(ANA, team="x")
    ready.run_for(minutes(10))
    assert [news["data"]["news"] for news in ready.topics.news] == ["ready", "ready"]


def test_a_scheduled_leave_is_in_the_history_when_it_takes_effect(ready: World) -> None:
    ready.leave(ANA, effective_at=ready.clock.now() + timedelta(hours=1))
    ready.run_for(timedelta(hours=2))
    assert any(
        "scheduled leave is in force" in entry.text for entry in ready.store.history(KEY, 100)
    )


def test_a_command_may_have_the_id_of_an_event() -> None:
    world = World()
    world.join(ANA, event_id="case-1")
    world.run_for(minutes(5))
    assert world.command("hold", ANA, event_id="case-1") == "applied"


def test_a_stock_out_of_a_create_is_recorded_for_all() -> None:
    def refuse() -> None:
        raise CloudFault(Disposition.STOCK_OUT, "STOCK_OUT", "scripted")

    world = World()
    hit = once_at(world, "before:workbench.create", refuse)
    world.join(ANA)
    assert hit
    assert world.store.shortages(world.clock.now()) == {"us-central1-a/e2-standard-4"}


def test_a_short_stop_to_protect_is_not_announced_as_a_suspension(ready: World) -> None:
    ready.leave(ANA)
    ready.run_for(minutes(10))
    ready.command("hold", ANA)
    ready.run_for(minutes(10))
    ready.command("release", ANA)
    ready.run_for(minutes(10))
    announced = [news["data"]["news"] for news in ready.topics.news]
    assert announced == ["ready", "suspended", "held", "released"]


def test_the_suspension_says_when_the_removal_is_due(ready: World) -> None:
    left_at = ready.clock.now()
    ready.leave(ANA)
    ready.run_for(minutes(10))
    announced = ready.topics.news[-1]["data"]
    due = datetime.fromisoformat(announced["effective_at"].replace("Z", "+00:00"))
    assert (announced["news"], due) == ("suspended", left_at + GRACE)


def test_a_suspension_under_a_hold_names_no_day_of_removal(ready: World) -> None:
    ready.command("hold", ANA)
    ready.leave(ANA)
    ready.run_for(minutes(10))
    announced = ready.topics.news[-1]["data"]
    assert (announced["news"], announced.get("effective_at")) == ("suspended", None)


def test_the_history_names_the_operation_that_creates_the_notebook(ready: World) -> None:
    texts = [entry.text for entry in ready.store.history(KEY, 100)]
    assert any(text.startswith("workbench/main creating (") for text in texts)
    assert "workbench/main ready" in texts


def test_other_observations_do_not_postpone_the_consent_check(ready: World) -> None:
    asked = 0
    for number in range(5):  # the question is due between one and two hours after it is ready
        ready.join(ANA, team=f"team-{number}")
        ready.run_for(minutes(30))
        asked = ready.points["before:workbench.consented"]
    assert asked == 1
