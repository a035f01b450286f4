"""The changes that a reconciliation makes in a record.

History, leaving record and announcements are derived from these changes only (``projections``),
so that they can't contradict one another.
"""

from __future__ import annotations

import msgspec

from shared.domain.resources.resource import Resource
from shared.domain.status import Health, Phase


class ResourceChanged(msgspec.Struct, frozen=True):
    """One resource of the record, before and after a change."""

    before: Resource
    after: Resource


class WorkLost(msgspec.Struct, frozen=True):
    """Somebody else deleted a person's work; ``text`` says which."""

    about: str
    text: str


class DataRestored(msgspec.Struct, frozen=True):
    """The data of ``snapshot`` (its full name) was restored into a notebook."""

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
    """Nothing of a leaver runs, and they can start nothing; ``seconds``: since the leave.

    ``kept``: the ids of the templates and clusters that stay all the same, because of a hold.
    ``foreign``: of the templates that stay because others have taken our labels off them.
    """

    seconds: float
    kept: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


class AccessRegained(msgspec.Struct, frozen=True):
    """Something of a leaver runs again after their access had ended; ``text`` says what."""

    about: str
    text: str


class LeftoversFound(msgspec.Struct, frozen=True):
    """The final search found what is the person's but not ours to delete, in words."""

    leftovers: tuple[str, ...]


class PhaseChanged(msgspec.Struct, frozen=True):
    """The phase changed; ``seconds``: from a join to *ready*, else None."""

    phase: Phase
    seconds: float | None = None


class HealthChanged(msgspec.Struct, frozen=True):
    """The health changed because of ``problem``; '' if there is none any more."""

    health: Health
    problem: str


Change = (
    ResourceChanged
    | WorkLost
    | DataRestored
    | ResourceOutdated
    | NotebookReplaced
    | AccessEnded
    | AccessRegained
    | LeftoversFound
    | PhaseChanged
    | HealthChanged
)
