"""How long it took from the publication of an event until it was stored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.contracts.event_parsing import Message
from tests.support.builders import (
    ANA,
    KEY,
    hold_lease,
    minutes,
    once_at,
    ready_world,
)
from tests.support.simulation.world import START, World


def measured(world: World, email_key: str = KEY) -> list[tuple[str, float]]:
    """What the history says was measured: action and seconds, oldest first."""
    entries = reversed(world.store.history(email_key, 1000))
    return [(e.action, e.seconds) for e in entries if e.seconds is not None]


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, float | None]]:
    """Action and seconds of the lines that say what became of an event."""
    lines: Sequence[Any] = caplog.records
    kinds = ("intent.", "order.")
    return [
        (line.action, getattr(line, "seconds", None))
        for line in lines
        if getattr(line, "action", "").startswith(kinds)
    ]


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def published(world: World, ago: float, verb: Verb = Verb.JOIN, **event: object) -> Message:
    at = world.clock.now() - timedelta(seconds=ago)
    return world.message(verb, at, email=ANA, **event)


def test_an_event_is_measured_from_its_publication(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.deliver(published(world, 4, occurred_at=START - timedelta(days=1)))
    world.deliver(published(world, 5, event_id="e", effective_at=START + timedelta(days=1)))
    world.deliver(published(world, 6, occurred_at=START - timedelta(days=2)))
    world.deliver(published(world, 7, event_id="e"))
    assert logged(caplog) == [
        ("intent.applied", 4.0),
        ("intent.scheduled", 5.0),
        ("intent.stale", 6.0),
        ("intent.duplicate", None),
    ]


def test_a_redelivery_of_a_stored_event_is_not_measured_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    message = published(world, 1)
    world.deliver(message)
    world.pass_time(minutes(60))
    world.deliver(message)
    assert logged(caplog) == [("intent.applied", 1.0), ("intent.duplicate", None)]


def test_an_event_stored_at_the_second_try_is_measured_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Down(Exception):
        pass

    def fails() -> None:
        raise Down

    world = World()
    message = published(world, 1)
    assert not once_at(world, "before:save", fails)
    with pytest.raises(Down):
        world.deliver(message)
    world.pass_time(minutes(10))
    world.deliver(message)
    assert logged(caplog) == [("intent.applied", 601.0)]


def test_observations_before_storing_count_and_steps_after_it_do_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = ready_world()
    looks, stored = 0, False

    def slowly(point: str) -> None:
        nonlocal looks, stored
        stored |= point == "after:save"
        if point.startswith("before:") and ".observe" in point:
            looks += not stored
            world.pass_time(timedelta(seconds=3))
        if point == "before:workbench.stop":
            world.pass_time(timedelta(seconds=20))

    world.trap = slowly
    caplog.clear()
    world.leave(ANA)
    assert looks > 1
    assert logged(caplog) == [("intent.applied", 3.0 * looks)]


def test_an_event_left_to_another_worker_is_measured_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = ready_world()
    hold_lease(world)
    caplog.clear()
    world.deliver(published(world, 2, Verb.LEAVE))
    assert logged(caplog) == [("intent.applied", 2.0)]


def test_a_publisher_with_a_fast_clock_gives_no_negative_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.deliver(published(world, -3))
    assert logged(caplog) == [("intent.applied", 0.0)]


def test_an_event_that_takes_effect_later_has_no_delivery_to_measure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.deliver(published(world, 0, effective_at=START + minutes(10)))
    caplog.clear()
    world.run_for(minutes(20))
    assert logged(caplog) == [("intent.applied", None)]


def test_a_command_is_measured_like_an_event(caplog: pytest.LogCaptureFixture) -> None:
    world = ready_world()
    caplog.clear()
    world.command("hold", ANA)
    assert logged(caplog) == [("order.applied", 0.0)]


def test_the_line_says_what_the_history_says(caplog: pytest.LogCaptureFixture) -> None:
    world = ready_world()
    world.leave(ANA)
    world.run_for(minutes(5))
    lines: Sequence[Any] = [line for line in caplog.records if hasattr(line, "seconds")]
    steps = [(x.action, x.seconds) for x in lines if not x.action.startswith("intent.")]
    assert steps == measured(world)
