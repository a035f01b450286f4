"""The decision about a whole environment: steps, phase, when to look again, what to tell.

The step of each single resource is in ``test_steps.py``; queueing and zones are in
``test_decision_making.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from shared.domain.decision import Decision, decide, prepared
from shared.domain.questions import must_ask, must_look

from shared.domain.announcements import News
from shared.domain.environment import Environment, Phase, Verb
from shared.domain.evidence import Leaving, Thing
from shared.domain.faults import Fate, Problem
from shared.domain.goals import Goal, Plan
from shared.domain.holds import Hold
from shared.domain.policy import Policy
from shared.domain.resources import Drift, Kind, Leftover, Observation, Resource, State, Step, Want
from tests.support.builders import NOW, a_record, after, an_intent
from tests.support.resource_builders import a_resource, replace

POLICY = Policy()
GRACE = timedelta(days=14)
NB, TEMPLATE = Kind.WORKBENCH, Kind.CLUSTER_TEMPLATE
HOLD = Hold(at=NOW, reason="a lawsuit")
NAME = "projects/demo/locations/us-central1-a/instances/nb"
LINK = "https://nb.example.com"
LEAVING = Leaving(
    event_id="e1", source="test", occurred_at=NOW, left_at=NOW, removal_at=after(days=14)
)


def want(kind: Kind = NB, digest: str = "d1") -> Want:
    return Want(kind=kind, slot="main", places=(NAME,), body={}, digest=digest)


def thing(state: State, kind: Kind = NB, **more: Any) -> Resource:
    made = a_resource(kind=kind, slot="main", name=NAME, state=state, digest="d1", link=LINK)
    return replace(made, **more)


def environment(verb: Verb, *resources: Resource, **changes: Any) -> Environment:
    leavings = (LEAVING,) if verb is Verb.LEAVE else ()
    ordinary: dict[str, Any] = {"phase": Phase.PROVISIONING, "leavings": leavings}
    return a_record(*resources, verb=verb, **ordinary | changes)


def plan(*wants: Want, **more: Any) -> Plan:
    return Plan(wants=wants, **more)


def looked(record: Environment) -> dict[str, Observation]:
    """What a look at each resource of ``record`` says if nothing has changed."""
    return {r.id: Observation(state=r.state, link=r.access.link) for r in record.resources}


def decided(
    record: Environment,
    plan: Plan,
    seen: Mapping[str, Observation] | None = None,
    now: datetime = NOW,
) -> Decision:
    return decide(prepared(record, plan, now), plan, seen or {}, now, POLICY)


def steps_of(decision: Decision) -> dict[Kind, Step]:
    return {a.resource.kind: a.step for a in decision.actions}


def actions_of(decision: Decision) -> list[str]:
    return [entry.action for entry in decision.entries]


# What is stored to be shown


@pytest.mark.parametrize(
    ("verb", "wanted", "goal"),
    [
        (Verb.JOIN, True, Goal.UP),
        (Verb.JOIN, False, Goal.GONE),
        (Verb.LEAVE, False, Goal.GONE),
    ],
)
def test_the_goal_that_was_decided_is_stored(verb: Verb, wanted: bool, goal: Goal) -> None:
    record = environment(verb, thing(State.READY, TEMPLATE))
    assert record.resources[0].goal is None, "nothing has been decided"
    made = decided(record, plan(*[want(TEMPLATE)] * wanted)).environment
    assert made.resources[0].goal is goal


@pytest.mark.parametrize("goal", [None, *Goal])
def test_nothing_is_decided_by_a_stored_goal(goal: Goal | None) -> None:
    record = environment(Verb.JOIN, thing(State.READY, TEMPLATE), thing(State.STOPPED))
    known = replace(record, resources=tuple(replace(r, goal=goal) for r in record.resources))
    everything = plan(want(TEMPLATE), want())
    assert must_look(known, everything, NOW) == must_look(record, everything, NOW)
    first = decided(record, everything, looked(record))
    again = decided(known, everything, looked(known))
    assert again.environment == first.environment
    assert steps_of(again) == steps_of(first)


# Joining


def test_a_first_join_looks_at_nothing_and_begins_everything() -> None:
    full = plan(want(TEMPLATE), want(NB))
    joined = prepared(environment(Verb.JOIN), full, NOW)
    assert must_look(joined, full, NOW) == []
    decision = decide(joined, full, {}, NOW, POLICY)
    assert [a.step for a in decision.actions] == [Step.CREATE, Step.CREATE]
    assert all(r.under_way is Step.CREATE for r in decision.environment.resources)
    assert decision.environment.phase is Phase.PROVISIONING


def test_a_crash_after_the_intention_is_saved_leads_to_a_look_before_anything_else() -> None:
    begun = decided(environment(Verb.JOIN), plan(want())).environment
    assert must_look(begun, plan(want()), after(1)) == ["workbench/main"]
    seen = {"workbench/main": Observation(state=State.ABSENT)}
    again = decided(begun, plan(want()), seen, after(1))
    assert [a.step for a in again.actions] == [Step.CREATE]
    first, second = begun.resources[0], again.actions[0].resource
    assert first.serial == second.serial, "the very same request is repeated"


@pytest.mark.parametrize(
    ("fate", "phase", "wait"),
    [
        (Fate.TEMPORARY, Phase.FAILING, timedelta(minutes=1)),
        (Fate.PERMANENT, Phase.QUARANTINED, timedelta(hours=7)),
    ],
)
def test_a_failure_waits_by_its_fate(fate: Fate, phase: Phase, wait: timedelta) -> None:
    creating = thing(State.CREATING, step=Step.CREATE, operation="op", observe_at=NOW)
    problem = Problem(code="X", message="because", fate=fate)
    seen = {creating.id: Observation(state=State.ABSENT, problem=problem)}
    decision = decided(environment(Verb.JOIN, creating), plan(want()), seen)
    assert decision.actions == ()
    assert decision.environment.phase is phase
    assert "because" in decision.environment.problem
    assert decision.environment.due_at is not None
    assert NOW < decision.environment.due_at <= NOW + wait
    assert actions_of(decision) == ["step.failed", "phase.changed"]


def test_failures_are_forgotten_once_it_is_where_it_should_be() -> None:
    problem = Problem(code="X", message="because", fate=Fate.TEMPORARY)
    failed = thing(State.READY, observe_at=NOW, retry_at=NOW, failures=7, problem=problem)
    record = environment(Verb.JOIN, failed, phase=Phase.FAILING)
    decision = decided(record, plan(want()), looked(record))
    [notebook] = decision.environment.resources
    assert (notebook.attempts, notebook.problem, notebook.retry_at) == (0, None, None)
    assert (decision.environment.phase, decision.environment.problem) == (Phase.READY, "")


@pytest.mark.parametrize("verb", Verb)
def test_nobody_looks_again_and_again_at_a_name_that_somebody_else_has_taken(verb: Verb) -> None:
    """Where nothing of this person's has to be there, it is none of their business."""
    taken = thing(State.FOREIGN, observe_at=NOW, retry_at=NOW, failures=3)
    record = environment(verb, taken)
    [notebook] = decided(record, plan()).environment.resources
    assert (notebook.look_at, notebook.retry_at, notebook.attempts) == (None, None, 0)


