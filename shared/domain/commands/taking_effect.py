"""What changes when an intent comes into force: resources, status, leaving record. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.commands.decision import cancelled_entry
from shared.domain.commands.descriptions import described
from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.announcements import News
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry
from shared.domain.projections.offboarding_record import OffboardingRecord, amended, current, opened
from shared.domain.projections.outbox import with_announcement
from shared.domain.reconciliation.durations import unmet_since
from shared.domain.resources.resource import Resource
from shared.domain.status import Phase


def put_in_force(
    before: Environment,
    after: Environment,
    intent: Intent,
    now: datetime,
    *,
    since: datetime | None = None,
) -> Environment:
    """The record ``after`` an event, with ``intent`` in force.

    ``before``: the record before that event. ``since``: when the intent took effect; None: now.

    Every resource is observed again, so that one that somebody else deleted is created again.
    Failures are reset, so that somebody who corrects something and resends the event doesn't wait
    for the back-off. A stopped notebook is started only for a person who returns: otherwise its
    owner, or idle shutdown, may have stopped it.
    """
    returns = before.leaving and intent.verb is Verb.JOIN
    resources = tuple(_to_converge(r, now, returns=returns) for r in after.resources)
    record = replace(
        after,
        events=replace(after.events, in_force=intent),
        resources=resources,
        status=replace(
            after.status,
            losses=() if before.events.in_force and not before.leaving else after.status.losses,
            due_at=now,
            unmet_since=unmet_since(before, intent, since or now),
        ),
    )
    for overtaken in overtaken_by(intent, before):
        record = _cancelled(record, overtaken, intent, now)
    if intent.verb is Verb.JOIN:
        return _returned(record, now)
    # A second leave doesn't restart the grace period, except after the removal: resources that are
    # found now were created since.
    left_at = None if before.status.phase is Phase.REMOVED else record.departure.left_at
    record = replace(
        record,
        departure=replace(record.departure, left_at=left_at or now, sought_at=None),
    )
    records = _with_leaving_record(record, intent)
    return replace(record, departure=replace(record.departure, records=records))


def overtaken_by(intent: Intent, record: Environment) -> list[Intent]:
    """The scheduled intents that do not take effect once ``intent`` is in force."""
    return [i for i in record.scheduled if i.precedence < intent.precedence]


def cancelled_by(intent: Intent, record: Environment, now: datetime) -> tuple[Entry, ...]:
    """The history entries of the scheduled intents that ``overtaken_by`` names."""
    return tuple(cancelled_entry(i, intent, now) for i in overtaken_by(intent, record))


def _to_converge(resource: Resource, now: datetime, *, returns: bool) -> Resource:
    """``resource`` after a new intent came into force.

    ``returns``: of a person who was leaving.
    """
    holds_data = resource.kind.holds_data
    return replace(
        resource.to_retry(now),
        access=replace(
            resource.access, start_owed=resource.access.start_owed or (returns and holds_data)
        ),
        # Without a digest, the notebook is compared with its manifest again.
        settings=replace(resource.settings, digest="" if holds_data else resource.settings.digest),
    )


def _cancelled(record: Environment, overtaken: Intent, by: Intent, now: datetime) -> Environment:
    """The record with the announcement that a scheduled intent is cancelled."""
    return with_announcement(
        record,
        News.CANCELLED,
        now,
        reason=f"{described(overtaken)}: overtaken by {described(by)} of event {by.event_id}",
        effective_at=overtaken.effective_at,
        event_id=overtaken.event_id,
    )


def _returned(record: Environment, now: datetime) -> Environment:
    leaving = current(record.departure.records)
    if leaving is not None:
        returned = amended(record.departure.records, replace(leaving, returned_at=now))
        record = replace(record, departure=replace(record.departure, records=returned))
    return replace(record, departure=replace(record.departure, left_at=None))


def _with_leaving_record(record: Environment, intent: Intent) -> tuple[OffboardingRecord, ...]:
    """The leaving records with one for the leave ``intent``."""
    assert record.departure.left_at is not None
    leaving = current(record.departure.records)
    if leaving is not None:  # a second leave: it may be immediate, or ask for another search
        leaving = replace(
            leaving,
            removal_at=record.removal_at,
            immediate=intent.immediate,
            completed_at=None,
        )
        return amended(record.departure.records, leaving)
    leaving = OffboardingRecord(
        event_id=intent.event_id,
        source=intent.source,
        occurred_at=intent.occurred_at,
        left_at=record.departure.left_at,
        removal_at=record.removal_at,
        immediate=intent.immediate,
        reason=intent.reason,
    )
    return opened(record.departure.records, leaving)
