"""One entry of the history that people read."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.domain.commands.intent import Verb

_UNCHANGED = ("intent.stale", "intent.duplicate", "intent.cancelled")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The join or leave that an entry is about, as its sender described it."""

    verb: Verb
    email: str
    source: str
    occurred_at: datetime
    effective_at: datetime | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a person's history.

    ``action`` is a stable name (``intent.applied``, ``step.started``, ``phase.changed`` …),
    ``text`` the sentence for people. ``about`` is the resource (``kind/slot``) or ''.
    ``seconds``: how long it took to get there, where that is measured (``durations``).
    ``event``: with an action ``intent.…``, the event of ``event_id``.
    """

    at: datetime
    action: str
    text: str
    event_id: str = ""
    about: str = ""
    seconds: float | None = None
    event: Event | None = None

    @property
    def changed_nothing(self) -> bool:
        """Whether it says that an event had no effect: stale, duplicate, or announced and then
        cancelled by a newer one."""
        return self.event is not None and self.action in _UNCHANGED


class Unchanged(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that ``changed_nothing``, with the key of the record in whose history it is."""

    key: str
    entry: Entry
