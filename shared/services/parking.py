"""Keeps rejected messages with their reason, for `GET /parked`."""

from __future__ import annotations

import logging

import msgspec

from shared.domain.contracts.event_parsing import Message
from shared.domain.contracts.inbound_events import claimed_email
from shared.domain.contracts.parked import Parked
from shared.domain.contracts.rejections import Rejected
from shared.ports import Clock, EnvironmentStore

log = logging.getLogger(__name__)

_SAMPLE = 2000  # characters of a rejected payload that are kept


class Parking(msgspec.Struct, frozen=True, kw_only=True):
    """The parked events in the store."""

    store: EnvironmentStore
    clock: Clock

    def park(self, message: Message, rejected: Rejected) -> None:
        """Keep a rejected message with its reason; if redelivered, it is kept and logged once."""
        sample = message.data[: _SAMPLE * 4].decode("utf-8", errors="backslashreplace")
        parked = Parked(
            id=f"{message.topic}-{message.id}",
            at=self.clock.now(),
            topic=message.topic,
            code=rejected.code,
            reason=rejected.message,
            sample=_printable(sample)[:_SAMPLE],
            size=len(message.data),
            email=_printable(claimed_email(message.data)),
        )
        if self.store.park(parked):
            log.warning(
                rejected.message,
                extra={
                    "action": "event.parked",
                    "code": rejected.code,
                    "event_id": message.id,
                    "topic": message.topic,
                },
            )


def _printable(text: str) -> str:
    """``text`` with control characters escaped, so that it is safe in a terminal or a page."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)
