"""Finds the records of the person an event or command is about, and merges those of one person."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from shared.domain.commands.admin_commands import AdminCommand
from shared.domain.commands.intent import Intent
from shared.domain.people.address_owners import as_due
from shared.domain.people.command_subject import contradicts
from shared.domain.people.duplicates import records_of_one_person
from shared.domain.people.merging import merge
from shared.domain.projections.entry import Entry
from shared.ports import Clock, Conflict, EnvironmentStore, Stored

log = logging.getLogger(__name__)

# A query of Firestore has at most 30 alternatives (Firestore, "Query and filter data").
_MOST_UNSEEN = 20
TRIES = 20  # attempts to load, decide and save while other workers change the same record


class Contended(Exception):
    """Too many workers change this person's record at once; the message is to be redelivered."""


class PersonRecords(msgspec.Struct, frozen=True, kw_only=True):
    """The records in the store, as those of people with several addresses."""

    store: EnvironmentStore
    clock: Clock

    def find(self, intent: Intent) -> tuple[Stored, ...]:
        """The records that ``intent`` may be about.

        One call; two if they have a former address under which the person was never seen. Another
        worker may have begun a record for it meanwhile.
        """
        stored = self.store.find(intent.addresses, intent.person.person_id)
        known = [a for s in stored for a in s.environment.addresses]
        unseen = {a.email: a.until for a in known if not a.named and a.until is not None}
        if unseen.keys() <= set(intent.addresses):
            return stored
        newest = sorted(unseen, key=lambda email: (unseen[email], email))[-_MOST_UNSEEN:]
        return self.store.find((*intent.addresses, *newest), intent.person.person_id)

    def named_by(self, command: AdminCommand) -> tuple[Stored, ...]:
        """The records that ``command`` may be about; mostly one call to the store."""
        emails = (command.email,) if command.email else ()
        if not command.key:
            return self.store.find(emails, command.person_id or None)
        stored = self.store.load(command.key)
        while stored is not None and stored.environment.merged_into:
            stored = self.store.load(stored.environment.merged_into)
        if stored is None:
            return ()
        if not contradicts(command, stored.environment):
            return (stored,)
        # It will be rejected, with a reason that names the other person, too.
        return (stored, *self.store.find(emails, command.person_id or None))

    def is_taken(self, key: str, intent: Intent) -> bool:
        """Whether a record has that key, although a search for ``intent`` does not find it.

        Its first join was scheduled for this address, and cancelled by a join with another one.
        """
        stored = self.store.load(key)
        return stored is not None and not (
            set(intent.addresses) & set(stored.environment.known_addresses)
        )

    def merge(self, record: Stored, duplicate: Stored, event_id: str) -> None:
        """Make one record of two that are of one person, as the event of that id says."""
        now = self.clock.now()
        one = merge(record.environment, duplicate.environment, now, event_id=event_id)
        self.store.save_merged(
            Stored(one.record, record.version),
            Stored(one.duplicate, duplicate.version),
            (one.entries, one.duplicate_entries),
        )
        *due, entry = one.entries
        log_events(due, one.record.key)
        log_events(one.duplicate_entries[:-1], one.duplicate.key)
        extra = {"action": entry.action, "person": one.record.key, "merged": one.duplicate.key}
        log.info(entry.text, extra=extra)

    def merge_duplicates(self, intent: Intent) -> None:
        """Merge the record of another event of the same moment, saved while this one was decided.

        The event that is saved last finds both records, so that a leave during a change of address
        is not lost.
        """
        for _ in range(TRIES):
            stored = self.find(intent)
            found = {s.environment.key: s for s in stored}
            due = as_due([s.environment for s in stored], self.clock.now())
            pair = records_of_one_person(intent, due)
            if pair is None:
                return
            try:
                self.merge(found[pair[0].key], found[pair[1].key], intent.event_id)
            except Conflict:
                continue
        # The redelivered event is a duplicate; intake then merges the records first.
        raise Contended(f"{TRIES} attempts to merge the records of {intent.person.email}")


def log_events(entries: Iterable[Entry], key: str) -> None:
    """Log the scheduled events that took effect first, or that are cancelled."""
    for entry in entries:
        extra = {"action": entry.action, "person": key, "event_id": entry.event_id}
        log.info(entry.text, extra=extra)
