"""Decides what to do next for one person. Pure: the same input gives the same answer.

``reconcile`` compares the desired state with the last observations. It answers with a plan (the
next step of each resource, the status, and when to reconcile again), or with what it has to know
first. It takes no step itself and never waits: its caller (``services/converge.py``) saves the
plan, takes the steps, and calls it again with the results.
"""

from __future__ import annotations

from msgspec.structs import replace

from shared.domain.commands.scheduled import with_due_intents
from shared.domain.environment import Environment
from shared.domain.reconciliation.access import foreign_templates, has_no_access, kept_by_a_hold
from shared.domain.reconciliation.changes import AccessEnded, HealthChanged, PhaseChanged
from shared.domain.reconciliation.context import Context, Needs, Plan
from shared.domain.reconciliation.desired_state import DesiredState, Goal, Manifests
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.durations import fulfilled
from shared.domain.reconciliation.failures import within_the_hour
from shared.domain.reconciliation.needs import looks_due, needs_of
from shared.domain.reconciliation.observe import absorb, note_consents, observe
from shared.domain.reconciliation.offboarding import (
    Conclusion,
    conclude,
    may_give_access,
    with_workloads,
    with_workloads_to_observe,
)
from shared.domain.reconciliation.overdue import without_waiting
from shared.domain.reconciliation.replacement import with_successors
from shared.domain.reconciliation.retention import with_snapshots
from shared.domain.reconciliation.start_steps import begin_steps
from shared.domain.reconciliation.status import awaits_inventory, with_status
from shared.domain.resources.kinds import Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Resource


def reconcile(record: Environment, context: Context) -> Plan | Needs:
    """The plan for ``record``, or what is needed to make one.

    First the results of the last steps are put into the record; then scheduled events whose time
    has come take effect.
    """
    draft = Draft(record, context.now)
    absorb(draft, context)
    draft.settle()
    draft.record, entries = with_due_intents(draft.record, context.now)
    draft.entries += entries
    # A leave needs no profile, so that a missing or broken profile never stops it.
    joins = draft.record.events.in_force is not None and not draft.record.leaving
    if joins and context.profile is None:
        return Needs(record=draft.record, profile=True)
    manifests = context.manifests if joins else ()
    draft.record = _prepared(draft.record, manifests, context)
    desired = DesiredState(manifests, context.now)
    needs = needs_of(draft.record, desired, context)
    if needs.any:
        return needs
    return _reconciled(draft, desired, context)


def with_results(record: Environment, context: Context) -> Plan:
    """``record`` with the results of the last steps, due at once; no step is planned."""
    draft = Draft(record, context.now)
    absorb(draft, context)
    draft.settle()
    status = replace(draft.record.status, due_at=context.now)
    record = replace(draft.record, status=status, updated_at=context.now)
    return Plan(record, (), tuple(draft.entries))


def _reconciled(draft: Draft, desired: DesiredState, context: Context) -> Plan | Needs:
    """The plan, once all questions that could be asked in advance are answered."""
    before = draft.record
    observe(draft, desired, context, context.observed)
    note_consents(draft, context)
    _shorten_waits(draft, desired, context)
    with_successors(draft, desired.manifests)
    with_snapshots(draft, desired.goals_of(draft.record))
    begun = begin_steps(draft, desired, context)
    conclusion = Conclusion()
    if not begun.actions and draft.record.leaving:
        _look_for_workloads_at_the_end(draft, desired, context)
        # Observe now, not at the next tick, so that the end of access is known at once.
        looks = looks_due(draft.record, desired, context.observed)
        if looks:
            return Needs(record=draft.record, looks=looks)
        if awaits_inventory(draft.record, desired.goals_of(draft.record)):
            if context.inventory is None:
                return Needs(record=draft.record, inventory=True)
            conclusion = conclude(draft, context.inventory, context)
    if conclusion.found:
        # It may be running: observe and stop it in this run.
        looks = looks_due(draft.record, desired, context.found)
        if looks:
            return Needs(record=draft.record, looks=looks)
        observe(draft, desired, context, context.found)
        with_snapshots(draft, desired.goals_of(draft.record))
        begun = begin_steps(draft, desired, context)
    if begun.asks.any:
        # Ask about the record as it was before: a notebook whose creation was just observed to
        # fail keeps its place in the queue.
        return replace(begun.asks, record=before)
    _conclude_status(draft, before, desired, context, conclusion)
    draft.settle()
    # Stop first, so that a leaver loses access before anything else is done.
    actions = sorted(begun.actions, key=lambda action: action.step is not Step.STOP)
    return Plan(draft.record, tuple(actions), tuple(draft.entries), begun.provisional)


