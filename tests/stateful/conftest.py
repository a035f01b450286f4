"""What simulations share: a person who has worked in a notebook, and quiet logs.

A simulated life fails hundreds of times; its log lines would hide the one that matters.
"""

from __future__ import annotations

import logging

import pytest

from shared.domain.status import Phase
from tests.support.builders import ANA, minutes, ready_world
from tests.support.simulation.notebook import WORK, notebook_of
from tests.support.simulation.world import World


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="shared")


@pytest.fixture
def ready() -> World:
    """Ana has everything, has worked in it, and all is quiet."""
    world = ready_world()
    world.cloud.work(notebook_of(world), WORK)
    return world


@pytest.fixture
def suspended(ready: World) -> World:
    """Ana has left; the grace period runs."""
    ready.leave(ANA)
    ready.run_for(minutes(10))
    assert ready.record(ANA).status.phase is Phase.SUSPENDED
    return ready
