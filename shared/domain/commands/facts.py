"""Which intent is in force, by all events about a person. Pure.

Intents are totally ordered (``Intent.precedence``). In force is the newest one that is due, except
for leaves of an address that was a former one by then. The result depends on *which* events
arrived, not on their order, so late, repeated and reordered events do no harm.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from shared.domain.commands.intent import Intent, Verb
from shared.domain.environment import Environment, Terms
from shared.domain.people.addresses import with_current, with_former, with_last, with_leave

_MOST_JOINS = 16  # of one moment
_MOST_LEAVES = 16  # of those newer than the newest join; keeps the record small


def with_facts(record: Environment, intent: Intent) -> Environment:
    """The record with the facts of ``intent``; they don't replace those of newer intents.

    The result does not depend on the order in which intents are added.
    """
    at, email = intent.occurred_at, intent.person.email
    if intent.verb is Verb.JOIN:
        addresses = with_current(record.addresses, email, at)
        if intent.previous_email:
            addresses = with_former(addresses, intent.previous_email, at)
        record = _with_join(replace(record, addresses=addresses), intent)
    else:
        addresses = with_leave(record.addresses, email, at)
        # Several are kept: the newest may turn out to be of a former address, then an older counts.
        leaves = sorted({*record.events.leaves, intent}, key=lambda i: i.precedence)[-_MOST_LEAVES:]
        record = replace(
            record, addresses=addresses, events=replace(record.events, leaves=tuple(leaves))
        )
    record = with_person_id(record, intent)
    joined = record.events.joined
    if joined is None:
        return record
    return replace(
        record,
        addresses=with_last(record.addresses, joined.person.email),
        events=replace(
            record.events,
            leaves=tuple(i for i in record.events.leaves if i.precedence > joined.precedence),
            # Of one moment, another join may turn out to be the newest.
            pending=tuple(i for i in record.events.pending if i.occurred_at >= joined.occurred_at),
        ),
    )


def with_person_id(record: Environment, intent: Intent) -> Environment:
    """The record with the person id of ``intent``; all events that have one have the same."""
    person = record.person
    if person.person_id is not None or intent.person.person_id is None:
        return record
    return replace(record, person=replace(person, person_id=intent.person.person_id))


def intent_in_force(record: Environment) -> Intent:
    """The intent in force: the newest join in the record, or a newer leave.

    A leave of a former address retires only that address; the person stays. A leave of an address
    that the record doesn't have was found by the person id, and counts.
    """
    newest = max(leaves_of_person(record), key=lambda i: i.precedence, default=record.events.joined)
    assert newest is not None, "there is at least one intent"
    return newest


def leaves_of_person(record: Environment) -> list[Intent]:
    """The leaves newer than the newest join, without those of an address that was a former one."""
    return [leave for leave in record.events.leaves if not _of_former_address(record, leave)]


def retires_address(record: Environment, intent: Intent) -> bool:
    """Whether ``intent`` is the newest leave of an address that was a former one by then."""
    retired = {a.retired_at for a in record.addresses if a.email == intent.person.email}
    return intent.verb is Verb.LEAVE and intent.occurred_at in retired


def newest_of_each(intents: Iterable[Intent]) -> tuple[Intent, ...]:
    """The newest join, and the newest leave of each address, of ``intents``."""
    newest = {what_it_is_about(i): i for i in sorted(intents, key=lambda i: i.precedence)}
    return tuple(sorted(newest.values(), key=lambda i: i.precedence))


def what_it_is_about(intent: Intent) -> tuple[Verb, str]:
    """The subject of a scheduled intent; a newer one with the same subject replaces it."""
    return intent.verb, intent.person.email if intent.verb is Verb.LEAVE else ""


def _with_join(record: Environment, intent: Intent) -> Environment:
    """The record with ``intent`` among its joins, and the person and terms of the newest of them.

    Of the joins of one moment, one whose address was given up then is the older one.
    """
    known = {join for join in (record.events.joined, *record.events.also_joined) if join}
    moment = max(join.occurred_at for join in (*known, intent))
    given_up = {a.email for a in record.addresses if moment in a.replaced}

    def order(join: Intent) -> tuple[object, ...]:
        return join.person.email not in given_up, join.precedence, join is intent

    newest = [join for join in (*known, intent) if join.occurred_at == moment]
    *others, joined = sorted(newest, key=order)
    others = [join for join in others if join.idempotency_key != joined.idempotency_key]
    events = replace(record.events, joined=joined, also_joined=tuple(others[-_MOST_JOINS:]))
    if joined is record.events.joined:
        return replace(record, events=events)
    return replace(
        record,
        events=events,
        person=replace(joined.person, person_id=joined.person.person_id or record.person.person_id),
        terms=Terms(
            profile=joined.profile,
            grace_seconds=joined.grace_seconds,
            keep_seconds=joined.keep_seconds,
        ),
    )


def _of_former_address(record: Environment, leave: Intent) -> bool:
    """Whether the address that ``leave`` names was a former one by then."""
    joined = record.events.joined
    at = leave.occurred_at
    periods = [a for a in record.addresses if a.email == leave.person.email]
    if joined is None or any(a.is_theirs_at(at) for a in periods):
        return False
    ended = [a.until for a in periods if a.until is not None and a.until <= at]
    if joined.occurred_at in ended and joined.effective_at is not None:
        return joined.effective_at <= at  # they had it until the change took effect
    return bool(ended)
