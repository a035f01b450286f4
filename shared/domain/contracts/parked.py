"""Events that are set aside: nothing can be done with them until somebody has looked."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """An event we could not act on, with its reason.

    ``id`` is the message's, so that a redelivery parks it once. ``sample`` is the beginning of the
    payload as printable text, ``size`` its whole length in bytes. ``email`` is whom it claims to be
    about, unchecked, or ''.
    """

    id: str
    at: datetime
    topic: str
    code: str
    reason: str
    sample: str
    size: int
    email: str = ""
