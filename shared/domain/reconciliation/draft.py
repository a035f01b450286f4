"""The record while a plan is made, with the changes made to it.

One place collects all changes, so that history, leaving record and announcements are derived from
the same ones. The draft must not know why something changes.
"""

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
    """A record while a plan is made: ``record`` as changed so far, ``entries`` for its history.

    All changes are noted; ``settle`` derives history, leaving record and announcements from them.
    """

    def __init__(self, record: Environment, now: datetime) -> None:
        self.record = record
        self.entries: list[Entry] = []
        self.now = now
        self._changes: list[Change] = []

    def put(self, before: Resource, after: Resource) -> None:
        """Replace ``before`` by ``after`` in the record, and note the change."""
        if after is before:
            return
        self.record = self.record.with_resource(after)
        self._changes.append(ResourceChanged(before, after))

    def note(self, *changes: Change) -> None:
        """Note changes that were already made in ``record``."""
        self._changes += changes

    def settle(self) -> None:
        """Write the changes noted so far into history, leaving record and announcements."""
        if not self._changes:
            return
        changes, self._changes = self._changes, []
        self.entries += history_of(changes, self.now)
        departure = self.record.departure
        departure = replace(departure, records=with_changes(departure.records, changes, self.now))
        record = replace(self.record, departure=departure)
        self.record = with_announcements(record, changes, self.now)
