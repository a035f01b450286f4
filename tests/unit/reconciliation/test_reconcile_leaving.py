"""The plan for somebody who has left: stopped at once, removed in time, over when nothing is found.

The rules for leaving by themselves are in ``test_offboarding.py``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.domain.commands.holds import Hold
from shared.domain.commands.intent import Verb
from shared.domain.contracts.announcements import News
from shared.domain.environment import Environment
from shared.domain.faults import Disposition
from shared.domain.policy import Policy
from shared.domain.projections.offboarding_record import OffboardingRecord, Thing
from shared.domain.reconciliation.desired_state import DesiredState
from shared.domain.reconciliation.needs import resources_to_observe
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.observation import Observation, Orphan
from shared.domain.resources.resource import Resource
from shared.domain.status import Health, Phase
from tests.support.builders import NOW, a_problem, a_record, after, an_intent
from tests.support.grouped_fields import a_resource, replace
from tests.support.reconciling import as_it_is, entries_of, reconciled, steps_of

POLICY = Policy()
GRACE = timedelta(days=14)
NB, TEMPLATE = Kind.WORKBENCH, Kind.CLUSTER_TEMPLATE
HOLD = Hold(at=NOW, reason="a lawsuit")
NAME = "projects/demo/locations/us-central1-a/instances/nb"
LEAVING = OffboardingRecord(
    event_id="e1", source="test", occurred_at=NOW, left_at=NOW, removal_at=after(days=14)
)


def thing(state: State, kind: Kind = NB, **more: Any) -> Resource:
    made = a_resource(kind=kind, slot="main", name=NAME, state=state, digest="d1")
    return replace(made, **{"link": "https://nb.example.com"} | more)


def leaver(*resources: Resource, **changes: Any) -> Environment:
    ordinary: dict[str, Any] = {"phase": Phase.PROVISIONING, "leavings": (LEAVING,)}
    return a_record(*resources, verb=Verb.LEAVE, **ordinary | changes)


def test_a_leaver_is_stopped_now_and_removed_after_the_grace_period() -> None:
    left = leaver(thing(State.READY), thing(State.READY, TEMPLATE))
    assert steps_of(reconciled(left, (), as_it_is)) == {NB: Step.STOP, TEMPLATE: Step.DELETE}
    stopped = leaver(thing(State.STOPPED))
    waiting = reconciled(stopped, seen={}, inventory=None)
    assert waiting.actions == ()
    assert (waiting.record.status.phase, waiting.record.status.health) == (
        Phase.SUSPENDED,
        Health.OK,
    )
    assert waiting.record.status.due_at == NOW + GRACE
    over = NOW + GRACE
    assert resources_to_observe(stopped, DesiredState((), over)) == ["workbench/main"]
    removing = reconciled(stopped, (), as_it_is, now=over)
    assert [a.step for a in removing.actions] == [Step.DELETE]
    assert removing.record.status.phase is Phase.REMOVING


def test_access_is_stopped_before_anything_else() -> None:
    left = leaver(thing(State.READY, TEMPLATE), thing(State.READY))
    plan = reconciled(left, (), as_it_is)
    assert [a.step for a in plan.actions] == [Step.STOP, Step.DELETE]


def test_invariant_7_after_the_grace_period_the_snapshot_comes_first_then_the_notebook() -> None:
    over = NOW + GRACE
    stopped = leaver(thing(State.STOPPED), keep_seconds=86400)
    first = reconciled(stopped, (), as_it_is, now=over)
    [taken] = first.actions
    assert (taken.resource.kind, taken.step) == (Kind.SNAPSHOT, Step.CREATE)
    assert first.record.status.phase is Phase.REMOVING
    snapshot = replace(taken.resource, state=State.CREATING, operation="op")
    record = first.record.with_resource(snapshot)
    creating = {
        snapshot.id: Observation(state=State.CREATING, operation="op"),
        "workbench/main": Observation(state=State.STOPPED),
    }
    assert reconciled(record, (), creating, now=over + POLICY.poll).actions == ()
    done = creating | {snapshot.id: Observation(state=State.READY, finished=True)}
    second = reconciled(record, (), done, now=over + POLICY.poll)
    assert steps_of(second) == {NB: Step.DELETE}
    [leaving] = second.record.departure.records
    assert leaving.snapshots == (snapshot.name,)


def test_a_removed_record_is_due_when_its_snapshot_expires() -> None:
    snapshot = a_resource(kind=Kind.SNAPSHOT, slot="s1", name="s1", state=State.READY, source=NAME)
    gone = leaver(
        thing(State.ABSENT),
        replace(snapshot, expires_at=after(9)),
        phase=Phase.REMOVED,
        leavings=(replace(LEAVING, completed_at=NOW),),
    )
    plan = reconciled(gone, seen={}, inventory=None)
    assert plan.record.status.phase is Phase.REMOVED
    assert plan.record.status.due_at == after(9)
    assert resources_to_observe(gone, DesiredState((), after(9))) == ["snapshot/s1"]
    seen = {"snapshot/s1": Observation(state=State.READY)}
    expired = reconciled(gone, (), seen, now=after(9), inventory=None)
    assert steps_of(expired) == {Kind.SNAPSHOT: Step.DELETE}
    assert expired.record.status.phase is Phase.REMOVED, "what was kept for later is no part of it"


# The final search


GONE = {"workbench/main": Observation(state=State.ABSENT)}


def last_step() -> Environment:
    """A leaver whose notebook, all they had, is being deleted after the grace period."""
    left_at = after(days=-15)
    had = replace(LEAVING, had=(Thing(about="workbench/main", name=NAME, state="ready"),))
    return leaver(
        thing(State.DELETING, step=Step.DELETE, operation="op", observe_at=NOW),
        phase=Phase.REMOVING,
        leavings=(had,),
        left_at=left_at,
        intent=an_intent(Verb.LEAVE, occurred_at=left_at),
        joined=an_intent(Verb.JOIN, "e0", occurred_at=after(days=-99)),
    )


def test_removed_only_after_the_final_search() -> None:
    plan = reconciled(last_step(), (), GONE, inventory=())
    assert plan.record.status.phase is Phase.REMOVED
    assert [item.news for item in plan.record.outbox.waiting] == [News.REMOVED]


def test_nobody_is_removed_while_the_final_search_fails() -> None:
    failed = a_problem(Disposition.TEMPORARY)
    plan = reconciled(last_step(), (), GONE, inventory=failed)
    assert (plan.record.status.phase, plan.record.status.health) == (
        Phase.REMOVING,
        Health.RETRYING,
    )
    assert "phase.changed" not in entries_of(plan)
    assert failed.message in plan.record.status.problem
    assert News.REMOVED not in [item.news for item in plan.record.outbox.waiting]


def test_nobody_is_removed_while_the_final_search_finds_more() -> None:
    missed = Orphan(kind=NB, name="elsewhere/nb", ours=True)

    def seen(resource: Resource) -> Observation:
        return Observation(state=State.READY if resource.name == missed.name else State.ABSENT)

    plan = reconciled(last_step(), (), seen, inventory=(missed,))
    assert plan.record.status.phase is Phase.REMOVING
    assert [item.news for item in plan.record.outbox.waiting] == [News.ACCESS_INCIDENT], "it runs"
    [action] = plan.actions
    assert (action.resource.name, action.step) == (missed.name, Step.DELETE), "it runs: at once"


# Holds


def test_under_a_hold_a_leaver_is_stopped_and_nothing_is_ever_deleted() -> None:
    sessions = Resource(kind=Kind.SESSION, slot="started", name="p/sessions", state=State.READY)
    clusters = Resource(kind=Kind.CLUSTER, slot="started", name="p/clusters", state=State.READY)
    left = leaver(
        thing(State.READY, observe_at=NOW),
        thing(State.READY, TEMPLATE),
        sessions,
        clusters,
        held=HOLD,
    )
    assert steps_of(reconciled(left, (), as_it_is, now=NOW + GRACE)) == {
        NB: Step.STOP,
        Kind.SESSION: Step.DELETE,
    }
    stopped = leaver(thing(State.STOPPED, observe_at=NOW), held=HOLD)
    plan = reconciled(stopped, (), as_it_is, now=NOW + GRACE)
    assert steps_of(plan) == {NB: Step.PROTECT}
    quiet = leaver(thing(State.STOPPED, protected=True), held=HOLD)
    later = reconciled(quiet, seen={}, now=NOW + GRACE, inventory=None)
    assert (later.actions, later.record.status.phase) == ((), Phase.SUSPENDED)
    assert later.record.status.due_at is None, "only a release changes anything"


# What they started


def test_after_a_notebook_stopped_its_owners_sessions_are_listed_once_more() -> None:
    """At once: until then nobody knows that access has ended."""
    sessions = Resource(kind=Kind.SESSION, slot="started", name="p/sessions")
    stopping = thing(State.STOPPING, step=Step.STOP, operation="op", observe_at=NOW)
    record = leaver(stopping, sessions)
    assert resources_to_observe(record, DesiredState((), NOW)) == ["workbench/main"]
    stopped = {"workbench/main": Observation(state=State.STOPPED, finished=True)}
    none_left = stopped | {"session/started": Observation(state=State.ABSENT)}
    assert reconciled(record, (), none_left).record.status.phase is Phase.SUSPENDED
    one_runs = stopped | {"session/started": Observation(state=State.READY)}
    plan = reconciled(record, (), one_runs)
    assert steps_of(plan) == {Kind.SESSION: Step.DELETE}
    assert plan.record.status.phase is Phase.SUSPENDING
