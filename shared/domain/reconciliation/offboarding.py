"""The rules for leaving: what to search for, what to record, and when a departure has ended. Pure.

A departure ends with the final search for everything with the person's labels: the environment is
*removed* only when that search finds nothing more to delete.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.faults import Problem
from shared.domain.manifests.snapshot import DATA_DISK
from shared.domain.manifests.workloads import slot_of, workloads_of
from shared.domain.names import found_slot
from shared.domain.policy import Policy
from shared.domain.projections.offboarding_record import amended, current, inventory_result
from shared.domain.reconciliation.changes import LeftoversFound
from shared.domain.reconciliation.context import Context
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.retention import snapshot_of_disk
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Orphan
from shared.domain.resources.resource import Data, Resource

_SEARCH_AGAIN = timedelta(minutes=1)


class Conclusion(msgspec.Struct, frozen=True):
    """The result of the final search.

    ``found``: the ids of further resources that it found; they are now in the record, to be
    deleted. ``problem``: why it failed, '' if it did not; ``code``: of that fault.
    ``again_at``: when to search again.
    """

    found: tuple[str, ...] = ()
    problem: str = ""
    code: str = ""
    again_at: datetime | None = None


def with_workloads(record: Environment, context: Context) -> Environment:
    """A leaver's record with their workloads and their notebooks of older kinds, to be observed."""
    older = context.older if isinstance(context.older, tuple) else ()
    for found in (*workloads_of(record, context.site), *older):
        if record.resource(found.id) is None:
            record = record.with_resource(replace(found, observe_at=context.now))
    if isinstance(context.older, tuple):
        record = replace(record, departure=replace(record.departure, sought_at=context.now))
    return record


def may_give_access(resource: Resource) -> bool:
    """Whether somebody can use it, or may soon be able to, as far as the record shows."""
    if resource.unconfirmed:
        return True
    if resource.kind in (Kind.SNAPSHOT, Kind.DISK) or resource.state is State.FOREIGN:
        return False
    if resource.kind.holds_data and resource.state in (State.STOPPED, State.BROKEN):
        return not resource.usage.was_ready  # one that a search found was not observed yet
    unseen = resource.kind.is_workload and resource.observe_at is not None
    return resource.state is not State.ABSENT or unseen


def with_workloads_to_observe(environment: Environment, now: datetime) -> Environment:
    """Observe a leaver's workloads again: until a notebook has stopped, it could start some."""
    for resource in environment.resources:
        if resource.kind.is_workload and resource.in_flight is None and environment.leaving:
            environment = environment.with_resource(replace(resource, observe_at=now))
    return environment


def conclude(draft: Draft, inventory: tuple[Orphan, ...] | Problem, context: Context) -> Conclusion:
    """End the departure if the final search found nothing more; else add what it found.

    Called when all resources of the record are gone. What the search finds with the person's labels
    is deleted as well.
    """
    now = context.now
    if isinstance(inventory, Problem):
        problem = f"the final search failed: {inventory.message}"
        again_at = now + context.policy.scan_again
        return Conclusion(problem=problem, code=inventory.code, again_at=again_at)
    missed = [found for found in inventory if _is_to_be_deleted(draft.record, found)]
    if missed:
        before = {r.id: r for r in draft.record.resources}
        record = _with_missed(draft.record, missed, now)
        if any(found.kind.holds_data for found in missed):
            record = _with_grace_period(record, now, context.policy)
        draft.record = record
        fresh = tuple(r.id for r in record.resources if before.get(r.id) is not r)
        return Conclusion(found=fresh, again_at=now + _SEARCH_AGAIN)
    draft.settle()
    departure = draft.record.departure
    leaving = current(departure.records)
    assert leaving is not None, "only a departure is concluded"
    result = inventory_result(
        now,
        leftovers=[_described(f) for f in inventory if not _is_kept(f)],
        kept=[_described(f) for f in inventory if _is_kept(f)],
    )
    if result.leftovers:
        draft.note(LeftoversFound(result.leftovers))
    leaving = replace(leaving, scan=result, completed_at=now)
    departure = replace(departure, records=amended(departure.records, leaving))
    draft.record = replace(draft.record, departure=departure)
    return Conclusion()


