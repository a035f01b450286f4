"""What an intent does to the record: nothing, or a new desired state. Pure, and order-free.

Intents are totally ordered (``Intent.order``). In force is the newest of those whose time has come;
announced for later is the newest of each verb, if it is newer than that. Both depend on *which*
events came, not on the order they came in: late, repeated and reordered events do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from shared.domain.announcements import News
from shared.domain.durations import unmet_since
from shared.domain.environment import Entry, Environment, Intent, Phase, Verb
from shared.domain.evidence import Leaving, amended, current, opened
from shared.domain.telling import announced
from shared.domain.wording import moves, named, what

_REMEMBERED = 64  # event ids: enough for a publisher that repeats itself within days


class Outcome(StrEnum):
    """How an event was handled; the history has one entry for each."""

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
    if intent.known_as in record.recent:
        return _unchanged(record, intent, Outcome.DUPLICATE, now)
    record = remembered(record, intent.known_as)
    if intent.effective_at is not None and intent.effective_at > now:
        return _announced(record, intent, now)
    if record.intent is not None and intent.order < record.intent.order:
        return _unchanged(_with_facts(record, intent), intent, Outcome.STALE, now)
    cancelled = named("cancels", _overtaken(record.pending, intent))
    text = f"{what(intent)} in force{moves(record, intent)}{cancelled}"
    return Ruling(
        Outcome.APPLIED,
        put_in_force(record, intent, now),
        _entry(now, intent, Outcome.APPLIED, text),
    )


def remembered(environment: Environment, known_as: str) -> Environment:
    """The record that remembers an event or order by its ``known_as``, to recognise repeats."""
    return replace(environment, recent=(*environment.recent, known_as)[-_REMEMBERED:])


def in_force(environment: Environment, now: datetime) -> Environment:
    """The record with the announced intents put in force whose time has come, the newest last."""
    for intent in _ripe(environment, now):
        environment = put_in_force(environment, intent, now, since=intent.effective_at)
    return environment


def promotions(environment: Environment, now: datetime) -> tuple[Entry, ...]:
    """What the history should say of ``in_force``: each intent that took effect, in that order."""
    entries = []
    pending = environment.pending
    for intent in _ripe(environment, now):
        cancelled = _overtaken(pending, intent)
        pending = tuple(i for i in pending if i.order > intent.order)
        text = f"{intent.verb} announced earlier is in force now{named('cancels', cancelled)}"
        entries.append(_entry(now, intent, Outcome.APPLIED, text))
    return tuple(entries)


def _ripe(environment: Environment, now: datetime) -> list[Intent]:
    ripe = [i for i in environment.pending if i.effective_at is None or i.effective_at <= now]
    return sorted(ripe, key=lambda i: i.order)


def _overtaken(pending: Sequence[Intent], intent: Intent) -> list[Intent]:
    """The announced intents that never take effect once ``intent`` is in force."""
    return [i for i in pending if i.order < intent.order]


def put_in_force(
    environment: Environment, intent: Intent, now: datetime, *, since: datetime | None = None
) -> Environment:
    """The record with ``intent`` as the desired state, in effect ``since`` then (None: now).

    Every resource is looked at again, so that one that somebody else deleted is created again.
    Failures are reset too, so that a person who fixes something and sends the event again doesn't
    wait for the back-off. Only a return from leaving starts a stopped notebook: its owner, or idle
    shutdown, may have stopped it.
    """
    returns = environment.leaving and intent.verb is Verb.JOIN
    resources = tuple(
        replace(
            resource,
            look_at=now,
            retry_at=None,
            attempts=0,
            start_owed=resource.start_owed or (returns and resource.kind.holds_data),
            # Differences from the profile are corrected again, too.
            digest="" if resource.kind.holds_data else resource.digest,
        )
        for resource in environment.resources
    )
    before = environment
    environment = replace(
        _with_facts(environment, intent),
        intent=intent,
        # What was announced later than this event, for later, still stands.
        pending=tuple(i for i in environment.pending if i.order > intent.order),
        resources=resources,
        losses=() if environment.intent and not environment.leaving else environment.losses,
        due_at=now,
        unmet_since=unmet_since(environment, intent, since or now),
    )
    for overtaken in _overtaken(before.pending, intent):
        environment = _cancelled(environment, overtaken, intent, now)
    if intent.verb is Verb.JOIN:
        return _returned(environment, intent, now)
    # A second leave doesn't start the grace period again, except of somebody who was removed: what
    # is found of them now has been made since.
    left_at = None if before.phase is Phase.REMOVED else environment.left_at
    environment = replace(environment, left_at=left_at or now)
    environment = replace(environment, inherits="", sought_at=None)
    return replace(environment, leavings=_leavings(environment, intent))


def _cancelled(
    environment: Environment, overtaken: Intent, by: Intent, now: datetime
) -> Environment:
    """Announce the cancellation of an intent that was announced as scheduled."""
    return announced(
        environment,
        News.CANCELLED,
        now,
        reason=f"{what(overtaken)}: overtaken by {what(by)} of event {by.event_id}",
        effective_at=overtaken.effective_at,
        event_id=overtaken.event_id,
    )


def _returned(environment: Environment, intent: Intent, now: datetime) -> Environment:
    leaving = current(environment.leavings)
    if leaving is not None:
        returned = amended(environment.leavings, replace(leaving, returned_at=now))
        environment = replace(environment, leavings=returned)
    return replace(environment, left_at=None, inherits=intent.moved_from or environment.inherits)


def _leavings(environment: Environment, intent: Intent) -> tuple[Leaving, ...]:
    assert environment.left_at is not None
    leaving = current(environment.leavings)
    if leaving is not None:  # a repeated leave: perhaps immediate now, or because something is left
        leaving = replace(
            leaving,
            removal_at=environment.removal_at,
            immediate=intent.immediate,
            completed_at=None,
        )
        return amended(environment.leavings, leaving)
    leaving = Leaving(
        event_id=intent.event_id,
        source=intent.source,
        occurred_at=intent.occurred_at,
        left_at=environment.left_at,
        removal_at=environment.removal_at,
        immediate=intent.immediate,
        reason=intent.reason,
        moved_to=intent.moved_to,
    )
    return opened(environment.leavings, leaving)


def _with_facts(environment: Environment, intent: Intent) -> Environment:
    """The record with what ``intent`` says of the person, if it is the newest join to say so."""
    joined = environment.joined
    if intent.verb is Verb.LEAVE or (joined is not None and intent.order < joined.order):
        return environment
    return replace(
        environment,
        joined=intent,
        person=intent.person,
        profile=intent.profile,
        grace_seconds=intent.grace_seconds,
        keep_seconds=intent.keep_seconds,
    )


def _announced(record: Environment, intent: Intent, now: datetime) -> Ruling:
    """An intent for later: it replaces an older announcement of the same verb, and no other."""
    assert intent.effective_at is not None
    of_same_verb = [i for i in record.pending if i.verb is intent.verb]
    known = [i.order for i in (record.intent, *of_same_verb) if i is not None]
    if any(intent.order < order for order in known):
        return _unchanged(record, intent, Outcome.STALE, now)
    # What has become due by now is no announcement any more: the next look puts it in force.
    replaced = [i for i in of_same_verb if i.effective_at is None or i.effective_at > now]
    pending = (*(i for i in record.pending if i not in replaced), intent)
    when = intent.effective_at.isoformat()
    text = f"{what(intent)}, to take effect at {when}{named('replaces', replaced)}"
    record = replace(
        record, pending=tuple(sorted(pending, key=lambda i: (i.effective_at, i.order)))
    )
    return Ruling(
        Outcome.SCHEDULED,
        announced(
            record,
            News.SCHEDULED,
            now,
            reason=what(intent),
            effective_at=intent.effective_at,
            event_id=intent.event_id,
        ),
        _entry(now, intent, Outcome.SCHEDULED, text),
    )


def _unchanged(record: Environment, intent: Intent, outcome: Outcome, now: datetime) -> Ruling:
    why = {
        Outcome.DUPLICATE: "seen before; if it is meant anew, send it with another event_id",
        Outcome.STALE: f"of {intent.occurred_at.isoformat()} is older than what is in force",
    }[outcome]
    return Ruling(outcome, record, _entry(now, intent, outcome, f"{what(intent)} {why}"))


def _entry(now: datetime, intent: Intent, outcome: Outcome, text: str) -> Entry:
    return Entry(at=now, action=f"intent.{outcome}", text=text, event_id=intent.event_id)
