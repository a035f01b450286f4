"""One entry of the history that people read."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a person's history.

    ``action`` is a stable name (``intent.applied``, ``step.started``, ``phase.changed`` …),
    ``text`` the sentence for people. ``about`` is the resource (``kind/slot``) or ''.
    ``seconds``: how long it took to get there, where that is measured (``durations``).
    """

    at: datetime
    action: str
    text: str
    event_id: str = ""
    about: str = ""
    seconds: float | None = None
