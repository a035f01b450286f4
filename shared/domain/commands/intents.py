"""What an intent does to the record: it takes effect, is scheduled, or changes nothing. Pure.

Scheduled are the newest join, and the newest leave of each address, if they are newer than the
intent in force. This depends on *which* events arrived, not on their order (``facts``).
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.commands.decision import Decision, Outcome, entry_of, remembered
from shared.domain.commands.descriptions import (
    changes_of,
    described,
    listed,
    retirement,
    unknown_address,
    with_address,
)
from shared.domain.commands.facts import (
    intent_in_force,
    retires_address,
    what_it_is_about,
    with_facts,
    with_person_id,
)
from shared.domain.commands.intent import Intent
from shared.domain.commands.scheduled import with_due_intents
from shared.domain.commands.taking_effect import cancelled_by, overtaken_by, put_in_force
from shared.domain.contracts.announcements import News
from shared.domain.environment import Environment
from shared.domain.projections.outbox import with_announcement
from shared.domain.status import Phase, Status


def apply_intent(
    environment: Environment | None, intent: Intent, key: str, now: datetime
) -> Decision:
    """The decision about ``intent`` for the record of ``key`` (None: there is none yet).

    Scheduled intents that are due take effect first; after a duplicate, the tick does that.
    """
    record = environment or Environment(
        key=key,
        person=intent.person,
        status=Status(phase=Phase.REMOVED),
        created_at=now,
        updated_at=now,
    )
    if intent.idempotency_key in record.events.recent:
        return _unchanged(record, intent, Outcome.DUPLICATE, now)
    record, due = with_due_intents(record, now)
    record = with_person_id(remembered(record, intent.idempotency_key), intent)
    is_later = intent.effective_at is not None and intent.effective_at > now
    decide = _scheduled if is_later else _due
    return replace(decide(record, intent, now), due=due)


def _due(record: Environment, intent: Intent, now: datetime) -> Decision:
    """The decision about an intent whose time has come."""
    after = with_facts(record, intent)
    newest = intent_in_force(after)
    if newest == record.events.in_force:
        return _without_effect(after, intent, now)
    text = f"{described(intent)} in force{changes_of(record, intent)}"
    if newest is not intent:
        noted = f"{described(intent)} noted{changes_of(record, intent)}"
        text = f"{noted}; {described(newest)} is in force now"
    text += unknown_address(record, intent)
    cancelled = listed("cancels", overtaken_by(newest, record))
    return Decision(
        Outcome.APPLIED,
        put_in_force(record, after, newest, now),
        entry_of(intent, Outcome.APPLIED, f"{text}{cancelled}", now),
        cancelled=cancelled_by(newest, record, now),
    )


def _without_effect(record: Environment, intent: Intent, now: datetime) -> Decision:
    """The decision about an intent that does not change which intent is in force."""
    if not retires_address(record, intent):
        return _unchanged(record, intent, Outcome.STALE, now)
    text = f"{described(intent)}{retirement(record, intent)}"
    return Decision(Outcome.APPLIED, record, entry_of(intent, Outcome.APPLIED, text, now))


def _scheduled(record: Environment, intent: Intent, now: datetime) -> Decision:
    """The decision about an intent for later; it replaces older ones about the same thing only."""
    assert intent.effective_at is not None
    unknown = unknown_address(record, intent)
    same = [i for i in record.events.pending if what_it_is_about(i) == what_it_is_about(intent)]
    joined = record.events.joined
    is_older = joined is not None and intent.occurred_at < joined.occurred_at
    if is_older or any(intent.precedence < i.precedence for i in same):
        return _unchanged(record, intent, Outcome.STALE, now)
    # A pending intent that is due was overtaken by the leave in force. Keep it: it takes effect if
    # that leave turns out to be of a former address.
    replaced = [i for i in same if i.effective_at is None or i.effective_at > now]
    pending = (*(i for i in record.events.pending if i not in replaced), intent)
    record = replace(
        record,
        events=replace(
            record.events,
            pending=tuple(sorted(pending, key=lambda i: (i.effective_at, i.precedence))),
        ),
    )
    if intent not in record.scheduled:  # overtaken by the leave in force; kept for the same reason
        return _unchanged(record, intent, Outcome.STALE, now)
    when = intent.effective_at.isoformat()
    text = f"{described(intent)}{with_address(record, intent)}, to take effect at {when}"
    text += f"{unknown}{listed('replaces', replaced)}"
    return Decision(
        Outcome.SCHEDULED,
        with_announcement(
            record,
            News.SCHEDULED,
            now,
            reason=described(intent),
            effective_at=intent.effective_at,
            event_id=intent.event_id,
        ),
        entry_of(intent, Outcome.SCHEDULED, text, now),
    )


def _unchanged(record: Environment, intent: Intent, outcome: Outcome, now: datetime) -> Decision:
    why = {
        Outcome.DUPLICATE: "seen before; if it is a new event, send it with another event_id",
        Outcome.STALE: f"of {intent.occurred_at.isoformat()} is not newer than what is in force",
    }[outcome]
    text = f"{described(intent)} {why}"
    return Decision(outcome, record, entry_of(intent, outcome, text, now))
