"""The rules for leaving: what to search for, what to record, and when a departure has ended.

Pure. A departure ends with a search for everything that carries the person's labels: only when it
finds nothing more of theirs is the environment removed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.domain.environment import Environment, Phase
from shared.domain.evidence import amended, current, noted, scanned
from shared.domain.goals import Plan
from shared.domain.keeping import snapshot_of_disk
from shared.domain.names import fingerprint
from shared.domain.policy import Policy
from shared.domain.resources import Kind, Leftover, Resource, State
from shared.domain.wants.snapshot import DATA_DISK
from shared.domain.wants.uses import slot_of

_AGAIN = timedelta(minutes=1)


def with_uses(environment: Environment, plan: Plan, now: datetime) -> Environment:
    """A leaver's record with what they may have started, and their notebooks of older kinds."""
    for found in (*plan.uses, *(plan.older or ())):
        if environment.resource(found.id) is None:
            environment = environment.with_resource(replace(found, look_at=now))
    if plan.older is not None:
        environment = replace(environment, sought_at=now)
    return environment


def with_evidence(
    environment: Environment, before: Resource, after: Resource, now: datetime
) -> Environment:
    """The record with ``after``, and with the leaving record updated by it."""
    environment = environment.with_resource(after)
    leaving = current(environment.leavings)
    if leaving is None or (leaving.completed_at and after.kind is not Kind.SNAPSHOT):
        return environment  # only the later deletion of snapshots is still noted
    leaving = noted(leaving, before, after, now)
    return replace(environment, leavings=amended(environment.leavings, leaving))


def may_give_access(resource: Resource) -> bool:
    """Whether somebody may be able to use it, or may soon be, as far as is known."""
    if resource.unconfirmed:
        return True
    if resource.kind in (Kind.SNAPSHOT, Kind.DISK) or resource.state is State.FOREIGN:
        return False
    if resource.kind.holds_data and resource.state in (State.STOPPED, State.BROKEN):
        return not resource.was_ready  # one that a search found has yet to be looked at
    unseen = resource.kind.is_use and resource.look_at is not None
    return resource.state is not State.ABSENT or unseen


def with_another_look(environment: Environment, now: datetime) -> Environment:
    """Look for sessions again after a notebook has stopped: until then it could start some."""
    for resource in environment.resources:
        if resource.kind.is_use and resource.under_way is None and environment.leaving:
            environment = environment.with_resource(replace(resource, look_at=now))
    return environment


def conclusion(
    environment: Environment, plan: Plan, now: datetime, policy: Policy
) -> tuple[Environment, bool]:
    """The record once all its resources are gone, and whether the final search is still to be made.

    Resources with the person's labels that the search finds are removed as well.
    """
    leaving = current(environment.leavings)
    if environment.phase is not Phase.REMOVED or leaving is None or leaving.completed_at:
        return environment, False
    if plan.scan is None:
        return _not_yet(environment, now + _AGAIN), True
    scan = plan.scan
    missed = [found for found in scan if _is_to_go(environment, found)]
    if missed:
        environment = _with_missed(environment, missed, now)
        if any(found.kind.holds_data for found in missed):
            environment = _with_patience(environment, now, policy)
        return _not_yet(environment, now), False
    result = scanned(
        now,
        leftovers=[_described(f) for f in scan if not _is_kept(f)],
        kept=[_described(f) for f in scan if _is_kept(f)],
    )
    leaving = replace(leaving, scan=result, completed_at=now)
    return replace(environment, leavings=amended(environment.leavings, leaving)), False


def _is_kept(found: Leftover) -> bool:
    return found.ours and found.kind is Kind.SNAPSHOT


def _is_to_go(environment: Environment, found: Leftover) -> bool:
    """Whether a resource that the search found is the person's and to be removed.

    A disk left behind by its notebook may hold the only copy of a person's work: it is deleted only
    if a snapshot holds that work, or the profile keeps none; otherwise it is listed as a leftover.
    """
    match found.kind:
        case Kind.SNAPSHOT:
            return False
        case Kind.DISK:
            keeps_none = environment.joined is not None and environment.keep_seconds == 0
            has_data = found.name.endswith(DATA_DISK)
            kept = snapshot_of_disk(environment, found.name) is not None
            return found.ours and (kept or keeps_none or not has_data)
        case _:
            return found.ours or found.named


def _not_yet(environment: Environment, due_at: datetime) -> Environment:
    return replace(
        environment,
        phase=Phase.REMOVING,
        due_at=min(environment.due_at or due_at, due_at),
    )


def _with_missed(environment: Environment, missed: list[Leftover], now: datetime) -> Environment:
    for found in missed:
        if found.kind.is_use:
            environment = with_another_look(_with_use(environment, found), now)
            continue
        known = next((r for r in environment.resources if r.name == found.name), None)
        resource = known or Resource(
            kind=found.kind,
            slot=f"found-{fingerprint(found.name, length=8)}",
            name=found.name,
            state=State.STOPPED,  # a placeholder: it is looked at at once
            owner=found.owner,
            key=found.key,
        )
        if found.kind is Kind.DISK:
            snapshot = snapshot_of_disk(environment, found.name)
            resource = replace(resource, snapshot=snapshot.slot if snapshot else "")
        environment = environment.with_resource(replace(resource, look_at=now, retry_at=None))
    return environment


def _with_patience(environment: Environment, now: datetime, policy: Policy) -> Environment:
    """An unknown notebook may hold work: its grace period counts from the newest leave.

    If nothing is known of the person either, their record was lost: whatever grace period and
    snapshot they were to have, what is found is kept for as long as that may matter.
    """
    intent = environment.intent
    assert intent is not None, "only leavers are looked for"
    assert environment.left_at is not None, "only leavers are looked for"
    left_at = min(intent.effective_at or intent.occurred_at, now)
    environment = replace(environment, left_at=max(environment.left_at, left_at))
    if environment.joined is None:
        grace, keep = policy.unknown_grace.total_seconds(), policy.unknown_keep.total_seconds()
        environment = replace(
            environment,
            grace_seconds=max(environment.grace_seconds, int(grace)),
            keep_seconds=max(environment.keep_seconds, int(keep)),
        )
    leaving = current(environment.leavings)
    assert leaving is not None, "only a departure is concluded"
    leaving = replace(leaving, removal_at=environment.removal_at)
    return replace(environment, leavings=amended(environment.leavings, leaving))


def _with_use(environment: Environment, found: Leftover) -> Environment:
    """The record with the collection to which ``found`` belongs."""
    parent = found.name.rpartition("/")[0]
    use = Resource(kind=found.kind, slot="", name=parent, owner=found.owner, key=found.key)
    owner = environment.owner_of(use)
    same = (r for r in environment.resources if r.kind is use.kind)
    if any(environment.owner_of(r) == owner for r in same):
        return environment
    return environment.with_resource(replace(use, slot=slot_of(environment, *owner)))


def _described(found: Leftover) -> str:
    detail = f" ({found.detail})" if found.detail else ""
    return f"{found.kind}: {found.name}{detail}"
