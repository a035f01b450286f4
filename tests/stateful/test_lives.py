"""A modest number of lives; ``make simulate N=…`` lives as many as you like."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.stateful.simulate import Work, some_lives
from tests.support.simulation.machine import Lives
from tests.support.simulation.rules import named

pytestmark = pytest.mark.slow

SEED = 20261126
LIVES = 1_500

TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=80,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_many_lives_from_one_seed_break_no_invariant() -> None:
    part = some_lives(Work(SEED, range(LIVES), tuple(rule.name for rule in named())))
    assert part.failed == []
