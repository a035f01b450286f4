"""Why an event is rejected: the codes, and the exception that has one.

The sender has to correct the event, so the message says what is wrong, where, and what to do.
A rejected event is not retried: it stays parked.
"""

from __future__ import annotations

from enum import StrEnum


class RejectionCode(StrEnum):
    """Stable codes with which rejected events are parked, logged and counted."""

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
    UNKNOWN_PROBLEM = "unknown-problem"


class Rejected(Exception):
    """The event can't be acted on; it is parked with ``code`` and ``message``."""

    def __init__(self, code: RejectionCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
