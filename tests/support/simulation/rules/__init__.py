"""Everything that happens from outside: one plain function for each rule, for any driver.

A rule takes the life and its choices, lets something happen, and adds a line to the story. A rule
that finds nothing to do adds none, and has no effect.
"""

from __future__ import annotations

from tests.support.simulation.rules import cloud, deployment, events, identity, others, people
from tests.support.simulation.rules.registry import RULES, Rule, named

__all__ = [
    "RULES",
    "Rule",
    "cloud",
    "deployment",
    "events",
    "identity",
    "named",
    "others",
    "people",
]
