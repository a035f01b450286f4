"""What a reconciliation knows besides the record, what it still has to be told, and its answer.

``reconcile`` is pure: where it lacks an answer it says so (``Needs``), its caller reads the world
and calls it again with the answer in the ``Context``. Every question is asked once at the most.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import Enum

import msgspec
from msgspec.structs import replace

from shared.domain.commands.intent import Intent
from shared.domain.environment import Environment
from shared.domain.faults import Problem
from shared.domain.manifests.site import Site
from shared.domain.policy import Policy
from shared.domain.projections.entry import Entry
from shared.domain.resources.kinds import Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation, Orphan
from shared.domain.resources.resource import Resource


class Turn(Enum):
    """Whether a person's notebook may be created now."""

    LATER = "later"  # they have to queue
    PROVISIONAL = "provisional"  # save the claim, which is counted, before calling the cloud
    CERTAIN = "certain"  # nothing more to ask


class Action(msgspec.Struct, frozen=True):
    """One step to take now, on one resource; ``want`` is given for create and update.

    ``intent``: what was in force when the step was decided.
    """

    resource: Resource
    step: Step
    manifest: Manifest | None
    intent: Intent | None = None


class TurnedAway(msgspec.Struct, frozen=True):
    """A notebook was not created: the limit is reached, or others have waited longer."""


class Result(msgspec.Struct, frozen=True):
    """What came of an action: an answer, a problem, or None if it was not taken after all."""

    action: Action
    answer: Observation | Problem | TurnedAway | None

    @property
    def was_let_in(self) -> bool:
        """Whether a notebook was asked for, in its turn."""
        asked = self.action.step is Step.CREATE and self.action.resource.kind.holds_data
        return asked and isinstance(self.answer, Observation | Problem)


class Consent(msgspec.Struct, frozen=True):
    """Whether a notebook's owner has consented; None where that can't be known.

    ``vanished``: the cloud does not know the notebook.
    """

    given: bool | None
    vanished: bool = False


class Profile(msgspec.Struct, frozen=True):
    """What the person's profile asks for; ``manifests`` is None when it no longer exists.

    Then nothing is made or unmade on their behalf, and the record says why.
    """

    manifests: tuple[Manifest, ...] | None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known besides the record. None, or no entry: nobody has asked yet.

    ``results``: of the steps taken last. ``observed``: by resource id, in the order in which they
    were made. ``older``: a leaver's notebooks of the older kinds, and ``inventory``: everything
    found of a leaver when all that the record knows of was gone; a ``Problem`` if that failed.
    ``found``: what was then observed because of the inventory, apart from ``observed``, because
    until the inventory was known all was gone.
    ``shortages``: what zones lack, as ``zone/machine-type``.
    """

    now: datetime
    policy: Policy
    site: Site
    results: tuple[Result, ...] = ()
    profile: Profile | None = None
    observed: Mapping[str, Observation] = {}
    found: Mapping[str, Observation] = {}
    consents: Mapping[str, Consent] = {}
    older: tuple[Resource, ...] | Problem | None = None
    inventory: tuple[Orphan, ...] | Problem | None = None
    shortages: Collection[str] | None = None
    turn: Turn | None = None

    @property
    def manifests(self) -> tuple[Manifest, ...] | None:
        """What the profile asks for, once that is known."""
        return self.profile.manifests if self.profile is not None else None

    def with_observations(self, seen: Mapping[str, Observation]) -> Context:
        """The context with what was ``seen`` now, by resource id."""
        if self.inventory is None:
            return replace(self, observed={**self.observed, **seen})
        return replace(self, found={**self.found, **seen})

    def was_observed(self, id: str) -> bool:
        """Whether the resource was observed just now, with an answer."""
        seen = self.found.get(id) or self.observed.get(id)
        return seen is not None and seen.state is not None


class ObservationRequest(msgspec.Struct, frozen=True):
    """A resource to observe, and what to compare it with."""

    resource: Resource
    manifest: Manifest | None


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be asked before anything can be decided.

    ``record``: the record as it is by then, whose person it is about. ``consents``: the notebooks
    whose owners to ask about. The rest are the questions of ``Context``, by the same names.
    """

    record: Environment
    profile: bool = False
    looks: tuple[ObservationRequest, ...] = ()
    consents: tuple[Resource, ...] = ()
    older: bool = False
    inventory: bool = False
    shortages: bool = False
    turn: bool = False

    @property
    def any(self) -> bool:
        """Whether there is anything to ask."""
        return bool(
            self.profile
            or self.looks
            or self.consents
            or self.older
            or self.inventory
            or self.shortages
            or self.turn
        )


class Plan(msgspec.Struct, frozen=True):
    """What to save, what to do then, and what the history should say.

    ``provisional``: the ids of the notebooks whose turn depends on how many are counted when the
    record is saved.
    """

    record: Environment
    actions: tuple[Action, ...]
    entries: tuple[Entry, ...]
    provisional: frozenset[str] = frozenset()
