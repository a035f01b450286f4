"""What an admin command does to a record: hold, release, retry, recreate the notebook. Pure.

A command never changes the intent in force, and a join or leave never lifts a hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from shared.domain.commands.admin_action import AdminAction
from shared.domain.commands.decision import Decision, Outcome, remembered
from shared.domain.commands.holds import Hold, Release, described, release_of, used_up, with_release
from shared.domain.commands.scheduled import with_due_intents
from shared.domain.contracts.announcements import News
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry
from shared.domain.projections.outbox import with_announcement
from shared.domain.resources.kinds import State
from shared.domain.resources.resource import Resource


class AdminCommand(msgspec.Struct, frozen=True, kw_only=True):
    """An admin event after it was read and checked.

    ``email``, ``person_id``, ``key`` identify the person; at least one of them is set, the others
    are ''. ``by``: who gave the command according to the message, or ''. ``hold``: for a hold, its
    id ('': use the id of the event); for a release, the id of the hold to lift, ``ALL``, or '':
    the only hold in force.
    """

    action: AdminAction
    event_id: str
    source: str
    occurred_at: datetime
    reason: str
    email: str = ""
    person_id: str = ""
    key: str = ""
    by: str = ""
    hold: str = ""

    @property
    def idempotency_key(self) -> str:
        """Identifies repeats. The action is part of it: a hold and its release may share an id."""
        return f"{self.action} {self.source} {self.event_id}"

    @property
    def named(self) -> tuple[str, str]:
        """The field that identifies the person, and its value."""
        if self.email:
            return "email", self.email
        return ("person_id", self.person_id) if self.person_id else ("key", self.key)


def apply_command(environment: Environment, command: AdminCommand, now: datetime) -> Decision:
    """The record after ``command``, and its history entry.

    Scheduled intents that are due take effect first; after a duplicate, the tick does that. Raises
    ``Rejected`` for a release that doesn't say which of several holds it lifts, and for a recreate
    if there is no notebook to replace.
    """
    if command.idempotency_key in environment.events.recent:
        return _decision(environment, command, Outcome.DUPLICATE, " seen before", now)
    record, due = with_due_intents(environment, now)
    record = remembered(record, command.idempotency_key)
    return replace(_carried_out(record, command, now), due=due)


def _carried_out(environment: Environment, command: AdminCommand, now: datetime) -> Decision:
    match command.action:
        case AdminAction.HOLD:
            return _held(environment, command, now)
        case AdminAction.RELEASE:
            return _released(environment, command, now)
        case AdminAction.RETRY:
            retried = with_failures_forgotten(environment, now)
            return _decision(retried, command, Outcome.APPLIED, "", now)
        case AdminAction.RECREATE:
            return _recreated(environment, command, now)
    assert_never(command.action)


def with_failures_forgotten(environment: Environment, now: datetime) -> Environment:
    """The record without its failures: every resource is observed and tried again now."""
    resources = tuple(_without_failures(r, now) for r in environment.resources)
    return replace(environment, resources=resources, status=replace(environment.status, due_at=now))


def _without_failures(resource: Resource, now: datetime) -> Resource:
    return replace(resource.to_retry(now), creation=replace(resource.creation, tried=()))


def _recreated(environment: Environment, command: AdminCommand, now: datetime) -> Decision:
    notebook = environment.notebook
    if environment.leaving or environment.events.in_force is None or notebook is None:
        why = "is leaving" if environment.leaving else "has no notebook"
        field, value = command.named
        raise Rejected(
            RejectionCode.NOTHING_TO_RECREATE,
            f"{field}: {value} {why}, so there is nothing to recreate; send the "
            "command again once they have one",
        )
    if notebook.state is State.ABSENT:
        text = f"; {notebook.id} is not created yet and will be created from the current profile"
        environment = with_failures_forgotten(environment, now)
        return _decision(environment, command, Outcome.APPLIED, text, now)
    environment = environment.with_resource(replace(notebook, recreate=True))
    return _decision(with_failures_forgotten(environment, now), command, Outcome.APPLIED, "", now)


def _held(environment: Environment, command: AdminCommand, now: datetime) -> Decision:
    """Record the hold; observe notebooks now, so that they are soon protected from deletion."""
    hold = Hold(
        id=command.hold or command.event_id,
        at=now,
        reason=command.reason,
        by=command.by,
        given_at=command.occurred_at,
    )
    release = release_of(environment.holds.releases, hold)
    if release is not None:
        environment = replace(
            environment,
            holds=replace(
                environment.holds, releases=used_up(environment.holds.releases, release, hold)
            ),
        )
        text = f" of {command.occurred_at.isoformat()} is older than its release"
        return _decision(environment, command, Outcome.STALE, text, now)
    if any(known.id == hold.id for known in environment.holds.in_force):
        environment = replace(
            environment,
            holds=replace(environment.holds, in_force=_confirmed(environment.holds.in_force, hold)),
            status=replace(environment.status, due_at=now),
        )
        return _decision(environment, command, Outcome.APPLIED, "; in force already", now)
    resources = tuple(r.to_observe(now) if r.kind.holds_data else r for r in environment.resources)
    holds = (*environment.holds.in_force, hold)
    environment = replace(
        environment,
        holds=replace(environment.holds, in_force=holds),
        resources=resources,
        status=replace(environment.status, due_at=now),
    )
    environment = with_announcement(
        environment, News.HELD, now, reason=command.reason, hold=hold.id
    )
    return _decision(environment, command, Outcome.APPLIED, "", now)


def _confirmed(holds: Sequence[Hold], again: Hold) -> tuple[Hold, ...]:
    """``holds`` after a repeated hold: the first one's time and reason are kept."""
    return tuple(
        replace(hold, given_at=max(hold.given_at or hold.at, again.given_at or again.at))
        if hold.id == again.id
        else hold
        for hold in holds
    )