@pytest.mark.parametrize(("wants", "phase"), [((want(),), Phase.PROVISIONING), ((), Phase.READY)])
def test_who_waits_for_data_of_a_superseded_notebook_is_not_ready(
    wants: tuple[Want, ...], phase: Phase
) -> None:
    """Unless their profile has no notebook now; then it is kept as it is."""
    past = thing(State.STOPPED, superseded=True, was_ready=True)
    record = decided(environment(Verb.JOIN, past, thing(State.ABSENT)), plan(*wants)).environment
    assert record.phase is phase
    assert record.resource("workbench/main~1") is not None


def test_without_its_profile_an_environment_is_left_as_it_is_and_says_why() -> None:
    joined = environment(Verb.JOIN, thing(State.READY))
    decision = decided(joined, Plan(wants=None))
    assert decision.actions == ()
    assert decision.environment.phase is Phase.FAILING
    assert "not in profiles.yaml" in decision.environment.problem


@pytest.mark.parametrize("look_at", [None, after(2)])
def test_without_its_profile_what_is_under_way_is_still_looked_at(look_at: datetime | None) -> None:
    stopping = thing(State.READY, step=Step.STOP, since=NOW, observe_at=look_at)
    decision = decided(environment(Verb.JOIN, stopping), Plan(wants=None))
    assert decision.environment.due_at == (look_at or NOW + POLICY.backoff_most)


