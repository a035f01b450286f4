"""Intake: an event or admin command is saved in the record, or parked with its reason.

When ``accept`` or ``command`` returns, the message may be acknowledged: it was applied, scheduled,
a duplicate, stale or parked, and the history (or the parked list) says which. If that can't be
saved they raise, so that the message is delivered again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial

import msgspec

from shared import logs
from shared.domain.commands.admin_commands import AdminCommand, apply_command
from shared.domain.commands.decision import Decision, Outcome, with_merging
from shared.domain.commands.intent import Intent, Verb
from shared.domain.commands.intents import apply_intent
from shared.domain.contracts.bulk_retry import BulkRetry
from shared.domain.contracts.event_parsing import Message, to_command, to_intent
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment
from shared.domain.people.command_subject import subject_of_command
from shared.domain.people.identity import subject_of
from shared.domain.people.person import check_domain
from shared.domain.reconciliation.durations import seconds_between
from shared.ports import Clock, Conflict, EnvironmentStore, ProfileSource, Stored
from shared.services.bulk_retry import BulkRetries
from shared.services.converge import Converge
from shared.services.parking import Parking
from shared.services.person_records import TRIES, Contended, PersonRecords, log_events

log = logging.getLogger(__name__)


class _SoFar(msgspec.Struct):
    """What the attempts to save one intent have found out so far.

    ``merged``: the keys of the records that were merged into another one. ``taken``: keys of
    records that a search by the addresses and the person id does not find.
    """

    merged: list[str] = msgspec.field(default_factory=list)
    taken: list[str] = msgspec.field(default_factory=list)


class Intake(msgspec.Struct, kw_only=True):
    """Saves joins, leaves and admin commands, and takes the first steps."""

    store: EnvironmentStore
    records: PersonRecords
    parking: Parking
    profiles: ProfileSource
    converge: Converge
    bulk_retries: BulkRetries
    clock: Clock
    allowed_domains: Collection[str]

    def accept(self, message: Message, verb: Verb) -> Outcome | RejectionCode:
        """Save the intent in ``message`` and take the first steps, or park the message."""
        try:
            intent = to_intent(
                message,
                verb,
                now=self.clock.now(),
                allowed_domains=self.allowed_domains,
                profiles=self.profiles.current,
            )
            with logs.bound(event_id=intent.event_id):
                record = partial(self._record, intent, message, _SoFar())
                return self._retried(intent.person.email, record)
        except Rejected as rejected:
            self.parking.park(message, rejected)
            return rejected.code

    def command(self, message: Message) -> Outcome | RejectionCode:
        """Carry out the admin command in ``message``, or park the message."""
        try:
            command = to_command(message, now=self.clock.now())
            with logs.bound(event_id=command.event_id):
                if isinstance(command, BulkRetry):
                    self.bulk_retries.run(command)
                    return Outcome.APPLIED
                return self._retried(command.named[1], lambda: self._obey(command, message))
        except Rejected as rejected:
            self.parking.park(message, rejected)
            return rejected.code

    def _record(self, intent: Intent, message: Message, so_far: _SoFar) -> Outcome | None:
        """Save an intent in its person's record.

        None if two records were merged instead: then this is to be called again, as after a
        ``Conflict``, with the same ``so_far``.
        """
        now = self.clock.now()
        stored = self.records.find(intent)
        found = {s.environment.key: s for s in stored}
        subject = subject_of(intent, [s.environment for s in stored], now, so_far.taken)
        if subject.duplicates:
            duplicate = subject.duplicates[0].key
            self.records.merge(found[subject.key], found[duplicate], intent.event_id)
            so_far.merged.append(duplicate)
            return None
        if subject.record is None and intent.verb is Verb.LEAVE:
            self._check_domain(intent.person.email, "email")
        decision = apply_intent(subject.record, intent, subject.key, now)
        decision = with_merging(decision, so_far.merged)
        known = found[subject.key] if subject.record is not None else None
        try:
            outcome = self._carried_out(decision, known, message)
        except Conflict:
            if known is None and self.records.is_taken(subject.key, intent):
                so_far.taken.append(subject.key)
            raise
        if _may_have_crossed_another(intent, subject.record):
            self.records.merge_duplicates(intent)
        return outcome

    def _obey(self, command: AdminCommand, message: Message) -> Outcome:
        now = self.clock.now()
        found = {s.environment.key: s for s in self.records.named_by(command)}
        if not found and command.email and not command.key:
            self._check_domain(command.email, "email")
        # By the clock of whoever sent it, an address may have been given to somebody else already.
        at = max(now, command.occurred_at)
        record = subject_of_command(command, [s.environment for s in found.values()], at)
        return self._carried_out(apply_command(record, command, now), found[record.key], message)

    def _retried(self, whom: str, attempt: Callable[[], Outcome | None]) -> Outcome:
        """Call ``attempt`` until it has an outcome; again after each ``Conflict`` or merge."""
        for _ in range(TRIES):
            try:
                outcome = attempt()
            except Conflict:
                continue
            if outcome is not None:
                return outcome
        raise Contended(f"{TRIES} attempts to record an event for {whom}")

    def _carried_out(self, decision: Decision, stored: Stored | None, message: Message) -> Outcome:
        key, entry = decision.environment.key, decision.entry
        with logs.bound(person=key):
            saved_at = self._carry_out(decision, stored.version if stored else None)
            measured = {}
            if decision.outcome is not Outcome.DUPLICATE:  # what was stored by an earlier delivery
                measured["seconds"] = seconds_between(message.published_at, saved_at)
            log_events(decision.due, key)
            log.info(entry.text, extra={"action": entry.action, **measured})
            log_events(decision.cancelled, key)
        return decision.outcome

    def _check_domain(self, email: str, field: str) -> None:
        """Reject an event about somebody without a record who is not in an allowed domain."""
        because = "has no environment and "
        check_domain(email, self.allowed_domains, field=field, because=because)

    def _carry_out(self, decision: Decision, version: str | None) -> datetime:
        """Save the decision and take the first steps; returns when it was saved."""
        record, entries = decision.environment, decision.entries
        changes_nothing = decision.outcome is Outcome.STALE and not decision.due
        if decision.outcome is Outcome.DUPLICATE:
            self.store.append(record.key, entries)
        elif changes_nothing or self.converge.is_held(record):
            # The worker that has the lease finds the new intent when it saves its results.
            self.store.save(record, version, entries)
        else:
            return self.converge.advance(record, version, entries)
        return self.clock.now()


def _may_have_crossed_another(intent: Intent, record: Environment | None) -> bool:
    """Whether another worker may have begun a record for the same person meanwhile.

    ``record``: theirs before the event. So after a change of address, whether the event names the
    former one or only their id, and after a leave of somebody unknown.
    """
    if intent.verb is Verb.LEAVE:
        return record is None
    changes_by_id = record is not None and record.person.email != intent.person.email
    return changes_by_id or bool(intent.previous_email)
