"""Counts what happened in many lives, to show a rule that never has an effect, or a fault that
never occurs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from shared.domain.contracts.announcements import News
from shared.domain.resources.kinds import Step
from shared.domain.status import Health, Phase
from tests.support.simulation.driver import Lived
from tests.support.simulation.rules import Rule

_FAULTS = ("crash", "before", "after", "meanwhile")
_RARE = 0.001  # of lives


class Coverage:
    """Counts: how often each rule had an effect, each pair of them in a row, each outcome."""

    def __init__(self) -> None:
        self.lives = 0
        self.rules: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.outcomes: Counter[str] = Counter()  # in how many lives

    def add(self, lived: Lived) -> None:
        """Count one life."""
        self.lives += 1
        self.rules.update(lived.bit)
        self.pairs.update(set(pairwise(lived.bit)))
        self.outcomes.update(lived.outcomes.keys())

    def merge(self, other: Coverage) -> None:
        """Count what another has counted."""
        self.lives += other.lives
        self.rules.update(other.rules)
        self.pairs.update(other.pairs)
        self.outcomes.update(other.outcomes)

    def report(self, rules: Sequence[Rule]) -> str:
        """A short report: rules, pairs of rules, outcomes, and what never occurred."""
        names = [rule.name for rule in rules]
        all_pairs = {(first, second) for first in names for second in names}
        missing = sorted(all_pairs - self.pairs.keys())
        lines = [
            "rules: " + ", ".join(f"{name} {self.rules[name]}" for name in names),
            f"pairs of rules: {len(all_pairs) - len(missing)} of {len(all_pairs)}",
        ]
        if missing:
            shown = ", ".join(f"{first} > {second}" for first, second in missing[:12])
            lines.append(f"  never: {shown}{' …' if len(missing) > 12 else ''}")
        groups: dict[str, list[str]] = {}
        for name, count in sorted(self.outcomes.items()):
            group, _, rest = name.partition(":")
            groups.setdefault(group, []).append(f"{rest} {count}")
        lines += [f"{group}: {', '.join(seen)}" for group, seen in groups.items()]
        never = [n for n in names if not self.rules[n]] + sorted(_KNOWN - self.outcomes.keys())
        rare = [n for n, count in self.outcomes.items() if count < _RARE * self.lives]
        lines.append(f"never seen: {', '.join(never) or 'nothing'}")
        lines.append(f"in less than one life in a thousand: {', '.join(sorted(rare)) or 'nothing'}")
        return "\n".join(lines)


_KNOWN = {
    *(f"phase:{phase}" for phase in Phase),
    *(f"health:{health}" for health in Health),
    *(f"news:{news}" for news in News),
    *(f"call:workbench.{step}" for step in Step),
    *(f"failed:workbench.{step}" for step in Step),
    *(f"late:workbench.{step}" for step in Step),
    *(f"slow:workbench.{step}" for step in Step),
    *(f"trap:{how}" for how in _FAULTS),
    *("event:applied", "event:duplicate", "event:stale", "event:scheduled"),
}
