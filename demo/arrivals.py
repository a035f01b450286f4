"""The first half: a dozen people join, some events go wrong, and a zone runs out of machines."""

from __future__ import annotations

from collections import Counter

from demo.teller import Teller

_LATE = "zoe@example.com"
_ZONE, _NEXT = "us-central1-a", "us-central1-b"
_SCARCE = "n2-standard-8"  # what the data scientists' profile asks for


def people_join(teller: Teller) -> None:
    """The roster joins; a duplicate, a late event and four bad ones come between."""
    teller.say("1. A dozen people join, and some events go wrong")
    stage, first = teller.stage, teller.emails[0]
    stage.lack({_ZONE: [_SCARCE]})
    for email in teller.emails:
        stage.publish("onboarding", teller.join_of(email))
    stage.publish("onboarding", teller.join_of(first))  # the same event once more
    # Zoe's leave overtakes her join: she has left, and must not come back to life.
    now = stage.now()
    stage.publish("offboarding", {"email": _LATE, "event_id": "hr-zoe-2", "occurred_at": now})
    stage.wait()
    earlier = now.replace(now[:4], str(int(now[:4]) - 1), 1)
    stage.publish("onboarding", {"email": _LATE, "event_id": "hr-zoe-1", "occurred_at": earlier})
    stage.publish("onboarding", {"emial": first})
    stage.publish("onboarding", b"email: ana@example.com")
    stage.publish("onboarding", {"email": "mallory@elsewhere.test"})
    stage.publish("onboarding", {"email": first, "profile": "analist"})
    stage.wait()
    codes = Counter(p["code"] for p in stage.parked())
    expected = {"unknown-field": 1, "not-json": 1, "foreign-domain": 1, "unknown-profile": 1}
    teller.check("four events are parked, each with its reason", codes == expected)
    teller.check("a duplicate changes nothing", teller.told(first, "intent.duplicate"))
    teller.check(
        "a late join doesn't resurrect a leaver",
        stage.environment(_LATE)["phase"] == "removed" and teller.told(_LATE, "intent.stale"),
    )


def everyone_gets_ready(teller: Teller) -> None:
    """The clock runs until all have their own; those without machines are made in the next zone."""
    teller.say(f"2. Provisioning by the minute tick; zone {_ZONE} has no {_SCARCE} left")
    people = len(teller.roster)
    teller.until(lambda phases: phases["ready"] == people)
    notebooks = {n["instanceOwners"][0]: n for n in teller.stage.resources("notebooks.instance")}
    teller.check("everyone is ready", teller.phases()["ready"] == people)
    teller.check("one notebook each, owned by that person", set(notebooks) == set(teller.emails))
    teller.check(
        f"those who need the {_SCARCE} have theirs in {_NEXT}, the others in {_ZONE}",
        all(
            n["name"].split("/")[3] == (_NEXT if _is_scarce(n["gceSetup"]) else _ZONE)
            for n in notebooks.values()
        )
        and any(_is_scarce(n["gceSetup"]) for n in notebooks.values()),
    )
    teller.check(
        "every notebook runs on its owner's credentials",
        all(n["enableManagedEuc"] for n in notebooks.values()),
    )
    teller.check(
        "every dollar has a cost centre",
        all(n["labels"].get("cost-center") for n in notebooks.values()),
    )


def _is_scarce(machine: dict[str, str]) -> bool:
    return machine["machineType"] == _SCARCE
