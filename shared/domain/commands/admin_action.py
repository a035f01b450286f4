"""The actions of an admin command; a module of its own, so that ``contracts`` can import it."""

from __future__ import annotations

from enum import StrEnum


class AdminAction(StrEnum):
    """What an admin command orders."""

    HOLD = "hold"  # delete nothing of this person until the hold is released
    RELEASE = "release"  # end a hold, and quarantine
    RETRY = "retry"  # try failed steps again now, without waiting for the back-off
    RECREATE = "recreate"  # replace the notebook by a new one from the profile, with its data
