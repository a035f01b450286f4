"""The status of an environment: its phase and health, its problem, and when it is due."""

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
    """Whether an environment makes progress, as people see it."""

    OK = "ok"
    WAITING = "waiting"  # for capacity in a zone, or for its turn to have a notebook created
    RETRYING = "retrying"  # something failed and is tried again
    QUARANTINED = "quarantined"  # failed too often: an admin is needed; tried again only rarely


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The phase and health of an environment, and what explains them.

    ``problem``: what fails, in words; '' if nothing does. ``problem_codes``: the codes of the
    faults in it, each once, in alphabetical order. ``losses``: what somebody else deleted
    that can't be recovered, in words; shown with the problem until the next event.
    ``unmet_since``: since when the event in force is not carried out yet: a join until all is
    ready, a leave until access has ended; None once it is (``durations``).
    ``due_at``: when the tick should converge the record again; None if nothing is awaited.
    """

    phase: Phase
    health: Health = Health.OK
    problem: str = ""
    problem_codes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    unmet_since: datetime | None = None
    due_at: datetime | None = None