def _prepared(record: Environment, manifests: Manifests, context: Context) -> Environment:
    """The record with every resource that is to be observed or created."""
    if record.leaving:
        return with_workloads(record, context)
    if record.events.in_force is not None:
        known = {r.id for r in record.resources}
        for manifest in manifests or ():
            if manifest.id not in known:
                record = _with_resource_for(record, manifest)
    for resource in record.resources:
        if resource.kind.is_workload and resource.in_flight is None:
            record = record.without(resource.id)  # the person may run workloads again
    return record


def _with_resource_for(record: Environment, manifest: Manifest) -> Environment:
    """The record with a resource for ``manifest``: the one of that name that a search found when
    the person left, or a new one."""
    alike = (r for r in record.resources if r.kind is manifest.kind and r.name in manifest.places)
    found = next(alike, None)
    if found is None:
        new = Resource(kind=manifest.kind, slot=manifest.slot, name=manifest.places[0])
        return record.with_resource(new)
    access = replace(found.access, start_owed=found.kind.holds_data)
    wanted = replace(found, slot=manifest.slot, access=access)
    return record.without(found.id).with_resource(wanted)


def _shorten_waits(draft: Draft, desired: DesiredState, context: Context) -> None:
    """Shorten the waits of resources that must be stopped or deleted and may still give access.

    A long change in progress is no longer waited for, and what failed is tried again within
    ``backoff_most``.
    """
    now, policy = context.now, context.policy
    for resource in draft.record.resources:
        hurried = resource
        if resource.kind.holds_data:
            hurried = without_waiting(resource, key=draft.record.key, now=now, policy=policy)
        if may_give_access(hurried):
            hurried = within_the_hour(hurried, now, policy)
        if hurried is resource:
            continue
        if desired.goals_of(draft.record)[resource.id] in (Goal.STOPPED, Goal.ABSENT):
            draft.put(resource, hurried)


def _look_for_workloads_at_the_end(draft: Draft, desired: DesiredState, context: Context) -> None:
    """Look for sessions and clusters once more before access counts as ended.

    Since the last look, some may have been started from a template that a hold keeps.
    """
    record = draft.record
    if record.status.unmet_since is None or not has_no_access(record, desired.goals_of(record)):
        return
    workloads = [r for r in record.resources if r.kind.is_workload]
    if not all(context.was_observed(r.id) for r in workloads):
        draft.record = with_workloads_to_observe(record, context.now)


def _with_goal(resource: Resource, goal: Goal) -> Resource:
    return resource if resource.goal is goal else replace(resource, goal=goal)


def _conclude_status(
    draft: Draft,
    before: Environment,
    desired: DesiredState,
    context: Context,
    conclusion: Conclusion,
) -> None:
    """Put the goals and the status into the record, and note what changed."""
    now = context.now
    goals = desired.goals_of(draft.record)
    record = with_status(draft.record, desired.manifests, goals, conclusion, context)
    unsearched = bool(conclusion.problem)
    record, seconds = fulfilled(record, goals, now, unsearched=unsearched)
    resources = tuple(_with_goal(r, goals[r.id]) for r in record.resources)
    draft.record = replace(record, resources=resources)
    if record.leaving and seconds is not None:
        kept, foreign = kept_by_a_hold(draft.record), foreign_templates(draft.record)
        draft.note(AccessEnded(seconds, kept, foreign))
    if record.status.phase is not before.status.phase:
        draft.note(PhaseChanged(record.status.phase, None if record.leaving else seconds))
    shown = record.status.problem or before.status.problem  # without one, it is only queued
    if record.status.health is not before.status.health and shown:
        draft.note(HealthChanged(record.status.health, record.status.problem))
