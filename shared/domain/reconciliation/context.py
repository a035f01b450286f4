"""The input of ``reconcile`` besides the record (``Context``), and its answers.

``reconcile`` is pure. If it lacks information it answers with ``Needs``; its caller gets the
information from outside and calls it again with that in the ``Context``. Each question is asked at
most once. The answer to a complete context is a ``Plan``.
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

    LATER = "later"  # the notebook has to be queued
    PROVISIONAL = "provisional"  # the claims are counted after the save, before the call
    CERTAIN = "certain"  # no count is needed


class Action(msgspec.Struct, frozen=True):
    """One step to take now, on one resource.

    ``manifest``: given for create and update. ``intent``: in force when the step was decided.
    """

    resource: Resource
    step: Step
    manifest: Manifest | None
    intent: Intent | None = None


class TurnedAway(msgspec.Struct, frozen=True):
    """A notebook was not created: the limit is reached, or others have waited longer."""


class Result(msgspec.Struct, frozen=True):
    """The outcome of an action: an answer, a problem, or None if the step was not taken."""

    action: Action
    answer: Observation | Problem | TurnedAway | None

    @property
    def was_let_in(self) -> bool:
        """Whether the creation of a notebook was requested, because it had its turn."""
        asked = self.action.step is Step.CREATE and self.action.resource.kind.holds_data
        return asked and isinstance(self.answer, Observation | Problem)


class Consent(msgspec.Struct, frozen=True):
    """Whether a notebook's owner has consented; None if that can't be found out.

    ``vanished``: the notebook was not found.
    """

    given: bool | None
    vanished: bool = False


class Profile(msgspec.Struct, frozen=True):
    """What the person's profile asks for; ``manifests`` is None if the profile no longer exists.

    Then nothing is created or deleted for the person, and the record says why.
    """

    manifests: tuple[Manifest, ...] | None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known besides the record. None, or no entry: not asked yet.

    ``results``: of the last steps. ``observed``: the observations by resource id, in the order in
    which they were made. ``older``: a leaver's notebooks of the older kinds; a ``Problem`` if the
    search for them failed. ``inventory``: what the final search found, after all resources of the
    record were gone; a ``Problem`` if it failed.
    ``found``: the observations made because of the inventory. They are kept apart from
    ``observed``, which led to the final search and must lead to it again when the record is
    reconciled again.
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
        """What the profile asks for; None if it is not known yet or the profile doesn't exist."""
        return self.profile.manifests if self.profile is not None else None

    def with_observations(self, seen: Mapping[str, Observation]) -> Context:
        """The context with the new observations ``seen``, by resource id."""
        if self.inventory is None:
            return replace(self, observed={**self.observed, **seen})
        return replace(self, found={**self.found, **seen})

    def was_observed(self, id: str) -> bool:
        """Whether the resource was observed in this run, with an answer."""
        seen = self.found.get(id) or self.observed.get(id)
        return seen is not None and seen.state is not None


class ObservationRequest(msgspec.Struct, frozen=True):
    """A resource to observe, and what to compare it with."""

    resource: Resource
    manifest: Manifest | None


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be asked before a plan can be made.

    ``record``: the record, changed so far, about whose person is asked. ``looks``: what to observe.
    ``consents``: the notebooks whose owners' consent is to be checked. The other fields have the
    names of the fields of ``Context`` for the answers.
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
        """Whether anything has to be asked."""
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
    """The record to save, the actions to take after that, and the entries for the history.

    ``provisional``: the ids of the notebooks that may be created only if, after the save, the
    number of all claims is within the limit.
    """

    record: Environment
    actions: tuple[Action, ...]
    entries: tuple[Entry, ...]
    provisional: frozenset[str] = frozenset()
