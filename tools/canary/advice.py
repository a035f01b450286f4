"""A canary that got stuck: what is known of it in words, and where to look. Pure."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_INTAKE = {
    "ready": "function onboard: its log, and the undelivered messages of its subscription",
    "removed": "function offboard: its log, and the undelivered messages of its subscription",
}
_DEAD_LETTERS = "the dead letters, and GET /parked of fleet: events that were not taken"
_TICK = (
    "the minute tick, if the next look is past: the Cloud Scheduler job, the log of function "
    "reconcile (tick.due each minute), then that of converge"
)
_ANNOUNCING = (
    "announcing: announce.failed in the log of converge, and who may publish on environment-events"
)
ABOUT_FLEET = (
    "function fleet: its log (fleet.failed), who may invoke it (run.routes.invoke), its ingress"
)
_GOAL = {"ready": "ready", "removed": "removed"}


def advice(wanted: str, record: Json | None, is_fleet_asked: bool) -> list[str]:
    """What to look at, the likeliest first.

    ``wanted`` is the announcement that did not come, ``record`` the canary's as fleet shows it.
    """
    if not is_fleet_asked:
        return [_INTAKE[wanted], _DEAD_LETTERS, _TICK, _ANNOUNCING]
    if record is None:
        return [_INTAKE[wanted], _DEAD_LETTERS]
    if record["held"]:
        return ["a hold: the canary is held, so nothing of it is deleted; send a release"]
    if record["phase"] == _GOAL[wanted] and record["health"] == "ok":
        return [_ANNOUNCING, _INTAKE[wanted]]
    if record["problem"]:
        return ["what the problem names (docs/operations.md, retrying and quarantined)"]
    verb = (record["event"] or {}).get("verb")
    if (verb == "join") != (wanted == "ready"):  # its record still says what was before
        return [_INTAKE[wanted], _DEAD_LETTERS]
    return [_TICK, _ANNOUNCING]


def state(resource: Json) -> str:
    """A resource as fleet shows it, in words."""
    return f"{resource['kind']}/{resource['slot']} {resource['observed']}"


def described(record: Json | None) -> str:
    """A record as fleet shows it, in a line."""
    if record is None:
        return "no record of the canary"
    parts = [f"phase {record['phase']}", f"health {record['health']}"]
    parts.append(f"event {(record['event'] or {}).get('event_id')}")
    if record["problem"]:
        parts.append(f"problem: {record['problem']}")
    parts += [state(r) for r in record["resources"] if r["observed"] != r["desired"]]
    return ", ".join([*parts, f"next look at {record['next_look_at']}"])
