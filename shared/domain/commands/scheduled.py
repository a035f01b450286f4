"""Puts scheduled intents in force that are due. Pure.

The tick does this within a minute. Every other decision about a record does it first, too, so that
intents take effect in the order of their times.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.commands.decision import Outcome, entry_of
from shared.domain.commands.descriptions import described, listed, retirement
from shared.domain.commands.facts import intent_in_force, with_facts
from shared.domain.commands.intent import Intent
from shared.domain.commands.taking_effect import cancelled_by, overtaken_by, put_in_force
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry


def with_due_intents(record: Environment, now: datetime) -> tuple[Environment, tuple[Entry, ...]]:
    """The record after all scheduled intents that are due took effect, and its history entries.

    They take effect one after the other, the earliest first, as if each had done so at its time:
    one may cancel another that is scheduled for later.
    """
    entries = []
    while (intent := record.next_due(now)) is not None:
        before, record = record, _in_effect(record, intent, now)
        text = f"scheduled {intent.verb}{_effect(before, record, intent)}"
        entries.append(entry_of(intent, Outcome.APPLIED, text, now))
        newest = record.events.in_force
        if newest is not None and newest != before.events.in_force:
            entries += cancelled_by(newest, before, now)
    return record, tuple(entries)


def _in_effect(record: Environment, intent: Intent, now: datetime) -> Environment:
    rest = tuple(i for i in record.events.pending if i is not intent)
    after = with_facts(replace(record, events=replace(record.events, pending=rest)), intent)
    newest = intent_in_force(after)
    if newest == record.events.in_force:
        return after
    return put_in_force(record, after, newest, now, since=intent.effective_at)


def _effect(before: Environment, after: Environment, intent: Intent) -> str:
    """What ``intent`` changed when it took effect, as a text that follows its verb."""
    newest = after.events.in_force
    if newest is None or newest == before.events.in_force:
        return retirement(after, intent)
    noted = "" if newest == intent else f" is noted; {described(newest)}"
    return f"{noted} is in force now{listed('cancels', overtaken_by(newest, before))}"
