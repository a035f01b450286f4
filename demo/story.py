"""The story itself: joins, provisioning, three leave, one returns, grace passes, notebooks gone.

Each chapter publishes events, lets time pass, and checks what it claims against the cloud.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from demo.stage import Json, Stage

_ROSTER = Path(__file__).with_name("roster.csv")
_LEAVERS = ("ana@example.com", "chen.wei@example.com", "jo@example.com")
_RETURNS = "chen.wei@example.com"
_LATE = "zoe@example.com"
_TURNS = 15  # of a minute each: nothing in the story takes longer

Say = Callable[[str], None]


class Story:
    """Tells itself to ``say``; ``failed`` holds what did not come true."""

    def __init__(self, stage: Stage, say: Say) -> None:
        self._stage = stage
        self._say = say
        self.failed: list[str] = []
        with _ROSTER.open(encoding="utf-8", newline="") as roster:
            self._roster = [dict(row) for row in csv.DictReader(roster)]
        self._emails = [row["email"] for row in self._roster]

    def tell(self) -> None:
        """All chapters, in order."""
        self._people_join()
        self._everyone_gets_ready()
        self._three_leave()
        self._one_returns()
        self._grace_passes()

    def _people_join(self) -> None:
        self._say("1. A dozen people join, and some events go wrong")
        for row in self._roster:
            self._stage.publish("onboarding", _join(row))
        self._stage.publish("onboarding", _join(self._roster[0]))  # the same event once more
        # Zoe's leave overtakes her join: she has left, and must not come back to life.
        now = self._stage.now()
        self._stage.publish(
            "offboarding", {"email": _LATE, "event_id": "hr-zoe-2", "occurred_at": now}
        )
        self._stage.wait()
        earlier = now.replace(now[:4], str(int(now[:4]) - 1), 1)
        self._stage.publish(
            "onboarding", {"email": _LATE, "event_id": "hr-zoe-1", "occurred_at": earlier}
        )
        self._stage.publish("onboarding", {"emial": "ana@example.com"})
        self._stage.publish("onboarding", b"email: ana@example.com")
        self._stage.publish("onboarding", {"email": "mallory@elsewhere.test"})
        self._stage.publish("onboarding", {"email": "ana@example.com", "profile": "analist"})
        self._stage.wait()
        codes = Counter(p["code"] for p in self._stage.parked())
        expected = {"unknown-field": 1, "not-json": 1, "foreign-domain": 1, "unknown-profile": 1}
        self._check("four events are parked, each with its reason", codes == expected)
        self._check("a duplicate changes nothing", self._told(self._emails[0], "intent.duplicate"))
        zoe = self._stage.environment(_LATE)
        self._check(
            "a late join doesn't resurrect a leaver",
            zoe["phase"] == "removed" and self._told(_LATE, "intent.stale"),
        )

    def _everyone_gets_ready(self) -> None:
        self._say("2. Provisioning: the clock runs, the minute tick looks after everyone")
        self._until(lambda phases: phases["ready"] == len(self._roster))
        notebooks = {n["instanceOwners"][0]: n for n in self._stage.resources("notebooks.instance")}
        self._check("everyone is ready", self._phases()["ready"] == len(self._roster))
        self._check("one notebook each, owned by that person", set(notebooks) == set(self._emails))
        self._check(
            "every notebook runs on its owner's credentials",
            all(n["enableManagedEuc"] for n in notebooks.values()),
        )
        self._check(
            "every dollar has a cost centre",
            all(n["labels"].get("cost-center") for n in notebooks.values()),
        )

    def _three_leave(self) -> None:
        self._say("3. Three people leave")
        for email in _LEAVERS:
            event = {"email": email, "event_id": f"leave-{email}", "reason": "left the company"}
            self._stage.publish("offboarding", event)
        self._stage.wait()
        self._check("their templates are gone at once", not self._templates_of(_LEAVERS))
        self._until(lambda phases: phases["suspended"] == len(_LEAVERS))
        self._check(
            "their notebooks are stopped, not deleted",
            all(self._notebook(email).get("state") == "STOPPED" for email in _LEAVERS),
        )

    def _one_returns(self) -> None:
        self._say("4. One of them returns within the grace period")
        row = next(row for row in self._roster if row["email"] == _RETURNS)
        before = self._notebook(_RETURNS).get("id")
        self._stage.publish("onboarding", _join(row, event_id="return-1"))
        self._stage.wait()
        self._until(lambda phases: phases["ready"] == len(self._roster) - len(_LEAVERS) + 1)
        self._check(
            "the same notebook, with its data, is running again",
            self._notebook(_RETURNS).get("state") == "ACTIVE"
            and self._notebook(_RETURNS).get("id") == before,
        )

    def _grace_passes(self) -> None:
        self._say("5. The grace period of the other two passes (the clock is moved)")
        gone = [email for email in _LEAVERS if email != _RETURNS]
        removal = max(str(self._stage.environment(email)["removal_at"]) for email in gone)
        self._say(f"   removal is due at {removal[:16]}Z")
        self._stage.pass_time("13d")
        self._check(
            "a day before, nothing is deleted",
            all(self._notebook(email).get("state") == "STOPPED" for email in gone),
        )
        self._stage.pass_time("25h")
        self._until(lambda phases: phases["removed"] == len(gone) + 1)  # and Zoe
        self._check("their notebooks are gone", not any(self._notebook(email) for email in gone))
        self._check(
            "everyone else still has theirs",
            len(self._stage.resources("notebooks.instance")) == len(self._roster) - len(gone),
        )

    def _until(self, true: Callable[[Counter[str]], bool]) -> None:
        """Let minutes pass until it is so; show how far everyone is after each."""
        for minute in range(_TURNS):
            phases = self._phases()
            shown = ", ".join(f"{n} {phase}" for phase, n in sorted(phases.items()))
            self._say(f"   +{minute} min  {_bar(phases, len(self._emails))}  {shown}")
            if true(phases):
                return
            self._stage.pass_time("60s")
        self._check(f"it comes about within {_TURNS} minutes", False)

    def _check(self, claim: str, so: bool) -> None:
        self._say(f"   {'✓' if so else '✗ NOT TRUE:'} {claim}")
        if not so:
            self.failed.append(claim)

    def _phases(self) -> Counter[str]:
        return Counter(str(e["phase"]) for e in self._stage.environments())

    def _told(self, email: str, action: str) -> bool:
        return any(h["action"] == action for h in self._stage.environment(email)["history"])

    def _notebook(self, email: str) -> Json:
        """The person's notebook as it is in the cloud, or {}."""
        found = (
            n for n in self._stage.resources("notebooks.instance") if n["instanceOwners"] == [email]
        )
        return next(found, {})

    def _templates_of(self, emails: Iterable[str]) -> list[str]:
        keys = [str(self._stage.environment(email)["key"]) for email in emails]
        names = [
            str(resource["name"])
            for kind in ("storage.object", "dataproc.sessionTemplate")
            for resource in self._stage.resources(kind)
        ]
        return [name for name in names if any(key in name for key in keys)]


def _join(row: dict[str, str], *, event_id: str = "") -> Json:
    return {
        "email": row["email"],
        "event_id": event_id or f"hr-{row['email']}",
        "display_name": row["display_name"],
        "groups": [row["groups"]],
        "team": row["team"],
        "cost_center": row["cost_center"],
    }


def _bar(phases: Counter[str], people: int) -> str:
    done = sum(n for phase, n in phases.items() if phase in ("ready", "suspended", "removed"))
    filled = round(20 * min(done, people) / people)
    return "█" * filled + "░" * (20 - filled)
