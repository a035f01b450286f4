"""The outcome of an event or admin command: what intake saves, logs and reports. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from shared.domain.commands.descriptions import cancellation
from shared.domain.commands.intent import Intent
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry, Event

_REMEMBERED = 64  # idempotency keys: enough to recognise repeats within days


class Outcome(StrEnum):
    """How an event was handled; the history has one entry for each."""

    APPLIED = "applied"
    SCHEDULED = "scheduled"
    DUPLICATE = "duplicate"
    STALE = "stale"


class Decision(msgspec.Struct, frozen=True):
    """The outcome, the record to save, and its history entry.

    ``due``: the entries of scheduled intents that were due and took effect first
    (``commands.scheduled``). ``cancelled``: those of scheduled intents that it cancels.
    """

    outcome: Outcome
    environment: Environment
    entry: Entry
    due: tuple[Entry, ...] = ()
    cancelled: tuple[Entry, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All history entries, in their order."""
        return (*self.due, self.entry, *self.cancelled)


def with_merging(decision: Decision, merged: Sequence[str]) -> Decision:
    """The decision about an event that the records of the keys ``merged`` were merged for.

    It has had an effect by that, even if it is not newer than what is in force.
    """
    if not merged:
        return decision
    outcome = Outcome.APPLIED if decision.outcome is Outcome.STALE else decision.outcome
    records = f"the record{'s' if len(merged) > 1 else ''} {', '.join(merged)}"
    text = f"it merged {records} into {decision.environment.key}, the same person"
    entry = replace(
        decision.entry, action=f"intent.{outcome}", text=f"{decision.entry.text}; {text}"
    )
    return replace(decision, outcome=outcome, entry=entry)


def remembered(record: Environment, idempotency_key: str) -> Environment:
    """The record with the key of an event or command noted, to recognise repeats."""
    return replace(
        record,
        events=replace(
            record.events, recent=(*record.events.recent, idempotency_key)[-_REMEMBERED:]
        ),
    )


def entry_of(intent: Intent, outcome: Outcome, text: str, now: datetime) -> Entry:
    """The history entry about ``intent``."""
    return _entry(intent, outcome, text, now)


def cancelled_entry(intent: Intent, by: Intent, now: datetime) -> Entry:
    """The history entry about a scheduled ``intent`` that ``by`` cancels."""
    return _entry(intent, "cancelled", cancellation(intent, by), now)


def _entry(intent: Intent, outcome: str, text: str, now: datetime) -> Entry:
    event = Event(
        verb=intent.verb,
        email=intent.person.email,
        source=intent.source,
        occurred_at=intent.occurred_at,
        effective_at=intent.effective_at,
    )
    return Entry(
        at=now, action=f"intent.{outcome}", text=text, event_id=intent.event_id, event=event
    )
