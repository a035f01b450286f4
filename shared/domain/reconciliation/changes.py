"""What a reconciliation changes in a record: the events that all else is derived from.

The history, the offboarding record and the announcements are projections of these
(``projections``); none of them is written in any other way.
"""

from __future__ import annotations

import msgspec

from shared.domain.resources.resource import Resource
from shared.domain.status import Health, Phase


class ResourceChanged(msgspec.Struct, frozen=True):
    """What is known of one resource: before and after."""

    before: Resource
    after: Resource


class WorkLost(msgspec.Struct, frozen=True):
    """Somebody else deleted work of the person's; ``text`` says which."""

    about: str
    text: str


class DataRestored(msgspec.Struct, frozen=True):
    """The data of a snapshot (its full name) is in a notebook."""

    about: str
    snapshot: str


class ResourceOutdated(msgspec.Struct, frozen=True):
    """A resource was seen to differ from the profile in what can't be changed in place.

    ``replacement_follows``: it is replaced without any further command; else by a *recreate* only.
    """

    about: str
    differences: tuple[str, ...]
    replacement_follows: bool


class NotebookReplaced(msgspec.Struct, frozen=True):
    """A notebook gets a successor; ``text`` says why."""

    about: str
    text: str


class AccessEnded(msgspec.Struct, frozen=True):
    """Nothing of a leaver runs or can be started by them, so many seconds after the leave."""

    seconds: float


class PhaseChanged(msgspec.Struct, frozen=True):
    """The phase is another; ``seconds``: how long a join has taken to *ready*, else None."""

    phase: Phase
    seconds: float | None = None


class HealthChanged(msgspec.Struct, frozen=True):
    """The health is another, because of ``problem``; '' where there is none any more."""

    health: Health
    problem: str


Change = (
    ResourceChanged
    | WorkLost
    | DataRestored
    | ResourceOutdated
    | NotebookReplaced
    | AccessEnded
    | PhaseChanged
    | HealthChanged
)
