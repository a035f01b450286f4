"""The record while it is reconciled, and what changes in it. Used by ``reconcile`` alone."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry
from shared.domain.projections.history import history_of
from shared.domain.projections.offboarding import with_changes
from shared.domain.projections.outbox import with_announcements
from shared.domain.reconciliation.changes import Change, ResourceChanged
from shared.domain.resources.resource import Resource


class Draft:
    """A record under change: ``record`` is its present form, ``entries`` what is to be told.

    Everything that changes is noted; ``settle`` writes the projections of it into the record.
    """

    def __init__(self, record: Environment, now: datetime) -> None:
        self.record = record
        self.entries: list[Entry] = []
        self.now = now
        self._changes: list[Change] = []

    def put(self, before: Resource, after: Resource) -> None:
        """Put ``after`` in the place of ``before``."""
        if after is before:
            return
        self.record = self.record.with_resource(after)
        self._changes.append(ResourceChanged(before, after))

    def note(self, *changes: Change) -> None:
        """Note changes that are in the record already."""
        self._changes += changes

    def settle(self) -> None:
        """Write what history, leaving record and announcements say of the changes noted so far."""
        if not self._changes:
            return
        changes, self._changes = self._changes, []
        self.entries += history_of(changes, self.now)
        departure = self.record.departure
        departure = replace(departure, records=with_changes(departure.records, changes, self.now))
        record = replace(self.record, departure=departure)
        self.record = with_announcements(record, changes, self.now)
