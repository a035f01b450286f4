"""How a run of converge ends; apart from converge, for entry points that only name it."""

from __future__ import annotations

from enum import StrEnum


class Converged(StrEnum):
    """How one run ended."""

    DONE = "done"  # nothing more to do now; due_at says when, if ever, to look again
    BUSY = "busy"  # another worker holds the lease and will carry on
    UNKNOWN = "unknown"  # there is no record of this person