def test_what_the_profile_no_longer_has_goes_but_a_persons_work_is_only_stopped() -> None:
    joined = environment(Verb.JOIN, thing(State.READY), thing(State.READY, TEMPLATE))
    steps = steps_of(decided(joined, plan(), looked(joined)))
    assert steps == {NB: Step.STOP, TEMPLATE: Step.DELETE}


def test_deciding_twice_gives_the_same_answer() -> None:
    joined = environment(Verb.JOIN)
    assert decided(joined, plan(want())) == decided(joined, plan(want()))


def test_what_a_person_runs_is_not_remembered_once_they_are_back() -> None:
    sessions = Resource(kind=Kind.SESSION, slot="started", name="p/sessions", state=State.READY)
    back = prepared(environment(Verb.JOIN, sessions), plan(), NOW)
    assert back.resources == ()
    ending = replace(sessions, step=Step.DELETE)
    kept = prepared(environment(Verb.JOIN, ending), plan(), NOW)
    assert kept.resources == (ending,), "what we began comes to its end first"


# Drift


def test_a_machine_type_is_changed_by_stop_update_start() -> None:
    large = plan(want(digest="d2"))
    record = environment(Verb.JOIN, thing(State.READY, observe_at=NOW))
    drift = Drift(at_rest=("machine type small -> large",))
    steps = []
    for state, seen_drift in (
        (State.READY, drift),
        (State.STOPPED, drift),
        (State.STOPPED, Drift()),
        (State.READY, Drift()),
    ):
        seen = {"workbench/main": Observation(state=state, drift=seen_drift)}
        decision = decided(record, large, seen)
        steps += [a.step for a in decision.actions]
        if not decision.actions:
            break
        # As converge does: the answer of an update leaves its digest.
        done = decision.actions[0]
        finished = replace(done.resource, step=None, observe_at=NOW)
        if done.step is Step.UPDATE:
            finished = replace(finished, digest="d2")
        record = decision.environment.with_resource(finished)
    assert steps == [Step.STOP, Step.UPDATE, Step.START]


def test_what_only_a_new_notebook_could_have_is_said_once_and_left() -> None:
    drift = Drift(never=("data disk GB 100 -> 200",))
    record = environment(Verb.JOIN, thing(State.READY, observe_at=NOW), phase=Phase.READY)
    wanted = plan(want(digest="d2"))
    seen = {"workbench/main": Observation(state=State.READY, drift=drift, link=LINK)}
    first = decided(record, wanted, seen)
    assert first.actions == ()
    [entry] = first.entries
    assert entry.action == "resource.outdated"
    assert "recreate it to apply: data disk GB 100 -> 200" in entry.text
    assert first.environment.phase is Phase.READY
    assert decided(first.environment, wanted, seen).entries == ()


# Consent


def test_whether_the_owner_has_consented_is_asked_later_then_daily_until_they_have() -> None:
    record = environment(Verb.JOIN, thing(State.READY, observe_at=NOW))
    ready = decided(record, plan(want()), looked(record)).environment
    first = ready.due_at
    assert first is not None
    assert NOW + POLICY.ask_first <= first <= NOW + 2 * POLICY.ask_first
    assert must_ask(ready, first - timedelta(seconds=1)) == []
    assert must_ask(ready, first) == ["workbench/main"]
    assert must_look(ready, plan(want()), first) == [], "the question is a call of its own"
    waiting = decided(ready, answered(False), {}, first).environment
    [notebook] = waiting.resources
    assert notebook.consented is False
    assert waiting.due_at == first + POLICY.ask_again
    used = decided(waiting, answered(True), {}, after(days=2)).environment
    [notebook] = used.resources
    assert (notebook.consented, notebook.ask_at, used.due_at) == (True, None, None)


def test_to_be_asked_for_consent_makes_nobody_less_ready() -> None:
    record = environment(Verb.JOIN, thing(State.READY, consent_check_at=NOW), phase=Phase.READY)
    for answer in (False, True, None):
        decision = decided(record, answered(answer))
        assert decision.environment.phase is Phase.READY
        assert decision.entries == ()


