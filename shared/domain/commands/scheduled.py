"""Announced events whose time has come. Pure.

The tick puts them in force within a minute. Whatever decides on a record before that tick does it
first, so that it decides in the order of the events.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.commands.decision import Outcome, entry_of
from shared.domain.commands.descriptions import described, listed, retirement
from shared.domain.commands.facts import intent_in_force, with_facts
from shared.domain.commands.intent import Intent
from shared.domain.commands.taking_effect import overtaken_by, put_in_force
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry


def with_due_intents(record: Environment, now: datetime) -> tuple[Environment, tuple[Entry, ...]]:
    """The record with the announced intents put in force that are due, and what its history says.

    One after the other, the soonest first, as if each had been put in force at its time: one may
    cancel another that was announced for later.
    """
    entries = []
    while (intent := record.next_due(now)) is not None:
        before, record = record, _promoted(record, intent, now)
        text = f"{intent.verb} announced earlier{_effect(before, record, intent)}"
        entries.append(entry_of(intent, Outcome.APPLIED, text, now))
    return record, tuple(entries)


def _promoted(record: Environment, intent: Intent, now: datetime) -> Environment:
    rest = tuple(i for i in record.events.pending if i is not intent)
    after = with_facts(replace(record, events=replace(record.events, pending=rest)), intent)
    newest = intent_in_force(after)
    if newest == record.events.in_force:
        return after
    return put_in_force(record, after, newest, now, since=intent.effective_at)


def _effect(before: Environment, after: Environment, intent: Intent) -> str:
    """What the promotion of ``intent`` has changed, in words that follow its verb."""
    newest = after.events.in_force
    if newest is None or newest == before.events.in_force:
        return retirement(after, intent)
    noted = "" if newest == intent else f" is noted; with it {described(newest)}"
    return f"{noted} is in force now{listed('cancels', overtaken_by(newest, before))}"
