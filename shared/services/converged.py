"""How a run of converge ends; a module of its own, so that its users don't load ``converge``."""

from __future__ import annotations

from enum import StrEnum


class Converged(StrEnum):
    """How one run ended."""

    DONE = "done"  # nothing more to do now; ``due_at`` says when to check again
    BUSY = "busy"  # another worker has the lease or saved first, and continues
    UNKNOWN = "unknown"  # there is no record of this person
