"""A record that was lost and created again repeats the request ids of the lost one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.status import Phase
from tests.support.real_world import RealWorld, real_worlds

pytestmark = pytest.mark.slow

EMAIL = "ines@example.com"


def notebooks(world: RealWorld) -> list[str]:
    kinds = [r for r in world.belongings(EMAIL) if r["kind"] == "notebooks.instance"]
    return [r["name"] for r in kinds]


def lose_the_record(world: RealWorld) -> None:
    world.store._environments.clear()
    world.store._history.clear()


def test_the_answer_to_a_repeated_request_id_is_not_a_new_notebook() -> None:
    """Within an hour, Google returns the operation that created the former notebook."""
    with real_worlds() as new_world:
        world = new_world()
        world.send(Verb.JOIN, EMAIL)
        world.until(EMAIL, Phase.READY)
        world.send(Verb.LEAVE, EMAIL, immediate=True)
        world.until(EMAIL, Phase.REMOVED)
        assert not notebooks(world)
        lose_the_record(world)
        world.pass_time(timedelta(minutes=1))
        world.send(Verb.JOIN, EMAIL)
        world.until(EMAIL, Phase.READY)
        assert len(notebooks(world)) == 1
