"""How the story is told: time passes minute by minute, and each claim is checked as it is made.

Knows the stage and nothing of the plot.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from demo.stage import Json, Stage

_ROSTER = Path(__file__).with_name("roster.csv")
_TURNS = 15  # of a minute each: nothing in the story takes longer

Say = Callable[[str], None]


class Teller:
    """Speaks through ``say``; ``failed`` holds what did not come true. ``roster``: who joins."""

    def __init__(self, stage: Stage, say: Say) -> None:
        self.stage = stage
        self.say = say
        self.failed: list[str] = []
        with _ROSTER.open(encoding="utf-8", newline="") as roster:
            self.roster = [dict(row) for row in csv.DictReader(roster)]
        self.emails = [row["email"] for row in self.roster]

    def check(self, claim: str, so: bool) -> None:
        """Say ``claim``, and whether it is ``so``."""
        self.say(f"   {'✓' if so else '✗ NOT TRUE:'} {claim}")
        if not so:
            self.failed.append(claim)

    def until(self, true: Callable[[Counter[str]], bool]) -> None:
        """Let minutes pass until it is so; show how far everyone is after each."""
        for minute in range(_TURNS):
            phases = self.phases()
            shown = ", ".join(f"{n} {phase}" for phase, n in sorted(phases.items()))
            self.say(f"   +{minute} min  {_bar(phases, len(self.emails))}  {shown}")
            if true(phases):
                return
            self.stage.pass_time("60s")
        self.check(f"it comes about within {_TURNS} minutes", False)

    def phases(self) -> Counter[str]:
        """How many environments are in each phase."""
        return Counter(str(e["phase"]) for e in self.stage.environments())

    def told(self, email: str, action: str) -> bool:
        """Whether the person's history has an entry of this action."""
        return any(h["action"] == action for h in self.stage.environment(email)["history"])

    def join_of(self, email: str, *, event_id: str = "") -> Json:
        """The join event of somebody of the roster."""
        row = next(row for row in self.roster if row["email"] == email)
        return {
            "email": email,
            "event_id": event_id or f"hr-{email}",
            "display_name": row["display_name"],
            "groups": [row["groups"]],
            "team": row["team"],
            "cost_center": row["cost_center"],
        }


def _bar(phases: Counter[str], people: int) -> str:
    done = sum(n for phase, n in phases.items() if phase in ("ready", "suspended", "removed"))
    filled = round(20 * min(done, people) / people)
    return "█" * filled + "░" * (20 - filled)
