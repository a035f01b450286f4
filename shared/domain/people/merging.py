"""Makes one record of two that turn out to be of one person. Pure.

There are two if an event about a new address arrives before the event that says whose address it
is. Everything in the duplicate is moved into the person's record. The duplicate gets a note in the
same commit, and nothing acts on it afterwards.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from shared.domain.commands.facts import intent_in_force, newest_of_each, with_facts
from shared.domain.commands.holds import united as united_holds
from shared.domain.commands.holds import with_release
from shared.domain.commands.scheduled import with_due_intents
from shared.domain.commands.taking_effect import cancelled_by, put_in_force
from shared.domain.environment import Environment
from shared.domain.people.addresses import united
from shared.domain.projections.entry import Entry
from shared.domain.projections.offboarding_record import amended, current
from shared.domain.reconciliation.retention import newest_snapshot
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.resource import Resource
from shared.domain.status import Health, Phase

_REMEMBERED = 64


class Merge(msgspec.Struct, frozen=True):
    """Two records after they were merged, each with its history entries."""

    record: Environment
    duplicate: Environment
    entries: tuple[Entry, ...]
    duplicate_entries: tuple[Entry, ...]


def merge(
    record: Environment, duplicate: Environment, now: datetime, *, event_id: str = ""
) -> Merge:
    """Merge ``duplicate`` into ``record``; ``event_id``: of the event that shows that they are one.

    Scheduled intents that are due take effect first, each in the record that has it.
    """
    record, due = with_due_intents(record, now)
    duplicate, due_there = with_due_intents(duplicate, now)
    entry, entry_there = entries_of(record, duplicate, now, event_id)
    one = merged(record, duplicate, now)
    newest = one.events.in_force
    cancelled: tuple[Entry, ...] = ()
    if newest is not None:
        cancelled = (*cancelled_by(newest, record, now), *cancelled_by(newest, duplicate, now))
    return Merge(
        record=one,
        duplicate=emptied(duplicate, record.key, now),
        entries=(*due, *cancelled, entry),
        duplicate_entries=(*due_there, entry_there),
    )


def merged(record: Environment, duplicate: Environment, now: datetime) -> Environment:
    """``record`` with everything of ``duplicate``, whose resources keep its key."""
    before = record
    taken_over = _taken_over(record, duplicate, now)
    record = replace(
        record,
        addresses=united(record.addresses, duplicate.addresses),
        merged=tuple(dict.fromkeys((*record.merged, *duplicate.keys))),
        events=replace(
            record.events, recent=(*duplicate.events.recent, *record.events.recent)[-_REMEMBERED:]
        ),
        holds=replace(
            record.holds, in_force=united_holds(record.holds.in_force, duplicate.holds.in_force)
        ),
        resources=(*record.resources, *taken_over),
        status=replace(
            record.status, losses=(*record.status.losses, *duplicate.status.losses), due_at=now
        ),
    )
    for release in duplicate.holds.releases:
        record = replace(
            record,
            holds=replace(record.holds, releases=with_release(record.holds.releases, release)),
        )
    theirs = duplicate.events
    for intent in (theirs.joined, *theirs.also_joined, *theirs.leaves):
        if intent is not None:
            record = with_facts(record, intent)
    joined = record.events.joined
    pending = newest_of_each((*record.events.pending, *duplicate.events.pending))
    newer = [i for i in pending if joined is None or i.occurred_at >= joined.occurred_at]
    pending = tuple(sorted(newer, key=lambda i: (i.effective_at, i.precedence)))
    person_id = record.person.person_id or duplicate.person.person_id
    record = replace(
        record,
        events=replace(record.events, pending=pending),
        person=replace(record.person, person_id=person_id),
    )
    if record.events.joined is None and not record.events.leaves:
        return record
    newest = intent_in_force(record)
    if newest != before.events.in_force:
        record = put_in_force(before, record, newest, now)
    if record.leaving and record.status.unmet_since is None and not all(map(_is_copy, taken_over)):
        # Something of the other record may run.
        record = replace(record, status=replace(record.status, unmet_since=now))
    return record


def emptied(duplicate: Environment, key: str, now: datetime) -> Environment:
    """What is left of ``duplicate`` once the record of ``key`` has taken it over."""
    leaving, leavings = current(duplicate.departure.records), duplicate.departure.records
    if leaving is not None:
        # The leave continues in the other record; no final search must run for this one.
        leavings = amended(leavings, replace(leaving, returned_at=now))
    return replace(
        duplicate,
        addresses=(),
        merged_into=key,
        person=replace(duplicate.person, person_id=None),
        status=replace(
            duplicate.status,
            phase=Phase.REMOVED,
            health=Health.OK,
            problem="",
            problem_codes=(),
            losses=(),
            unmet_since=None,
            due_at=now if duplicate.outbox.waiting else None,
        ),
        events=replace(
            duplicate.events, in_force=None, joined=None, also_joined=(), leaves=(), pending=()
        ),
        departure=replace(duplicate.departure, left_at=None, records=leavings),
        resources=(),
        holds=replace(duplicate.holds, in_force=()),
        lease=None,
        updated_at=now,
    )


def entries_of(
    record: Environment, duplicate: Environment, now: datetime, event_id: str = ""
) -> tuple[Entry, Entry]:
    """The history entries about the merge: for the record, and for the duplicate."""
    taken = f"the record {duplicate.key} of {duplicate.person.email} is of the same person"
    here = f"{taken}; it is merged into this one"
    there = f"merged into {record.key}, the same person"
    return (
        Entry(at=now, action="record.merged", text=here, event_id=event_id),
        Entry(at=now, action="record.merged", text=there, event_id=event_id),
    )


def _taken_over(record: Environment, duplicate: Environment, now: datetime) -> list[Resource]:
    """The resources of ``duplicate`` under ids that are free in ``record``."""
    has_work = bool(newest_snapshot(record)) or any(
        r.usage.was_ready for r in record.resources if r.kind is Kind.WORKBENCH
    )
    moved = {r.slot: f"{r.slot}-{duplicate.key[-4:]}" for r in duplicate.resources if _is_copy(r)}
    taken: list[Resource] = []
    for resource in duplicate.resources:
        if resource.kind.is_workload or (
            resource.state is State.ABSENT and not _may_still_change(resource)
        ):
            continue  # nothing to keep: a leave searches for workloads under every key
        own = replace(resource, key=resource.key or duplicate.key)
        if _is_copy(own):
            handed_over = own.data.handed_over or has_work
            own = replace(
                own, slot=moved[own.slot], data=replace(own.data, handed_over=handed_over)
            )
        else:
            generation = max(r.generation for r in (own, *record.resources, *taken)) + 1
            own = replace(
                own,
                superseded=True,
                generation=generation,
                access=replace(own.access, start_owed=False, consent_check_at=None),
                data=replace(
                    own.data,
                    # Nobody waits for the data of a notebook that was never ready.
                    handed_over=has_work or not own.usage.was_ready,
                    saved_in=moved.get(own.data.saved_in, ""),
                ),
                owner=own.owner or duplicate.person.email,
                creation=replace(own.creation, queued_at=None),
                observe_at=now,
            )
        taken.append(own)
    return taken


def _is_copy(resource: Resource) -> bool:
    return resource.kind in (Kind.SNAPSHOT, Kind.DISK)


def _may_still_change(resource: Resource) -> bool:
    return resource.in_flight is not None or bool(resource.unconfirmed)
