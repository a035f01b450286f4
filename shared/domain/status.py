"""The status of an environment: where it is in its life, how it goes on, what is awaited."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Phase(StrEnum):
    """Where an environment is in its life, as people see it."""

    SCHEDULED = "scheduled"
    PROVISIONING = "provisioning"
    READY = "ready"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    REMOVING = "removing"
    REMOVED = "removed"


class Health(StrEnum):
    """Whether an environment goes on in its phase, as people see it."""

    OK = "ok"
    WAITING = "waiting"  # for capacity in a zone, or for its turn to have a notebook created
    RETRYING = "retrying"  # something failed and is tried again
    QUARANTINED = "quarantined"  # attempts are used up; tried again rarely, an admin is needed


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How an environment is doing.

    ``problem``: what fails, in words; '' if nothing does. ``losses``: what somebody else deleted
    that can't be had again, in words; people see it with the problems, also after a return, until
    the event that follows.
    ``unmet_since``: since when the event in force has waited to be carried out: a join until all is
    ready, a leave until access has ended; None once it was (``durations``).
    ``due_at``: when the tick should look again; None when there is nothing to wait for.
    """

    phase: Phase
    health: Health = Health.OK
    problem: str = ""
    losses: tuple[str, ...] = ()
    unmet_since: datetime | None = None
    due_at: datetime | None = None
