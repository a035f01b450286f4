"""A modest number of lives; ``make simulate N=…`` lives as many as you like."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.stateful.driver import live, replay
from tests.stateful.machine import Lives
from tests.stateful.rules import named
from tests.stateful.simulate import Work, some_lives

SEED = 20261126
LIVES = 2_000

TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=80,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_many_lives_from_one_seed_break_nothing() -> None:
    part = some_lives(Work(SEED, range(LIVES), tuple(rule.name for rule in named())))
    assert part.failed == []


def test_a_life_is_the_same_whenever_it_is_lived_and_from_its_record() -> None:
    for number in range(20):
        lived = live(SEED, number, named())
        again = live(SEED, number, named())
        recorded = replay(lived.steps)
        assert lived.steps == again.steps == recorded.steps
        assert lived.life.said == again.life.said == recorded.life.said
        happened = lived.life.world.cloud.happenings
        assert happened == recorded.life.world.cloud.happenings
