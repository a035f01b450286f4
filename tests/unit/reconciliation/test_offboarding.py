"""A departure: what is searched for, and when it is complete.

What is written down of it is in ``projections/test_offboarding_record.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.commands.intent import Intent, Verb
from shared.domain.environment import Environment
from shared.domain.faults import Disposition
from shared.domain.manifests.workloads import sessions_of
from shared.domain.people.addresses import with_current
from shared.domain.policy import Policy
from shared.domain.projections.offboarding_record import InventoryResult, OffboardingRecord, Thing
from shared.domain.reconciliation.context import Needs
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.offboarding import (
    Conclusion,
    conclude,
    may_give_access,
    with_workloads,
    with_workloads_to_observe,
)
from shared.domain.reconciliation.reconcile import reconcile
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.observation import Observation, Orphan
from shared.domain.resources.resource import LostCall, Resource
from shared.domain.status import Health, Phase
from tests.support.builders import ANA, NOW, a_notebook, a_problem, a_record, after, an_intent
from tests.support.grouped_fields import a_resource, replace
from tests.support.reconciling import as_it_is, context_at, reconciled
from tests.support.simulation.process import SITE

POLICY = Policy()
NOTEBOOK = Thing(about="workbench/main", name="zone-a/nb", state="ready")
LEAVING = OffboardingRecord(
    event_id="e", source="test", occurred_at=NOW, left_at=NOW, removal_at=NOW, had=(NOTEBOOK,)
)
SESSIONS = Resource(kind=Kind.SESSION, slot="started", name="p/sessions")
SESSIONS_TO_OBSERVE = replace(SESSIONS, observe_at=NOW)


def leaver(
    *resources: Resource, leaving: OffboardingRecord = LEAVING, **changes: Any
) -> Environment:
    gone: dict[str, Any] = {"phase": Phase.REMOVING, "leavings": (leaving,)}
    return a_record(*resources, verb=Verb.LEAVE, **gone | changes)


def found(kind: Kind = Kind.WORKBENCH, name: str = "zone-b/nb", **changes: Any) -> Orphan:
    return Orphan(kind=kind, name=name, **{"ours": True} | changes)


def conclusion_of(record: Environment, *scan: Orphan) -> tuple[Environment, Conclusion]:
    """The record after the final search found exactly that, and the conclusion."""
    draft = Draft(record, NOW)
    conclusion = conclude(draft, scan, context_at())
    return draft.record, conclusion


def concluded(record: Environment, *scan: Orphan) -> Environment:
    """The record after the final search found exactly that."""
    return conclusion_of(record, *scan)[0]


def runs_after_all(resource: Resource) -> Observation:
    """What is seen of everything that the search has found."""
    return Observation(state=State.READY)


# The final search


@pytest.mark.parametrize(
    "record",
    [leaver(a_notebook()), leaver(leaving=replace(LEAVING, had=()))],
    ids=["all that is known is gone", "nothing is known: their record may have been lost"],
)
def test_when_nothing_is_left_the_final_search_is_needed(record: Environment) -> None:
    needs = reconcile(record, replace(context_at(), older=()))
    assert isinstance(needs, Needs)
    assert needs.inventory
    assert not replace(needs, inventory=False).any, "everything else is known"


@pytest.mark.parametrize(("due", "expected"), [(0.5, 0.5), (99, 10), (None, 10)])
def test_a_failed_final_search_is_repeated_soon(due: float | None, expected: float) -> None:
    expires_at = None if due is None else after(due)
    snapshot = a_resource(
        kind=Kind.SNAPSHOT, slot="s", name="s", state=State.READY, expires_at=expires_at
    )
    problem = a_problem(Disposition.TEMPORARY)
    record = reconciled(leaver(a_notebook(), snapshot), inventory=problem).record
    assert record.status.phase is Phase.REMOVING, "not removed before the final search"
    assert record.status.health is Health.RETRYING
    assert record.status.problem == f"the final search failed: {problem.message}"
    assert record.status.due_at == after(expected)
    [leaving] = record.departure.records
    assert (leaving.completed_at, leaving.scan) == (None, None)


def test_a_final_search_that_finds_nothing_completes_the_removal() -> None:
    record = reconciled(leaver(a_notebook()), inventory=()).record
    assert (record.status.phase, record.status.health) == (Phase.REMOVED, Health.OK)
    [leaving] = record.departure.records
    assert leaving.completed_at == NOW
    assert leaving.scan == InventoryResult(at=NOW)


def test_findings_that_may_stay_are_in_the_leaving_record() -> None:
    inventory = (
        found(Kind.SNAPSHOT, "snapshots/s1", detail="until 2026-08-02"),
        found(Kind.CLUSTER, "p/clusters/c1", ours=False, detail="it is somebody else's"),
        found(Kind.SESSION_TEMPLATE, "p/sessionTemplates/t", ours=False),
    )
    plan = reconciled(leaver(a_notebook()), inventory=inventory)
    record = plan.record
    assert record.status.phase is Phase.REMOVED
    [entry] = [e for e in plan.entries if e.action == "search.leftovers"]
    assert entry.text == (
        "the final search left alone: cluster: p/clusters/c1 (it is somebody else's); "
        "session-template: p/sessionTemplates/t"
    )
    assert record.departure.records[0].scan == InventoryResult(
        at=NOW,
        leftovers=(
            "cluster: p/clusters/c1 (it is somebody else's)",
            "session-template: p/sessionTemplates/t",
        ),
        kept=("snapshot: snapshots/s1 (until 2026-08-02)",),
    )


def test_of_many_findings_the_history_names_five() -> None:
    inventory = [found(Kind.CLUSTER, f"p/clusters/c{n}", ours=False) for n in range(7)]
    plan = reconciled(leaver(a_notebook()), inventory=tuple(inventory))
    [entry] = [e for e in plan.entries if e.action == "search.leftovers"]
    assert entry.text.endswith("cluster: p/clusters/c4; and 2 more")


@pytest.mark.parametrize("joined", [None, an_intent()])
def test_after_a_lost_record_found_resources_are_kept_for_a_long_time(
    joined: Intent | None,
) -> None:
    record = concluded(leaver(joined=joined, grace_seconds=5, keep_seconds=6), found())
    kept = (record.terms.grace_seconds, record.terms.keep_seconds)
    assert kept == ((30 * 86400, 90 * 86400) if joined is None else (5, 6))


def test_the_grace_period_of_an_unknown_notebook_counts_from_the_newest_leave() -> None:
    """The first departure had ended long before the repeated leave."""
    long_ago = {"left_at": after(days=-99), "joined": an_intent(), "grace_seconds": 60}
    again = an_intent(Verb.LEAVE, occurred_at=after(-0.5))
    record = concluded(leaver(**long_ago, intent=again), found())
    assert record.departure.left_at == after(-0.5)
    assert record.departure.records[-1].removal_at == after(0.5)
    first = an_intent(Verb.LEAVE, occurred_at=after(days=-99))
    assert concluded(leaver(**long_ago, intent=first), found()).departure.left_at == after(days=-99)
    other = concluded(leaver(**long_ago, intent=again), found(Kind.CLUSTER_TEMPLATE))
    assert other.departure.left_at == after(days=-99)


@pytest.mark.parametrize(
    "record",
    [
        leaver(a_notebook(State.STOPPED), phase=Phase.SUSPENDED),
        leaver(a_notebook(), leaving=replace(LEAVING, completed_at=NOW)),
        leaver(a_notebook(), leaving=replace(LEAVING, returned_at=NOW)),
        leaver(a_notebook(), leavings=()),
        a_record(a_notebook(State.READY)),
    ],
    ids=["something is left", "it is over", "they came back", "from before records", "present"],
)
def test_otherwise_there_is_nothing_to_conclude(record: Environment) -> None:
    plan = reconciled(record, (), as_it_is, inventory=None)
    assert plan.record.departure.records == record.departure.records


@pytest.mark.parametrize(
    "kind", [k for k in Kind if not k.is_workload and k is not Kind.SNAPSHOT], ids=str
)
def test_a_resource_that_the_record_did_not_know_is_removed_too(kind: Kind) -> None:
    record, conclusion = conclusion_of(leaver(a_notebook()), found(kind, "elsewhere/x"))
    missed = record.resources[-1]
    assert (missed.kind, missed.name, missed.observe_at) == (kind, "elsewhere/x", NOW)
    assert missed.state is State.STOPPED, "not absent, or it would not be observed"
    assert record.departure.records[-1].completed_at is None, "it isn't over"
    assert conclusion == Conclusion(found=(missed.id,), again_at=after(1))


@pytest.mark.parametrize("kind", [Kind.WORKBENCH, Kind.SESSION_TEMPLATE, Kind.SESSION])
def test_a_found_resource_is_observed_and_ended_at_once(kind: Kind) -> None:
    """Whatever it is, it may be in use."""
    record = leaver(a_notebook(), left_at=after(days=-1))
    plan = reconciled(record, (), runs_after_all, inventory=(found(kind, "elsewhere/x"),))
    step = Step.STOP if kind.holds_data else Step.DELETE
    assert [(a.resource.kind, a.step) for a in plan.actions] == [(kind, step)]
    assert plan.record.status.phase not in (Phase.REMOVED, Phase.SUSPENDED)
    assert plan.record.departure.records[-1].completed_at is None


def test_all_found_resources_are_ended_at_once_known_to_the_record_or_not() -> None:
    sessions = replace(SESSIONS, name="p/sessions")
    record = leaver(a_notebook(), sessions)
    inventory = (found(), found(Kind.SESSION, "p/sessions/1"))
    plan = reconciled(record, (), runs_after_all, inventory=inventory)
    steps = [(a.resource.kind, a.step) for a in plan.actions]
    assert steps == [(Kind.WORKBENCH, Step.STOP), (Kind.SESSION, Step.DELETE)]


@pytest.mark.parametrize("name", ["zone-a/nb", "zone-b/nb"], ids=["known", "unknown"])
def test_a_found_notebook_may_hold_work_and_is_only_stopped(name: str) -> None:
    """Its grace period counts from the newest leave, though the first is long over."""
    again = an_intent(Verb.LEAVE, occurred_at=after(-0.5))
    joined = an_intent(occurred_at=after(days=-120))
    record = leaver(a_notebook(), left_at=after(days=-99), joined=joined, intent=again)
    plan = reconciled(record, (), runs_after_all, inventory=(found(name=name),))
    assert [(a.resource.name, a.step) for a in plan.actions] == [(name, Step.STOP)]
    assert plan.record.departure.left_at == after(-0.5)
    assert plan.record.status.phase is Phase.SUSPENDING


def test_a_resource_just_observed_absent_is_observed_again_if_it_is_found() -> None:
    answers = [State.ABSENT, State.READY]

    def seen(resource: Resource) -> Observation:
        return Observation(state=answers.pop(0))

    stopping = a_notebook(State.STOPPING, step=Step.DELETE, operation="op", observe_at=NOW)
    plan = reconciled(leaver(stopping), (), seen, inventory=(found(name="zone-a/nb"),))
    assert [a.step for a in plan.actions] == [Step.STOP]


def test_invariant_7_what_is_found_is_saved_before_it_is_deleted() -> None:
    """At once, if it is at rest and its time is over."""
    name = "projects/demo/locations/us-central1-a/instances/nb"
    record = leaver(a_notebook(), keep_seconds=86400, grace_seconds=0, left_at=after(days=-1))
    at_rest = Observation(state=State.STOPPED)
    plan = reconciled(record, (), lambda _: at_rest, inventory=(found(name=name),))
    assert [(a.resource.kind, a.step) for a in plan.actions] == [(Kind.SNAPSHOT, Step.CREATE)]
    assert plan.actions[0].resource.retention.source == name


@pytest.mark.parametrize("kept", [State.READY, State.ABSENT], ids=["it is there", "it is gone"])
def test_a_found_disk_is_deleted_only_after_its_snapshot_is_observed_again(
    kept: State,
) -> None:
    """Somebody may have deleted the snapshot since it was observed for something else."""
    source = "projects/demo/locations/us-central1-a/instances/nb"
    snapshot = a_resource(
        kind=Kind.SNAPSHOT, slot="s1", name="s1", state=State.READY, source=source, observe_at=NOW
    )
    answers = {snapshot.id: [State.READY, kept]}

    def seen(resource: Resource) -> Observation:
        return Observation(state=answers.get(resource.id, [State.READY]).pop(0))

    disk = found(Kind.DISK, "projects/demo/zones/us-central1-a/disks/nb-data-workspace")
    record = leaver(a_notebook(), snapshot, keep_seconds=86400)
    plan = reconciled(record, (), seen, inventory=(disk,))
    deleted = [action.resource.kind for action in plan.actions]
    assert deleted == ([Kind.DISK] if kept is State.READY else [])
    assert answers == {snapshot.id: []}, "observed twice"


def test_a_found_resource_that_is_already_absent_leads_to_another_search() -> None:
    gone = Observation(state=State.ABSENT)
    plan = reconciled(leaver(a_notebook()), (), lambda _: gone, inventory=(found(),))
    assert plan.actions == ()
    assert (plan.record.status.phase, plan.record.status.due_at) == (Phase.REMOVING, after(1))


def test_two_found_notebooks_are_two_resources() -> None:
    record = concluded(leaver(a_notebook()), found(name="zone-b/nb"), found(name="zone-c/nb"))
    assert [r.name for r in record.resources] == ["zone-a/nb", "zone-b/nb", "zone-c/nb"]
    assert len({r.id for r in record.resources}) == 3


def test_a_notebook_found_twice_is_one_resource() -> None:
    record = concluded(leaver(a_notebook()), found())
    again = concluded(record, found())
    assert again.resources == record.resources


def test_a_resource_recorded_as_absent_is_observed_again_if_it_is_found() -> None:
    record, conclusion = conclusion_of(leaver(a_notebook()), found(name="zone-a/nb"))
    assert record.resources == (a_notebook(observe_at=NOW),)
    assert conclusion.found == ("workbench/main",)


@pytest.mark.parametrize("kind", [Kind.SESSION, Kind.CLUSTER])
def test_a_found_workload_is_observed_with_all_workloads_of_its_kind(kind: Kind) -> None:
    uses = Resource(kind=kind, slot="started", name="p/uses", serial=3)
    record, conclusion = conclusion_of(leaver(uses), found(kind, "p/uses/1"))
    assert record.resources == (replace(uses, observe_at=NOW),)
    assert conclusion.found == (uses.id,)


@pytest.mark.parametrize("known", [(), (a_notebook(),)], ids=["empty", "other resources"])
def test_found_sessions_are_observed_although_the_record_has_none(
    known: tuple[Resource, ...],
) -> None:
    """Their record was lost, and with it that they had a template."""
    record = concluded(leaver(*known), found(Kind.SESSION, "p/sessions/1"))
    assert record.resources == (*known, SESSIONS_TO_OBSERVE)


OLD, SECOND = "a.old@example.com", "ana-old-aaaaaaaaaaaa"


def test_a_resource_found_under_another_key_and_address_keeps_them() -> None:
    of_old = found(Kind.SESSION_TEMPLATE, "p/t", owner=OLD, key=SECOND)
    [template] = concluded(leaver(), of_old).resources
    assert (template.owner, template.key) == (OLD, SECOND)


def test_workloads_are_listed_separately_for_each_key_and_address() -> None:
    """A listing by another address finds none of them, and they would never end."""
    addresses = with_current(with_current((), OLD, after(-9)), ANA, after(-5))
    record = leaver(SESSIONS, addresses=addresses, merged=(SECOND,))
    others = [found(Kind.SESSION, "p/sessions/1", owner=OLD, key=key) for key in ("", SECOND)]
    again = concluded(record, *others, found(Kind.SESSION, "p/sessions/2", owner=ANA))
    owners = [(r.key, r.owner, r.observe_at) for r in again.resources]
    assert owners == [("", "", NOW), ("", OLD, NOW), (SECOND, OLD, NOW)]
    assert len({r.id for r in again.resources}) == 3
    assert concluded(again, *others).resources == again.resources


def test_a_disk_with_the_only_copy_of_kept_work_stays_and_is_listed() -> None:
    disk = found(Kind.DISK, "disks/nb-data-workspace")
    keeps = concluded(leaver(a_notebook(), joined=an_intent(), keep_seconds=86400), disk)
    assert keeps.departure.records[0].scan == InventoryResult(
        at=NOW, leftovers=("disk: disks/nb-data-workspace",)
    )
    keeps_none = concluded(leaver(a_notebook(), joined=an_intent(), keep_seconds=0), disk)
    assert [r.kind for r in keeps_none.resources] == [Kind.WORKBENCH, Kind.DISK]


# What is searched for


TEMPLATE = Resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", state=State.READY)
STARTED = Resource(kind=Kind.SESSION, slot="started", name=sessions_of(SITE), owner=ANA)
OLDER = Resource(kind=Kind.DATAPROC_HUB, slot="hub", name="p/hub", state=State.READY)


def test_workloads_of_a_leaver_are_observed() -> None:
    record = with_workloads(leaver(TEMPLATE), replace(context_at(), older=(OLDER,)))
    looks = (replace(STARTED, observe_at=NOW), replace(OLDER, observe_at=NOW))
    assert record.resources == (TEMPLATE, *looks)
    assert record.departure.sought_at == NOW


def test_a_known_workload_is_kept_as_it_is() -> None:
    ended = replace(STARTED, step=Step.DELETE, serial=3)
    record = with_workloads(leaver(TEMPLATE, ended), context_at())
    assert record.resources == (TEMPLATE, ended)


def test_older_kinds_count_as_searched_only_after_an_answer() -> None:
    """If that fails, the final search finds them at the latest."""
    for older in (None, a_problem(Disposition.TEMPORARY)):
        assert (
            with_workloads(leaver(), replace(context_at(), older=older)).departure.sought_at is None
        )
    assert with_workloads(leaver(), replace(context_at(), older=())).departure.sought_at == NOW


@pytest.mark.parametrize(
    ("verb", "resource", "again"),
    [
        (Verb.LEAVE, SESSIONS, True),
        (Verb.LEAVE, replace(SESSIONS, kind=Kind.CLUSTER), True),
        (Verb.LEAVE, replace(SESSIONS, step=Step.DELETE), False),
        (Verb.LEAVE, a_notebook(), False),
        (Verb.JOIN, SESSIONS, False),
    ],
)
def test_workloads_are_observed_again_after_the_notebook_stopped(
    verb: Verb, resource: Resource, again: bool
) -> None:
    record = with_workloads_to_observe(a_record(resource, verb=verb), NOW)
    assert record.resources == (replace(resource, observe_at=NOW) if again else resource,)


@pytest.mark.parametrize(
    ("resource", "may", "because"),
    [
        (a_notebook(State.READY), True, "it runs"),
        (a_notebook(State.STARTING, was_ready=True), True, "it will run"),
        (a_notebook(State.STOPPED, was_ready=True), False, "it is at rest"),
        (a_notebook(State.BROKEN, was_ready=True), False, "it can't be used"),
        (a_notebook(State.STOPPED), True, "it was not observed yet"),
        (a_notebook(State.ABSENT), False, "it is gone"),
        (a_notebook(State.FOREIGN), False, "it is somebody else's"),
        (
            a_notebook(
                State.STOPPED,
                was_ready=True,
                unconfirmed=(LostCall(step=Step.START, until=after(1)),),
            ),
            True,
            "a start may still be carried out",
        ),
        (SESSIONS, False, "there are none"),
        (SESSIONS_TO_OBSERVE, True, "they were not observed yet"),
        (replace(SESSIONS, state=State.READY), True, "some run"),
        (replace(SESSIONS, kind=Kind.SESSION_TEMPLATE, state=State.READY), True, "a template"),
        (replace(SESSIONS, kind=Kind.SESSION_TEMPLATE, observe_at=NOW), False, "none any more"),
        (replace(SESSIONS, kind=Kind.SNAPSHOT, state=State.READY), False, "nobody can open it"),
        (replace(SESSIONS, kind=Kind.DISK, state=State.READY), False, "nor that"),
    ],
)
def test_resources_that_may_give_a_leaver_access(
    resource: Resource, may: bool, because: str
) -> None:
    assert may_give_access(resource) is may, because
