"""Intake: an event or admin command is saved in the record, or parked with its reason.

When ``accept`` or ``command`` returns, the message may be acknowledged: it was applied, scheduled,
a duplicate, stale or parked, and the history (or the parked list) says which. If that can't be
saved they raise, so that the message is delivered again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
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
from shared.domain.contracts.inbound_events import claimed_email
from shared.domain.contracts.parked import Parked
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment
from shared.domain.people.address_owners import as_due
from shared.domain.people.command_subject import contradicts, subject_of_command
from shared.domain.people.duplicates import records_of_one_person
from shared.domain.people.identity import subject_of
from shared.domain.people.merging import merge
from shared.domain.people.person import check_domain
from shared.domain.projections.entry import Entry
from shared.domain.reconciliation.durations import seconds_between
from shared.ports import Clock, Conflict, EnvironmentStore, ProfileSource, Stored
from shared.services.bulk_retry import BulkRetries
from shared.services.converge import Converge

log = logging.getLogger(__name__)

_TRIES = 20  # attempts to load, decide and save while other workers change the same record
_SAMPLE = 2000  # characters of a rejected payload that are kept


class Contended(Exception):
    """Too many workers change this person's record at once; the message is to be redelivered."""


class _SoFar(msgspec.Struct):
    """What the attempts to save one intent have found out so far.

    ``merged``: the keys of the records that were merged into another one. ``taken``: keys of
    records that a search by the addresses and the person id does not find.
    """

    merged: list[str] = msgspec.field(default_factory=list)
    taken: list[str] = msgspec.field(default_factory=list)


