"""The actions of an admin."""

from __future__ import annotations

from enum import StrEnum


class AdminAction(StrEnum):
    """What an admin can have done."""

    HOLD = "hold"  # nothing of this person's is deleted until released
    RELEASE = "release"  # from a hold, and from quarantine
    RETRY = "retry"  # what failed, now, without waiting any longer
    RECREATE = "recreate"  # the notebook, from the profile, with its data
