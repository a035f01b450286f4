"""The goal of each resource of a person now, by the intent in force and the time. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec

from shared.domain.environment import Environment, Verb
from shared.domain.replacement import holds_work, may_go, must_be_replaced
from shared.domain.resources import Goal, Kind, Leftover, Resource, State, Want

__all__ = ["Goal", "Plan", "goals_of", "has_expired", "removal_due"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision needs besides the record.

    ``wants``: what the profile asks for; None when the person's profile no longer exists (then
    nothing is made or unmade on their behalf, and the record says why). ``uses``: what to look for
    that a leaver may have started. ``older``: a leaver's notebooks of the older kinds, None as
    long as nobody has looked. ``shortages``: what zones lack, as
    ``zone/machine-type``. ``admitted``: whether it is this person's turn to have a notebook made.
    ``scan``: everything found of a leaver when all that the record knows of was gone; None as long
    as nobody has looked. ``consents``: by resource id, whether the owners who were asked just now
    have consented, None where that can't be known; ``vanished``: those of them whose notebook the
    cloud does not know.
    """

    wants: tuple[Want, ...] | None = ()
    uses: tuple[Resource, ...] = ()
    older: tuple[Resource, ...] | None = None
    shortages: Collection[str] = ()
    admitted: bool = True
    scan: tuple[Leftover, ...] | None = None
    consents: Mapping[str, bool | None] = {}
    vanished: Collection[str] = ()


def goals_of(environment: Environment, plan: Plan, now: datetime) -> dict[str, Goal]:
    """The goal of each resource of the record, by its id (``kind/slot``)."""
    wanted = None if plan.wants is None else {want.id for want in plan.wants}
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
    intent, held = environment.intent, environment.held is not None
    gone = Goal.STAY if held else Goal.GONE
    if resource.kind is Kind.SNAPSHOT:
        needed = any(_needs(environment, other, resource) for other in environment.resources)
        return gone if has_expired(resource, now) and not needed else Goal.UP
    if resource.kind is Kind.SESSION:
        # Ending a session deletes nothing, so it is ended even under a hold.
        return Goal.GONE if environment.leaving else Goal.STAY
    if resource.kind is Kind.CLUSTER:
        return gone if environment.leaving else Goal.STAY
    keep = resource.kind.holds_data
    if resource.superseded:
        return _goal_of_superseded(environment, resource, removal=removal)
    if must_be_replaced(environment, resource) and wanted is not None:
        # One without work is deleted and made again; else its data is saved first.
        return Goal.DOWN if holds_work(resource) or held else Goal.GONE
    if intent is not None and intent.verb is Verb.JOIN:
        if wanted is None or resource.id in wanted:
            return Goal.UP
        # No longer in the profile: a template is deleted, a notebook only stopped.
        return Goal.DOWN if keep else gone
    if keep:
        return Goal.GONE if removal and not held else Goal.DOWN
    return gone


def _goal_of_superseded(environment: Environment, resource: Resource, *, removal: bool) -> Goal:
    held = environment.held is not None
    if not resource.kind.holds_data:
        return Goal.STAY if held else Goal.GONE
    # Under a hold, what has no work but can be used is stopped, too.
    return Goal.GONE if not held and (removal or may_go(environment, resource)) else Goal.DOWN


def _needs(environment: Environment, notebook: Resource, snapshot: Resource) -> bool:
    """Whether ``notebook`` needs ``snapshot``: to be restored from it, or before its deletion."""
    if not notebook.kind.holds_data:
        return False
    if notebook.state is State.ABSENT:
        return not environment.leaving  # it may still be created from this snapshot
    return snapshot.name == notebook.restore_from or snapshot.slot == notebook.snapshot


def removal_due(environment: Environment, now: datetime) -> bool:
    """Whether a leaver's time is over."""
    return environment.leaving and now >= environment.removal_at


def has_expired(snapshot: Resource, now: datetime) -> bool:
    """Whether the time for which a snapshot is kept is over."""
    return snapshot.expires_at is not None and now >= snapshot.expires_at
