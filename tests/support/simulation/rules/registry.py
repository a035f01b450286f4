"""The list of all rules, and how a rule gets into it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from tests.support.simulation.choices import Choices
from tests.support.simulation.simulated import SimulatedLife

Act = Callable[[SimulatedLife, Choices], None]


class Rule(NamedTuple):
    """One rule. ``weight``: how often it is chosen, relative to others. ``usual``: by default."""

    name: str
    weight: int
    act: Act
    usual: bool


RULES: dict[str, Rule] = {}


def rule(weight: int = 4, *, usual: bool = True) -> Callable[[Act], Act]:
    """Put a function into the list of rules under its own name."""

    def enter(act: Act) -> Act:
        RULES[act.__name__] = Rule(act.__name__, weight, act, usual)
        return act

    return enter


def named(also: Collection[str] = (), without: Collection[str] = ()) -> tuple[Rule, ...]:
    """The usual rules and those of ``also``, less those of ``without``."""
    unknown = {*also, *without} - RULES.keys()
    if unknown:
        raise ValueError(f"no such rule: {', '.join(sorted(unknown))}; there are {sorted(RULES)}")
    rules = (r for r in RULES.values() if r.usual or r.name in also)
    return tuple(r for r in rules if r.name not in without)
