"""The stored form of a rejected event; must not know where it is stored."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected event, kept with the reason.

    ``id``: made of the topic and the message's id, so that a redelivered message is kept once.
    ``code``: the ``RejectionCode``. ``sample``: the beginning of the payload as printable text;
    ``size``: its whole length in bytes. ``email``: the address in the event, unchecked, or ''.
    """

    id: str
    at: datetime
    topic: str
    code: str
    reason: str
    sample: str
    size: int
    email: str = ""
