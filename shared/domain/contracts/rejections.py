"""Why an event is not acted on: the reasons we park it under, and the exception that carries one.

The sender has to correct the event, so the message says what was wrong, where, and what to do
next. A rejected event is never retried by itself: it stays parked until somebody replays or
discards it.
"""

from __future__ import annotations

from enum import StrEnum


class RejectionCode(StrEnum):
    """The stable names under which rejected events are parked, logged and counted."""

    TOO_LARGE = "too-large"
    NOT_JSON = "not-json"
    WRONG_SHAPE = "wrong-shape"
    UNKNOWN_FIELD = "unknown-field"
    BAD_EMAIL = "bad-email"
    NOT_A_PERSON = "not-a-person"
    FOREIGN_DOMAIN = "foreign-domain"
    UNKNOWN_PROFILE = "unknown-profile"
    FROM_THE_FUTURE = "from-the-future"
    UNKNOWN_PERSON = "unknown-person"
    SEVERAL_HOLDS = "several-holds"
    IDENTITY_CONFLICT = "identity-conflict"
    NOTHING_TO_RECREATE = "nothing-to-recreate"


class Rejected(Exception):
    """The event cannot be acted on as it is; it is parked under ``code`` with this message."""

    def __init__(self, code: RejectionCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
