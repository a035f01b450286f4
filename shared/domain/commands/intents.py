"""What an intent does to the record: nothing, or a new desired state. Pure, and order-free.

Intents are totally ordered (``Intent.precedence``). In force is the newest of those whose time has
come, except leaves of an address that was a former one by then; announced for later is the newest
join, and the newest leave of each address, if it is newer than that. Both depend on *which* events
came, not on the order they came in: late, repeated and reordered events do no harm.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from shared.domain.commands.descriptions import changes_of, described, listed
from shared.domain.contracts.announcements import News
from shared.domain.environment import Entry, Environment, Intent, Phase, Verb
from shared.domain.people.addresses import with_current as named_at
from shared.domain.people.addresses import with_former as replaced_at
from shared.domain.people.addresses import with_leave as left_at
from shared.domain.projections.offboarding_record import OffboardingRecord, amended, current, opened
from shared.domain.projections.outbox import with_announcement
from shared.domain.reconciliation.durations import unmet_since
from shared.domain.resources.resource import Resource

_REMEMBERED = 64  # event ids: enough for a publisher that repeats itself within days
_MOST_LEAVES = 16  # newer than the newest join


class Outcome(StrEnum):
    """How an event was handled; the history has one entry for each."""

    APPLIED = "applied"
    SCHEDULED = "scheduled"
    DUPLICATE = "duplicate"
    STALE = "stale"


class Decision(msgspec.Struct, frozen=True):
    """The outcome, the record as it should now be, and the history entry that says so."""

    outcome: Outcome
    environment: Environment
    entry: Entry


def apply_intent(
    environment: Environment | None, intent: Intent, key: str, now: datetime
) -> Decision:
    """Decide what ``intent`` means for the record of ``key`` (None: there is none yet)."""
    record = environment or Environment(
        key=key,
        person=intent.person,
        phase=Phase.REMOVED,
        created_at=now,
        updated_at=now,
    )
    if intent.idempotency_key in record.recent:
        return _unchanged(record, intent, Outcome.DUPLICATE, now)
    record = _with_id(remembered(record, intent.idempotency_key), intent)
    if intent.effective_at is not None and intent.effective_at > now:
        return _announced(record, intent, now)
    after = with_facts(record, intent)
    newest = intent_in_force(after)
    if newest == record.intent:
        return _without_effect(after, intent, now)
    text = f"{described(intent)} in force{changes_of(record, intent)}"
    if newest is not intent:
        noted = f"{described(intent)} noted{changes_of(record, intent)}"
        text = f"{noted}; with it {described(newest)} is in force"
    cancelled = listed("cancels", _overtaken(record, newest))
    return Decision(
        Outcome.APPLIED,
        put_in_force(record, after, newest, now),
        _entry(now, intent, Outcome.APPLIED, f"{text}{cancelled}"),
    )


def with_facts(record: Environment, intent: Intent) -> Environment:
    """The record with what ``intent`` says, which may be less than what newer ones said.

    The result does not depend on the order in which intents are added.
    """
    at, email = intent.occurred_at, intent.person.email
    if intent.verb is Verb.JOIN:
        addresses = named_at(record.addresses, email, at)
        if intent.previous_email:
            addresses = replaced_at(addresses, intent.previous_email, at)
        record = _with_join(replace(record, addresses=addresses), intent)
    else:
        addresses = left_at(record.addresses, email, at)
        # An older one may be of the person, and a newer one of what is a former address by then.
        leaves = sorted({*record.leaves, intent}, key=lambda i: i.precedence)[-_MOST_LEAVES:]
        record = replace(record, addresses=addresses, leaves=tuple(leaves))
    record = _with_id(record, intent)
    joined = record.joined
    if joined is None:
        return record
    return replace(
        record,
        leaves=tuple(i for i in record.leaves if i.precedence > joined.precedence),
        pending=tuple(i for i in record.pending if i.precedence > joined.precedence),
    )


def newest_of_each(intents: Iterable[Intent]) -> tuple[Intent, ...]:
    """Of several intents the newest join, and the newest leave of each address."""
    newest = {_about(i): i for i in sorted(intents, key=lambda i: i.precedence)}
    return tuple(sorted(newest.values(), key=lambda i: i.precedence))


def _about(intent: Intent) -> tuple[Verb, str]:
    """A newer intent about the same takes the place of an older one."""
    return intent.verb, intent.person.email if intent.verb is Verb.LEAVE else ""


def _with_id(record: Environment, intent: Intent) -> Environment:
    """The record with the person id; it is the same in all events that name one."""
    person = record.person
    if person.person_id is not None or intent.person.person_id is None:
        return record
    return replace(record, person=replace(person, person_id=intent.person.person_id))


def intent_in_force(record: Environment) -> Intent:
    """The intent in force by all that the record knows: its newest join, or a leave after that.

    A leave of a former address ends that address alone: the person stays. One of an address that
    is not known to be theirs was matched by their person id, and counts.
    """
    joined = record.joined
    leaves = [i for i in record.leaves if not _of_former_address(record, i)]
    newest = max(leaves, key=lambda i: i.precedence, default=joined)
    assert newest is not None, "there is at least one intent"
    return newest


def _of_former_address(record: Environment, leave: Intent) -> bool:
    """Whether the address that ``leave`` names was a former one by then."""
    joined = record.joined
    address = next((a for a in record.addresses if a.email == leave.person.email), None)
    if joined is None or address is None or address.until is None:
        return False
    until = address.until
    if until == joined.occurred_at and joined.effective_at is not None:
        until = max(until, joined.effective_at)  # they had it until the change took effect
    return until <= leave.occurred_at


def _without_effect(record: Environment, intent: Intent, now: datetime) -> Decision:
    """The ruling about an intent that leaves the desired state as it is."""
    if not _is_void(record, intent):
        return _unchanged(record, intent, Outcome.STALE, now)
    text = f"{described(intent)}{_retires(record, intent)}"
    return Decision(Outcome.APPLIED, record, _entry(now, intent, Outcome.APPLIED, text))


def _is_void(record: Environment, intent: Intent) -> bool:
    """Whether it is a leave of an address that was a former one by then, and the last of it."""
    retired = {a.email: a.retired_at for a in record.addresses}
    leave = intent.verb is Verb.LEAVE
    return leave and retired.get(intent.person.email) == intent.occurred_at


def _retires(record: Environment, intent: Intent) -> str:
    stays = "" if record.leaving else " and stays"
    return (
        f" of {intent.person.email}, a former address: it is retired; "
        f"the person is {record.person.email} now{stays}"
    )


def remembered(environment: Environment, idempotency_key: str) -> Environment:
    """The record that remembers an event or command by its key, to recognise repeats."""
    return replace(environment, recent=(*environment.recent, idempotency_key)[-_REMEMBERED:])


def with_due_intents(environment: Environment, now: datetime) -> Environment:
    """The record with the announced intents put in force whose time has come, the newest last."""
    for intent in _ripe(environment, now):
        environment = _promoted(environment, intent, now)
    return environment


def _promoted(environment: Environment, intent: Intent, now: datetime) -> Environment:
    rest = tuple(i for i in environment.pending if i is not intent)
    after = with_facts(replace(environment, pending=rest), intent)
    newest = intent_in_force(after)
    if newest == environment.intent:
        return after
    return put_in_force(environment, after, newest, now, since=intent.effective_at)


def entries_of_due_intents(environment: Environment, now: datetime) -> tuple[Entry, ...]:
    """What the history should say of ``in_force``: each intent that took effect, in that order."""
    entries = []
    for intent in _ripe(environment, now):
        after = _promoted(environment, intent, now)
        text = f"{intent.verb} announced earlier"
        if _is_void(after, intent):
            text += _retires(after, intent)
        else:
            text += f" is in force now{listed('cancels', _overtaken(environment, intent))}"
        environment = after
        entries.append(_entry(now, intent, Outcome.APPLIED, text))
    return tuple(entries)


def _ripe(environment: Environment, now: datetime) -> list[Intent]:
    ripe = [i for i in environment.scheduled if i.effective_at is None or i.effective_at <= now]
    return sorted(ripe, key=lambda i: i.precedence)


def _overtaken(environment: Environment, intent: Intent) -> list[Intent]:
    """The announced intents that do not take effect once ``intent`` is in force."""
    return [i for i in environment.scheduled if i.precedence < intent.precedence]


def put_in_force(
    before: Environment,
    after: Environment,
    intent: Intent,
    now: datetime,
    *,
    since: datetime | None = None,
) -> Environment:
    """The record ``after`` an event with ``intent`` as the desired state, ``since`` then (None:
    now); ``before`` is the record before that event.

    Every resource is looked at again, so that one that somebody else deleted is created again.
    Failures are reset too, so that a person who fixes something and sends the event again doesn't
    wait for the back-off. Only a return from leaving starts a stopped notebook: its owner, or idle
    shutdown, may have stopped it.
    """
    returns = before.leaving and intent.verb is Verb.JOIN
    stays = intent.verb is Verb.JOIN
    resources = tuple(_looked_at(r, now, returns=returns, stays=stays) for r in after.resources)
    environment = replace(
        after,
        intent=intent,
        resources=resources,
        losses=() if before.intent and not before.leaving else after.losses,
        due_at=now,
        unmet_since=unmet_since(before, intent, since or now),
    )
    for overtaken in _overtaken(before, intent):
        environment = _cancelled(environment, overtaken, intent, now)
    if intent.verb is Verb.JOIN:
        return _returned(environment, now)
    # A second leave doesn't start the grace period again, except of somebody who was removed: what
    # is found of them now has been made since.
    left_at = None if before.phase is Phase.REMOVED else environment.left_at
    environment = replace(environment, left_at=left_at or now, sought_at=None)
    return replace(environment, leavings=_leavings(environment, intent))


def _looked_at(resource: Resource, now: datetime, *, returns: bool, stays: bool) -> Resource:
    holds_data = resource.kind.holds_data
    return replace(
        resource.to_retry(now),
        access=replace(
            resource.access, start_owed=resource.access.start_owed or (returns and holds_data)
        ),
        # Differences from the profile are corrected again, too.
        settings=replace(resource.settings, digest="" if holds_data else resource.settings.digest),
        # Whose address changes before they were told of it can't have worked in it. What a leaver
        # has is saved all the same: an older record, brought back, may not know that it was used.
        usage=replace(
            resource.usage,
            unused=holds_data
            and not resource.usage.was_ready
            and (stays or bool(resource.data.restore_from)),
        ),
    )


def _cancelled(
    environment: Environment, overtaken: Intent, by: Intent, now: datetime
) -> Environment:
    """Announce the cancellation of an intent that was announced as scheduled."""
    return with_announcement(
        environment,
        News.CANCELLED,
        now,
        reason=f"{described(overtaken)}: overtaken by {described(by)} of event {by.event_id}",
        effective_at=overtaken.effective_at,
        event_id=overtaken.event_id,
    )


def _returned(environment: Environment, now: datetime) -> Environment:
    leaving = current(environment.leavings)
    if leaving is not None:
        returned = amended(environment.leavings, replace(leaving, returned_at=now))
        environment = replace(environment, leavings=returned)
    return replace(environment, left_at=None)


def _leavings(environment: Environment, intent: Intent) -> tuple[OffboardingRecord, ...]:
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
    leaving = OffboardingRecord(
        event_id=intent.event_id,
        source=intent.source,
        occurred_at=intent.occurred_at,
        left_at=environment.left_at,
        removal_at=environment.removal_at,
        immediate=intent.immediate,
        reason=intent.reason,
    )
    return opened(environment.leavings, leaving)


def _with_join(record: Environment, intent: Intent) -> Environment:
    """The record with what a join says of the person, if it is the newest to say so."""
    joined, person = record.joined, record.person
    if joined is not None and intent.precedence < joined.precedence:
        return record
    return replace(
        record,
        joined=intent,
        person=replace(intent.person, person_id=intent.person.person_id or person.person_id),
        profile=intent.profile,
        grace_seconds=intent.grace_seconds,
        keep_seconds=intent.keep_seconds,
    )


def _announced(record: Environment, intent: Intent, now: datetime) -> Decision:
    """An intent for later: it replaces an older announcement of the same, and no other."""
    assert intent.effective_at is not None
    same = [i for i in record.pending if _about(i) == _about(intent)]
    known = [i.precedence for i in (record.joined, *same) if i is not None]
    if any(intent.precedence < order for order in known):
        return _unchanged(record, intent, Outcome.STALE, now)
    # What has become due by now is no announcement any more: the next look puts it in force.
    replaced = [i for i in same if i.effective_at is None or i.effective_at > now]
    pending = (*(i for i in record.pending if i not in replaced), intent)
    record = replace(
        record, pending=tuple(sorted(pending, key=lambda i: (i.effective_at, i.precedence)))
    )
    if intent not in record.scheduled:  # kept, should the leave in force turn out to be void
        return _unchanged(record, intent, Outcome.STALE, now)
    when = intent.effective_at.isoformat()
    text = f"{described(intent)}, to take effect at {when}{listed('replaces', replaced)}"
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
        _entry(now, intent, Outcome.SCHEDULED, text),
    )


def _unchanged(record: Environment, intent: Intent, outcome: Outcome, now: datetime) -> Decision:
    why = {
        Outcome.DUPLICATE: "seen before; if it is meant anew, send it with another event_id",
        Outcome.STALE: f"of {intent.occurred_at.isoformat()} is older than what is in force",
    }[outcome]
    return Decision(outcome, record, _entry(now, intent, outcome, f"{described(intent)} {why}"))


def _entry(now: datetime, intent: Intent, outcome: Outcome, text: str) -> Entry:
    return Entry(at=now, action=f"intent.{outcome}", text=text, event_id=intent.event_id)