def _released(environment: Environment, command: AdminCommand, now: datetime) -> Decision:
    holds = environment.holds.in_force
    name = command.hold
    if not name and len(holds) > 1:
        raise Rejected(
            RejectionCode.SEVERAL_HOLDS,
            f"hold: {environment.person.email} is under {len(holds)} holds, {described(holds)}; "
            'send the release again with "hold" naming one of them, or with "hold":"all"',
        )
    if not name and holds:
        name = holds[0].id
    release = Release(hold=name, given_at=command.occurred_at)
    lifted = [hold for hold in holds if release.lifts(hold)]
    newer = [hold for hold in holds if release.concerns(hold)]
    if newer and not lifted:
        # It may be for a hold that was given before it and has not arrived yet.
        release = replace(release, hold=command.hold)
        environment = _with_release(environment, release)
        text = f" of {command.occurred_at.isoformat()} is not newer than {described(newer)}"
        return _decision(environment, command, Outcome.STALE, text, now)
    environment = with_failures_forgotten(_with_release(environment, release), now)
    for hold in lifted:
        left = tuple(h for h in environment.holds.in_force if h is not hold)
        environment = replace(environment, holds=replace(environment.holds, in_force=left))
        environment = with_announcement(
            environment, News.RELEASED, now, reason=command.reason, hold=hold.id
        )
    text = _what_it_lifted(lifted, environment.holds.in_force, command)
    return _decision(environment, command, Outcome.APPLIED, text, now)


def _with_release(environment: Environment, release: Release) -> Environment:
    return replace(
        environment,
        holds=replace(
            environment.holds, releases=with_release(environment.holds.releases, release)
        ),
    )


def _what_it_lifted(lifted: Sequence[Hold], left: Sequence[Hold], command: AdminCommand) -> str:
    if lifted:
        text = f"; lifts {described(lifted)}"
    else:
        text = f"; no hold {command.hold} is in force" if command.hold else ""
    return f"{text}; still held by {described(left)}" if left else text


def _decision(
    environment: Environment, command: AdminCommand, outcome: Outcome, text: str, now: datetime
) -> Decision:
    named = f" {command.hold}" if command.hold else ""
    by = f" by {command.by}" if command.by else ""
    entry = Entry(
        at=now,
        action=f"order.{outcome}",
        text=f"{command.action}{named}{by} ({command.reason}){text}",
        event_id=command.event_id,
    )
    return Decision(outcome, environment, entry)
