"""Whether a leaver can still use something, uses it again, and what stays all the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.environment import Environment
from shared.domain.resources.kinds import TEMPLATES, Goal, Kind, State, Step
from shared.domain.resources.resource import Resource

# While these steps are in progress on a stopped notebook, nobody can use it.
_HARMLESS = (Step.PROTECT, Step.UNPROTECT, Step.LABEL, Step.DELETE)

# What gives access, and can't be stopped without deleting it.
_GIVE_ACCESS = (*TEMPLATES, Kind.CLUSTER)


def has_no_access(environment: Environment, goals: Mapping[str, Goal]) -> bool:
    """Whether nothing in a leaver's record runs or can be used.

    Not counted: what a legal hold keeps, snapshots, and disks without a notebook.
    """
    return all(_is_out_of_use(each, goals[each.id]) for each in environment.resources)


def kept_by_a_hold(environment: Environment) -> tuple[str, ...]:
    """The ids of a leaver's templates and clusters that stay because of a hold."""
    return tuple(
        r.id
        for r in environment.resources
        if r.goal is Goal.UNMANAGED
        and r.kind in _GIVE_ACCESS
        and r.state not in (State.ABSENT, State.FOREIGN)
    )


def is_used_again(environment: Environment, before: Resource, after: Resource) -> bool:
    """Whether something of a leaver was at rest, or gone, and runs again after access had ended."""
    if not environment.leaving or environment.status.unmet_since is not None:
        return False
    if not (after.kind.holds_data or after.kind.is_workload):
        return False
    return after.state is State.READY and before.state is not State.READY


def in_use(resource: Resource) -> str:
    """What runs, in words: ``2 sessions run``."""
    if not resource.kind.is_workload:
        return f"{resource.name} runs"
    items = resource.workload.items
    count = len(items) + resource.workload.more
    first = f" ({items[0].name})" if items else ""
    return f"{count} {resource.kind}{'s run' if count != 1 else ' runs'}{first}"


def foreign_templates(environment: Environment) -> tuple[str, ...]:
    """The ids of a person's templates that are not touched, because they lack our labels."""
    templates = (r for r in environment.resources if r.kind in TEMPLATES)
    return tuple(r.id for r in templates if r.state is State.FOREIGN)


def _is_out_of_use(resource: Resource, goal: Goal) -> bool:
    if goal is Goal.UNMANAGED or resource.kind in (Kind.SNAPSHOT, Kind.DISK):
        return True
    at_rest = resource.kind.holds_data and resource.state in (State.STOPPED, State.BROKEN)
    if not at_rest and resource.state not in (State.ABSENT, State.FOREIGN):
        return False
    if resource.unconfirmed:
        return False  # a start whose answer was lost may still be carried out
    if resource.in_flight is None:
        return resource.observe_at is None
    return resource.step in _HARMLESS