class Intake:
    """Saves joins, leaves and admin commands, and takes the first steps."""

    def __init__(
        self,
        *,
        store: EnvironmentStore,
        profiles: ProfileSource,
        converge: Converge,
        bulk_retries: BulkRetries,
        clock: Clock,
        allowed_domains: Collection[str],
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._converge = converge
        self._bulk_retries = bulk_retries
        self._clock = clock
        self._allowed_domains = allowed_domains

    def accept(self, message: Message, verb: Verb) -> Outcome | RejectionCode:
        """Save the intent in ``message`` and take the first steps, or park the message."""
        try:
            intent = to_intent(
                message,
                verb,
                now=self._clock.now(),
                allowed_domains=self._allowed_domains,
                profiles=self._profiles.current,
            )
            with logs.bound(event_id=intent.event_id):
                record = partial(self._record, intent, message, _SoFar())
                return self._retried(intent.person.email, record)
        except Rejected as rejected:
            self.park(message, rejected)
            return rejected.code

    def command(self, message: Message) -> Outcome | RejectionCode:
        """Carry out the admin command in ``message``, or park the message."""
        try:
            command = to_command(message, now=self._clock.now())
            with logs.bound(event_id=command.event_id):
                if isinstance(command, BulkRetry):
                    self._bulk_retries.run(command)
                    return Outcome.APPLIED
                return self._retried(command.named[1], lambda: self._obey(command, message))
        except Rejected as rejected:
            self.park(message, rejected)
            return rejected.code

    def _record(self, intent: Intent, message: Message, so_far: _SoFar) -> Outcome | None:
        """Save an intent in its person's record.

        None if two records were merged instead: then this is to be called again, as after a
        ``Conflict``, with the same ``so_far``.
        """
        now = self._clock.now()
        stored = self._find(intent)
        found = {s.environment.key: s for s in stored}
        subject = subject_of(intent, [s.environment for s in stored], now, so_far.taken)
        if subject.duplicates:
            duplicate = subject.duplicates[0].key
            self._merge(found[subject.key], found[duplicate], intent.event_id)
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
            if known is None and self._is_taken(subject.key, intent):
                so_far.taken.append(subject.key)
            raise
        if _may_have_crossed_another(intent, subject.record):
            self._merge_duplicates(intent)
        return outcome

    def _find(self, intent: Intent) -> tuple[Stored, ...]:
        """The records that ``intent`` may be about.

        One call; two if they have a former address under which the person was never seen. Another
        worker may have begun a record for it meanwhile.
        """
        stored = self._store.find(intent.addresses, intent.person.person_id)
        known = [a for s in stored for a in s.environment.addresses]
        unseen = {a.email for a in known if not a.named and a.until is not None}
        if unseen <= set(intent.addresses):
            return stored
        return self._store.find((*intent.addresses, *sorted(unseen)), intent.person.person_id)

    def _is_taken(self, key: str, intent: Intent) -> bool:
        """Whether a record has that key, although a search for ``intent`` does not find it.

        Its first join was scheduled for this address, and cancelled by a join with another one.
        """
        stored = self._store.load(key)
        return stored is not None and not (
            set(intent.addresses) & set(stored.environment.known_addresses)
        )

    def _merge_duplicates(self, intent: Intent) -> None:
        """Merge the record of another event of the same moment, saved while this one was decided.

        The event that is saved last finds both records, so that a leave during a change of address
        is not lost.
        """
        for _ in range(_TRIES):
            stored = self._store.find(intent.addresses, intent.person.person_id)
            found = {s.environment.key: s for s in stored}
            due = as_due([s.environment for s in stored], self._clock.now())
            pair = records_of_one_person(intent, due)
            if pair is None:
                return
            try:
                self._merge(found[pair[0].key], found[pair[1].key], intent.event_id)
            except Conflict:
                continue
        # The redelivered event is a duplicate; ``_record`` then merges the records first.
        raise Contended(f"{_TRIES} attempts to merge the records of {intent.person.email}")

    def _obey(self, command: AdminCommand, message: Message) -> Outcome:
        now = self._clock.now()
        found = {s.environment.key: s for s in self._named(command)}
        if not found and command.email and not command.key:
            self._check_domain(command.email, "email")
        # By the clock of whoever sent it, an address may have been given to somebody else already.
        at = max(now, command.occurred_at)
        record = subject_of_command(command, [s.environment for s in found.values()], at)
        return self._carried_out(apply_command(record, command, now), found[record.key], message)

    def _named(self, command: AdminCommand) -> tuple[Stored, ...]:
        """The records that ``command`` may be about; mostly one call to the store."""
        emails = (command.email,) if command.email else ()
        if not command.key:
            return self._store.find(emails, command.person_id or None)
        stored = self._store.load(command.key)
        while stored is not None and stored.environment.merged_into:
            stored = self._store.load(stored.environment.merged_into)
        if stored is None:
            return ()
        if not contradicts(command, stored.environment):
            return (stored,)
        # It will be rejected, with a reason that names the other person, too.
        return (stored, *self._store.find(emails, command.person_id or None))

    def _merge(self, record: Stored, duplicate: Stored, event_id: str) -> None:
        """Make one record of two that are of one person, as the event of that id says."""
        now = self._clock.now()
        one = merge(record.environment, duplicate.environment, now, event_id=event_id)
        self._store.save_merged(
            Stored(one.record, record.version),
            Stored(one.duplicate, duplicate.version),
            (one.entries, one.duplicate_entries),
        )
        *due, entry = one.entries
        _log_events(due, one.record.key)
        _log_events(one.duplicate_entries[:-1], one.duplicate.key)
        extra = {"action": entry.action, "person": one.record.key, "merged": one.duplicate.key}
        log.info(entry.text, extra=extra)

    def _retried(self, whom: str, attempt: Callable[[], Outcome | None]) -> Outcome:
        """Call ``attempt`` until it has an outcome; again after each ``Conflict`` or merge."""
        for _ in range(_TRIES):
            try:
                outcome = attempt()
            except Conflict:
                continue
            if outcome is not None:
                return outcome
        raise Contended(f"{_TRIES} attempts to record an event for {whom}")

    def _carried_out(self, decision: Decision, stored: Stored | None, message: Message) -> Outcome:
        key, entry = decision.environment.key, decision.entry
        with logs.bound(person=key):
            saved_at = self._carry_out(decision, stored.version if stored else None)
            measured = {}
            if decision.outcome is not Outcome.DUPLICATE:  # what was stored by an earlier delivery
                measured["seconds"] = seconds_between(message.published_at, saved_at)
            _log_events(decision.due, key)
            log.info(entry.text, extra={"action": entry.action, **measured})
            _log_events(decision.cancelled, key)
        return decision.outcome

    def _check_domain(self, email: str, field: str) -> None:
        """Reject an event about somebody without a record who is not in an allowed domain."""
        because = "has no environment and "
        check_domain(email, self._allowed_domains, field=field, because=because)

    def park(self, message: Message, rejected: Rejected) -> None:
        """Keep a rejected message with its reason; if redelivered, it is kept and logged once."""
        sample = message.data[: _SAMPLE * 4].decode("utf-8", errors="backslashreplace")
        parked = Parked(
            id=f"{message.topic}-{message.id}",
            at=self._clock.now(),
            topic=message.topic,
            code=rejected.code,
            reason=rejected.message,
            sample=_printable(sample)[:_SAMPLE],
            size=len(message.data),
            email=_printable(claimed_email(message.data)),
        )
        if self._store.park(parked):
            log.warning(
                rejected.message,
                extra={
                    "action": "event.parked",
                    "code": rejected.code,
                    "event_id": message.id,
                    "topic": message.topic,
                },
            )

    def _carry_out(self, decision: Decision, version: str | None) -> datetime:
        """Save the decision and take the first steps; returns when it was saved."""
        record, entries = decision.environment, decision.entries
        changes_nothing = decision.outcome is Outcome.STALE and not decision.due
        if decision.outcome is Outcome.DUPLICATE:
            self._store.append(record.key, entries)
        elif changes_nothing or self._converge.is_held(record):
            # The worker that has the lease finds the new intent when it saves its results.
            self._store.save(record, version, entries)
        else:
            return self._converge.advance(record, version, entries)
        return self._clock.now()


def _may_have_crossed_another(intent: Intent, record: Environment | None) -> bool:
    """Whether another worker may have begun a record for the same person meanwhile.

    ``record``: theirs before the event. So after a change of address, whether the event names the
    former one or only their id, and after a leave of somebody unknown.
    """
    if intent.verb is Verb.LEAVE:
        return record is None
    changes_by_id = record is not None and record.person.email != intent.person.email
    return changes_by_id or bool(intent.previous_email)


def _log_events(entries: Iterable[Entry], key: str) -> None:
    """Log the scheduled events that took effect first, or that are cancelled."""
    for entry in entries:
        extra = {"action": entry.action, "person": key, "event_id": entry.event_id}
        log.info(entry.text, extra=extra)


def _printable(text: str) -> str:
    """``text`` with control characters escaped, so that it is safe in a terminal or a page."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)
