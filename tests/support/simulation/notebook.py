"""A person's notebook in a ``World``, and the work that its owner has saved in it."""

from __future__ import annotations

from shared.domain.resources.kinds import Kind
from tests.support.builders import ANA
from tests.support.fake_drivers import Thing
from tests.support.simulation.world import World

WORK = "a week's work;"


def notebook_of(world: World, email: str = ANA) -> Thing:
    """The only notebook of that person."""
    keys = world.record(email).keys
    [thing] = [t for t in world.cloud.alive(Kind.WORKBENCH) if t.key in keys]
    return thing
