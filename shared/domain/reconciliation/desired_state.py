"""Decides the goal of each resource, from the intent in force, the profile and the time. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.reconciliation.replacement import holds_work, may_go, must_be_replaced
from shared.domain.resources.kinds import Goal, Kind, State
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Resource

__all__ = ["DesiredState", "Goal", "Manifests", "goals_of", "has_expired", "removal_due"]


Manifests = tuple[Manifest, ...] | None
"""What the profile asks for; None if the profile no longer exists: then nothing is created or
deleted for the person."""


class DesiredState:
    """What a person should have at one moment: the manifests of the profile, and the goals."""

    def __init__(self, manifests: Manifests, now: datetime) -> None:
        self.manifests = manifests
        self.now = now
        self._wanted = None if manifests is None else frozenset(m.id for m in manifests)
        self._last: tuple[Environment, dict[str, Goal]] | None = None

    def goals_of(self, record: Environment) -> dict[str, Goal]:
        """As ``goals_of`` below; computed once for the same record."""
        if self._last is None or self._last[0] is not record:
            self._last = (record, _goals(record, self._wanted, self.now))
        return self._last[1]


def goals_of(environment: Environment, manifests: Manifests, now: datetime) -> dict[str, Goal]:
    """The goal of each resource of the record, by resource id."""
    return DesiredState(manifests, now).goals_of(environment)


def _goals(
    environment: Environment, wanted: Collection[str] | None, now: datetime
) -> dict[str, Goal]:
    """``wanted``: the ids of the manifests; None if they are not known."""
    removal = removal_due(environment, now)
    return {
        r.id: _goal(environment, r, wanted, now, removal=removal) for r in environment.resources
    }


def _goal(
    environment: Environment,
    resource: Resource,
    wanted: Collection[str] | None,
    now: datetime,
    *,
    removal: bool,
) -> Goal:
    intent, held = environment.events.in_force, environment.held is not None
    gone = Goal.UNMANAGED if held else Goal.ABSENT
    if resource.kind is Kind.SNAPSHOT:
        if not has_expired(resource, now):
            return Goal.PRESENT
        needed = any(_needs(environment, other, resource) for other in environment.resources)
        return Goal.PRESENT if needed else gone
    if resource.kind is Kind.SESSION:
        # Ending a session deletes nothing, so it is ended even under a hold.
        return Goal.ABSENT if environment.leaving else Goal.UNMANAGED
    if resource.kind is Kind.CLUSTER:
        return gone if environment.leaving else Goal.UNMANAGED
    keep = resource.kind.holds_data
    if resource.superseded:
        return _goal_of_superseded(environment, resource, removal=removal)
    if must_be_replaced(environment, resource) and wanted is not None:
        # Without work it is deleted and created again; otherwise its data is saved first.
        return Goal.STOPPED if holds_work(resource) or held else Goal.ABSENT
    if intent is not None and intent.verb is Verb.JOIN:
        if wanted is None or resource.id in wanted:
            return Goal.PRESENT
        # No longer in the profile: a template is deleted, a notebook only stopped.
        return Goal.STOPPED if keep else gone
    if keep:
        return Goal.ABSENT if removal and not held else Goal.STOPPED
    return gone


def _goal_of_superseded(environment: Environment, resource: Resource, *, removal: bool) -> Goal:
    held = environment.held is not None
    if not resource.kind.holds_data:
        return Goal.UNMANAGED if held else Goal.ABSENT
    # Under a hold nothing is deleted, and of a leaver no notebook before the removal.
    may_be_deleted = removal or (not environment.leaving and may_go(environment, resource))
    return Goal.ABSENT if may_be_deleted and not held else Goal.STOPPED


def _needs(environment: Environment, notebook: Resource, snapshot: Resource) -> bool:
    """Whether ``notebook`` needs ``snapshot``: to be restored from it, or before its deletion."""
    if not notebook.kind.holds_data:
        return False
    if notebook.state is State.ABSENT:
        return not environment.leaving  # it may still be created from this snapshot
    data = notebook.data
    return snapshot.name == data.restore_from or snapshot.slot == data.saved_in


def removal_due(environment: Environment, now: datetime) -> bool:
    """Whether the person has left and the grace period is over."""
    return environment.leaving and now >= environment.removal_at


def has_expired(snapshot: Resource, now: datetime) -> bool:
    """Whether a snapshot has been kept long enough."""
    return snapshot.retention.expires_at is not None and now >= snapshot.retention.expires_at
