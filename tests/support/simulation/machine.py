"""The rules as a Hypothesis state machine, which searches for failing lives and shrinks them.

Anything may happen, in any order. The invariants are checked after each rule, and the result at the
end.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support.simulation.choices import Choices
from tests.support.simulation.ending import finish
from tests.support.simulation.invariants import check
from tests.support.simulation.rules import Rule, named
from tests.support.simulation.simulated import SimulatedLife
from tests.support.simulation.truth import untrue


def drawn_by(data: st.DataObject) -> Choices:
    """Choices that Hypothesis makes, and can shrink."""
    return Choices(lambda bound: data.draw(st.integers(0, bound - 1)))


class Lives(RuleBasedStateMachine):
    """One life; each rule is something that happens from outside."""

    life: SimulatedLife

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """A world and its people."""
        self.life = SimulatedLife(drawn_by(data), untrue)

    def teardown(self) -> None:
        """Faults stop, time passes, the desired state is reached."""
        if hasattr(self, "life"):
            finish(self.life)


def _as_method(each: Rule) -> Callable[..., None]:
    def act(self: Lives, data: st.DataObject) -> None:
        each.act(self.life, drawn_by(data))
        check(self.life)

    act.__name__ = each.name
    return rule(data=st.data())(act)


for _each in named():
    setattr(Lives, _each.name, _as_method(_each))