def answered(consented: bool | None) -> Plan:
    """The plan of somebody who was just asked."""
    return replace(plan(want()), consents={"workbench/main": consented})


def test_nobody_is_asked_who_has_left() -> None:
    stopped = thing(State.STOPPED, consent_check_at=NOW)
    assert must_ask(environment(Verb.LEAVE, stopped), NOW) == []
    assert must_ask(environment(Verb.LEAVE, thing(State.READY, consent_check_at=NOW)), NOW) == []


# Leaving


def test_a_leaver_is_stopped_now_and_removed_after_the_grace_period() -> None:
    left = environment(Verb.LEAVE, thing(State.READY), thing(State.READY, TEMPLATE))
    assert steps_of(decided(left, plan(), looked(left))) == {
        NB: Step.STOP,
        TEMPLATE: Step.DELETE,
    }
    stopped = environment(Verb.LEAVE, thing(State.STOPPED))
    waiting = decided(stopped, plan())
    assert waiting.actions == ()
    assert waiting.environment.phase is Phase.SUSPENDED
    assert waiting.environment.due_at == NOW + GRACE
    over = NOW + GRACE
    assert must_look(stopped, plan(), over) == ["workbench/main"]
    removing = decided(stopped, plan(), looked(stopped), over)
    assert [a.step for a in removing.actions] == [Step.DELETE]
    assert removing.environment.phase is Phase.REMOVING


def test_invariant_7_after_the_grace_period_the_snapshot_comes_first_then_the_notebook() -> None:
    over = NOW + GRACE
    stopped = environment(Verb.LEAVE, thing(State.STOPPED), keep_seconds=86400)
    first = decided(stopped, plan(), looked(stopped), over)
    [taken] = first.actions
    assert (taken.resource.kind, taken.step) == (Kind.SNAPSHOT, Step.CREATE)
    assert first.environment.phase is Phase.REMOVING
    snapshot = replace(taken.resource, state=State.CREATING, operation="op")
    record = first.environment.with_resource(snapshot)
    creating = {
        snapshot.id: Observation(state=State.CREATING, operation="op"),
        "workbench/main": Observation(state=State.STOPPED),
    }
    assert decided(record, plan(), creating, over + POLICY.poll).actions == ()
    done = creating | {snapshot.id: Observation(state=State.READY, finished=True)}
    second = decided(record, plan(), done, over + POLICY.poll)
    assert steps_of(second) == {NB: Step.DELETE}
    [leaving] = second.environment.leavings
    assert leaving.snapshots == (snapshot.name,)


def test_who_was_removed_is_looked_at_again_when_their_snapshot_expires() -> None:
    snapshot = a_resource(kind=Kind.SNAPSHOT, slot="s1", name="s1", state=State.READY, source=NAME)
    gone = environment(
        Verb.LEAVE,
        thing(State.ABSENT),
        replace(snapshot, expires_at=after(9)),
        phase=Phase.REMOVED,
        leavings=(replace(LEAVING, completed_at=NOW),),
    )
    decision = decided(gone, plan())
    assert decision.environment.phase is Phase.REMOVED
    assert decision.environment.due_at == after(9)
    assert must_look(gone, plan(), after(9)) == ["snapshot/s1"]
    seen = {"snapshot/s1": Observation(state=State.READY)}
    expired = decided(gone, plan(), seen, after(9))
    assert steps_of(expired) == {Kind.SNAPSHOT: Step.DELETE}
    assert expired.environment.phase is Phase.REMOVED, "what was kept for later is no part of it"


KEPT = a_resource(kind=Kind.SNAPSHOT, slot="s1", name="s1", state=State.READY, source=NAME)


