"""Runs many lives from one seed; each can be reproduced by itself, or replayed from its record."""

from __future__ import annotations

import random
import traceback
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from tests.support.simulation.choices import Choices, Step, as_recorded, at_random
from tests.support.simulation.ending import finish
from tests.support.simulation.invariants import check
from tests.support.simulation.rules import RULES, Rule
from tests.support.simulation.simulated import SimulatedLife
from tests.support.simulation.truth import untrue

BEGIN = "begin"
PAST = "a_person_with_a_past"  # the rule that gives people some work at the start
_WITH_A_PAST = 0.4
_LENGTHS = (5, 8, 12, 16, 20, 30)


class Lived(msgspec.Struct, kw_only=True):
    """A life that was lived: its steps as data, what was seen, and how it failed, if it did.

    ``failure``: the broken invariant in words, or ''. ``kind``: where it broke, which tells
    failures apart. ``bit``: the rules that had an effect, in order.
    """

    life: SimulatedLife
    steps: list[Step]
    bit: list[str]
    outcomes: dict[str, int]
    failure: str = ""
    kind: str = ""


def live(seed: int, number: int, rules: Sequence[Rule]) -> Lived:
    """Simulate the life of that number, always the same for the same seed and rules."""
    source = random.Random(f"{seed}/{number}")
    weights = list(accumulate(rule.weight for rule in rules))
    names = source.choices(
        [rule.name for rule in rules], cum_weights=weights, k=source.choice(_LENGTHS)
    )
    if source.random() < _WITH_A_PAST and any(rule.name == PAST for rule in rules):
        names.insert(0, PAST)
    return _live([(name, at_random(source)) for name in (BEGIN, *names)])


def replay(steps: Sequence[Step]) -> Lived:
    """Repeat a recorded life; steps may have been left out, and numbers changed."""
    return _live([(name, as_recorded(numbers)) for name, numbers in steps])


def _live(plan: Sequence[tuple[str, Choices]]) -> Lived:
    (_, choices), *others = plan
    life = SimulatedLife(choices, untrue)
    lived = Lived(steps=[(BEGIN, tuple(choices.drawn))], bit=[], outcomes={}, life=life)
    try:
        for name, choices in others:
            said = len(life.said)
            try:
                RULES[name].act(life, choices)
                check(life)
            finally:
                lived.steps.append((name, tuple(choices.drawn)))
            if len(life.said) > said:
                lived.bit.append(name)
        finish(life)
    except Exception as error:  # noqa: BLE001 - whatever breaks is a finding: reported, with its life
        lived.failure = f"{type(error).__name__}: {error}".removeprefix("AssertionError: ")
        lived.kind = _where(error)
    lived.outcomes = _outcomes(life)
    return lived


def _where(error: Exception) -> str:
    """The place at which it broke, without what differs from life to life."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    return f"{last.filename.rpartition('/')[2]}:{last.name}:{last.line}"


def _outcomes(life: SimulatedLife) -> dict[str, int]:
    cloud = life.world.cloud
    outcomes = life.outcomes
    for failure in cloud.failures:
        outcomes[f"failed:{failure.kind}.{failure.step}"] += failure.hits
    for delay in cloud.delays:
        outcomes[f"late:{delay.kind}.{delay.step}"] += delay.hits
    for slowness in cloud.slow:
        outcomes[f"slow:{slowness.kind}.{slowness.step}"] += slowness.hits
    for call, count in cloud.counts.items():
        outcomes[f"call:{call}"] += count
    for parked in life.world.store.parked(1000).items:
        outcomes[f"parked:{parked.code}"] += 1
    return {name: count for name, count in outcomes.items() if count}
