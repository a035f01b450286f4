"""What an intent does to the record: nothing, or a new desired state. Pure, and order-free.

Intents are totally ordered (``Intent.order``). In force is the newest of those whose time has come;
pending is the newest of the others, if it is newer than that. Both depend on *which* events came,
not on the order they came in, so late, repeated and reordered events do no harm.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from shared.domain.environment import Entry, Environment, Intent, Phase, Verb

_REMEMBERED = 64  # event ids: enough for a publisher that repeats itself within days


class Outcome(StrEnum):
    """What became of an event; every one of them stands in the history."""

    APPLIED = "applied"
    SCHEDULED = "scheduled"
    DUPLICATE = "duplicate"
    STALE = "stale"


class Ruling(msgspec.Struct, frozen=True):
    """The outcome, the record as it should now be, and the history entry that says so."""

    outcome: Outcome
    environment: Environment
    entry: Entry


def rule(environment: Environment | None, intent: Intent, key: str, now: datetime) -> Ruling:
    """Decide what ``intent`` means for the record of ``key`` (None: there is none yet)."""
    record = environment or Environment(
        key=key,
        person=intent.person,
        phase=Phase.REMOVED,
        created_at=now,
        updated_at=now,
    )
    if intent.event_id in record.recent:
        return _unchanged(record, intent, Outcome.DUPLICATE, now)
    seen = (*record.recent, intent.event_id)[-_REMEMBERED:]
    record = msgspec.structs.replace(record, recent=seen)
    in_force, pending = record.intent, record.pending
    if in_force is not None and intent.order < in_force.order:
        return _unchanged(record, intent, Outcome.STALE, now)
    if intent.effective_at is not None and intent.effective_at > now:
        if pending is not None and intent.order < pending.order:
            return _unchanged(record, intent, Outcome.STALE, now)
        return _scheduled(record, intent, now)
    # Something announced later than this event, for later, still stands.
    kept = pending if pending is not None and pending.order > intent.order else None
    return Ruling(
        Outcome.APPLIED,
        msgspec.structs.replace(put_in_force(record, intent, now), pending=kept),
        _entry(now, intent, Outcome.APPLIED, f"{_what(intent)} in force"),
    )


def put_in_force(environment: Environment, intent: Intent, now: datetime) -> Environment:
    """The record with ``intent`` as the desired state.

    Everything the record believes of the cloud is to be looked at again: an event is the moment
    when a resource that somebody deleted behind our back comes back. Failures are forgiven too:
    whoever sends an event again after mending something shouldn't wait for the back-off.
    """
    resources = tuple(
        msgspec.structs.replace(resource, look_at=now, retry_at=None, attempts=0)
        for resource in environment.resources
    )
    environment = msgspec.structs.replace(
        environment, intent=intent, pending=None, resources=resources, due_at=now
    )
    if intent.verb is Verb.JOIN:
        return msgspec.structs.replace(
            environment,
            person=intent.person,
            profile=intent.profile,
            grace_seconds=intent.grace_seconds,
            left_at=None,
        )
    # A second leave doesn't start the grace period again.
    return msgspec.structs.replace(environment, left_at=environment.left_at or now)


def _scheduled(record: Environment, intent: Intent, now: datetime) -> Ruling:
    assert intent.effective_at is not None
    phase = Phase.SCHEDULED if record.intent is None else record.phase
    due = min(filter(None, (record.due_at, intent.effective_at)))
    record = msgspec.structs.replace(record, pending=intent, phase=phase, due_at=due)
    when = intent.effective_at.isoformat()
    return Ruling(
        Outcome.SCHEDULED,
        record,
        _entry(now, intent, Outcome.SCHEDULED, f"{_what(intent)}, to take effect at {when}"),
    )


def _unchanged(record: Environment, intent: Intent, outcome: Outcome, now: datetime) -> Ruling:
    why = {
        Outcome.DUPLICATE: "seen before",
        Outcome.STALE: f"of {intent.occurred_at.isoformat()} is older than what is in force",
    }[outcome]
    return Ruling(outcome, record, _entry(now, intent, outcome, f"{_what(intent)} {why}"))


def _what(intent: Intent) -> str:
    because = f" ({intent.reason})" if intent.reason else ""
    with_profile = f" as {intent.profile}" if intent.profile else ""
    return f"{intent.verb}{with_profile}{because}"


def _entry(now: datetime, intent: Intent, outcome: Outcome, text: str) -> Entry:
    return Entry(at=now, action=f"intent.{outcome}", text=text, event_id=intent.event_id)