@pytest.mark.parametrize(
    ("left_at", "snapshot", "looks", "because"),
    [
        (after(days=-15), KEPT, ["workbench/main", "snapshot/s1"], "the deletion relies on it"),
        (NOW, KEPT, ["workbench/main"], "nothing is about to be deleted"),
        (
            after(days=-15),
            replace(KEPT, state=State.CREATING, step=Step.CREATE, observe_at=after(1)),
            ["workbench/main"],
            "it is not complete: it is looked at when it is time",
        ),
        (
            after(days=-15),
            replace(KEPT, observe_at=after(1), retry_at=after(1)),
            ["workbench/main"],
            "a look at it failed a moment ago",
        ),
    ],
    ids=["relied on", "not relied on", "under way", "waits"],
)
def test_a_snapshot_is_looked_at_again_only_where_a_deletion_relies_on_it(
    left_at: datetime, snapshot: Resource, looks: list[str], because: str
) -> None:
    stopped = thing(State.STOPPED, saved_in="s1", observe_at=NOW)
    record = environment(Verb.LEAVE, stopped, snapshot, left_at=left_at, keep_seconds=86400)
    assert must_look(record, plan(), NOW) == looks, because


def test_removed_only_when_a_look_everywhere_says_so() -> None:
    had = replace(LEAVING, had=(Thing(about="workbench/main", name=NAME, state="ready"),))
    deleting = thing(State.DELETING, step=Step.DELETE, observe_at=NOW)
    record = environment(Verb.LEAVE, deleting, phase=Phase.REMOVING, leavings=(had,))
    seen = {"workbench/main": Observation(state=State.ABSENT)}
    first = decided(record, plan(), seen)
    assert first.wants_scan
    assert first.environment.phase is Phase.REMOVING
    assert "phase.changed" not in actions_of(first)
    second = decided(record, plan(scan=()), seen)
    assert not second.wants_scan
    assert second.environment.phase is Phase.REMOVED
    assert [item.news for item in second.environment.outbox] == [News.REMOVED]
    missed = Leftover(kind=NB, name="elsewhere/nb", ours=True)
    third = decided(record, plan(scan=(missed,)), seen)
    assert third.environment.phase is Phase.REMOVING
    assert third.environment.outbox == ()


def test_under_a_hold_a_leaver_is_stopped_and_nothing_is_deleted_whenever_it_is() -> None:
    sessions = Resource(kind=Kind.SESSION, slot="started", name="p/sessions", state=State.READY)
    clusters = Resource(kind=Kind.CLUSTER, slot="started", name="p/clusters", state=State.READY)
    left = environment(
        Verb.LEAVE,
        thing(State.READY, observe_at=NOW),
        thing(State.READY, TEMPLATE),
        sessions,
        clusters,
        held=HOLD,
    )
    assert steps_of(decided(left, plan(), looked(left), NOW + GRACE)) == {
        NB: Step.STOP,
        Kind.SESSION: Step.DELETE,
    }
    stopped = environment(Verb.LEAVE, thing(State.STOPPED, observe_at=NOW), held=HOLD)
    decision = decided(stopped, plan(), looked(stopped), NOW + GRACE)
    assert steps_of(decision) == {NB: Step.PROTECT}
    quiet = environment(Verb.LEAVE, thing(State.STOPPED, protected=True), held=HOLD)
    later = decided(quiet, plan(), {}, NOW + GRACE)
    assert (later.actions, later.environment.phase) == ((), Phase.SUSPENDED)
    assert later.environment.due_at is None, "only a release changes anything"


def test_a_notebook_that_just_stopped_has_its_owners_sessions_looked_for_once_more() -> None:
    sessions = Resource(kind=Kind.SESSION, slot="started", name="p/sessions")
    stopping = thing(State.STOPPING, step=Step.STOP, operation="op", observe_at=NOW)
    record = environment(Verb.LEAVE, stopping, sessions)
    assert must_look(record, plan(), NOW) == ["workbench/main"]
    seen = {"workbench/main": Observation(state=State.STOPPED, finished=True)}
    decision = decided(record, plan(), seen)
    assert decision.environment.phase is Phase.SUSPENDING
    assert must_look(decision.environment, plan(), NOW) == ["session/started"]


def test_an_announced_event_is_looked_at_when_its_time_comes() -> None:
    later = an_intent(Verb.LEAVE, "later", effective_at=after(days=9))
    record = environment(Verb.JOIN, thing(State.READY, consented=True), pending=(later,))
    assert decided(record, plan(want())).environment.due_at == after(days=9)
    scheduled = environment(Verb.JOIN, intent=None, pending=(later,))
    assert decided(scheduled, plan()).environment.phase is Phase.SCHEDULED