def _is_kept(found: Orphan) -> bool:
    return found.ours and found.kind is Kind.SNAPSHOT


def _is_to_be_deleted(environment: Environment, found: Orphan) -> bool:
    """Whether a resource that the search found is to be deleted.

    A disk left behind by its notebook may hold the only copy of a person's work. It is deleted only
    if a snapshot holds that work, or if the profile keeps no snapshots; otherwise it is listed as a
    leftover.
    """
    match found.kind:
        case Kind.SNAPSHOT:
            return False
        case Kind.DISK:
            keeps_none = (
                environment.events.joined is not None and environment.terms.keep_seconds == 0
            )
            has_data = found.name.endswith(DATA_DISK)
            kept = snapshot_of_disk(environment, found.name) is not None
            return found.ours and (kept or keeps_none or not has_data)
        case _:
            return found.ours or found.named


def _with_missed(environment: Environment, missed: list[Orphan], now: datetime) -> Environment:
    for found in missed:
        if found.kind.is_workload:
            environment = with_workloads_to_observe(_with_workload(environment, found), now)
            continue
        known = next((r for r in environment.resources if r.name == found.name), None)
        resource = known or Resource(
            kind=found.kind,
            slot=found_slot(found.name),
            name=found.name,
            state=State.STOPPED,  # a placeholder: it is observed at once
            owner=found.owner,
            key=found.key,
        )
        if found.kind is Kind.DISK:
            snapshot = snapshot_of_disk(environment, found.name)
            resource = replace(resource, data=Data(saved_in=snapshot.slot if snapshot else ""))
        environment = environment.with_resource(resource.to_observe(now))
    return environment


def _with_grace_period(environment: Environment, now: datetime, policy: Policy) -> Environment:
    """The record with a grace period for a notebook that only the search found: it may hold work.

    The grace period counts from the newest leave. If no join is known either, the person's record
    was lost and with it their terms: then the longer times of the policy apply.
    """
    intent = environment.events.in_force
    assert intent is not None, "only leavers are searched for"
    departure, terms = environment.departure, environment.terms
    assert departure.left_at is not None, "only leavers are searched for"
    left_at = min(intent.effective_at or intent.occurred_at, now)
    departure = replace(departure, left_at=max(departure.left_at, left_at))
    if environment.events.joined is None:
        grace, keep = policy.unknown_grace.total_seconds(), policy.unknown_keep.total_seconds()
        terms = replace(
            terms,
            grace_seconds=max(terms.grace_seconds, int(grace)),
            keep_seconds=max(terms.keep_seconds, int(keep)),
        )
    leaving = current(departure.records)
    assert leaving is not None, "only a departure is concluded"
    environment = replace(environment, departure=departure, terms=terms)
    leaving = replace(leaving, removal_at=environment.removal_at)
    departure = replace(departure, records=amended(departure.records, leaving))
    return replace(environment, departure=departure)


def _with_workload(environment: Environment, found: Orphan) -> Environment:
    """The record with the workloads of the key and address by which ``found`` was found."""
    parent = found.name.rpartition("/")[0]
    use = Resource(kind=found.kind, slot="", name=parent, owner=found.owner, key=found.key)
    owner = environment.owner_of(use)
    same = (r for r in environment.resources if r.kind is use.kind)
    if any(environment.owner_of(r) == owner for r in same):
        return environment
    return environment.with_resource(replace(use, slot=slot_of(environment, *owner)))


def _described(found: Orphan) -> str:
    detail = f" ({found.detail})" if found.detail else ""
    return f"{found.kind}: {found.name}{detail}"
