"""Announced events whose time has come. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.commands.decision import Outcome, entry_of
from shared.domain.commands.descriptions import listed, retirement
from shared.domain.commands.facts import intent_in_force, retires_address, with_facts
from shared.domain.commands.taking_effect import overtaken_by, put_in_force
from shared.domain.environment import Entry, Environment, Intent


def with_due_intents(record: Environment, now: datetime) -> tuple[Environment, tuple[Entry, ...]]:
    """The record with the announced intents put in force whose time has come, the newest last.

    With it what the history should say: each intent that took effect, in that order.
    """
    entries = []
    for intent in _due(record, now):
        before, record = record, _promoted(record, intent, now)
        text = _text(before, record, intent)
        entries.append(entry_of(intent, Outcome.APPLIED, text, now))
    return record, tuple(entries)


def _due(record: Environment, now: datetime) -> list[Intent]:
    due = [i for i in record.scheduled if i.effective_at is None or i.effective_at <= now]
    return sorted(due, key=lambda i: i.precedence)


def _promoted(record: Environment, intent: Intent, now: datetime) -> Environment:
    rest = tuple(i for i in record.pending if i is not intent)
    after = with_facts(replace(record, pending=rest), intent)
    newest = intent_in_force(after)
    if newest == record.intent:
        return after
    return put_in_force(record, after, newest, now, since=intent.effective_at)


def _text(before: Environment, after: Environment, intent: Intent) -> str:
    text = f"{intent.verb} announced earlier"
    if retires_address(after, intent):
        return f"{text}{retirement(after, intent)}"
    return f"{text} is in force now{listed('cancels', overtaken_by(intent, before))}"
