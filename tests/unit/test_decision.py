"""The decision as a table: what is seen, what is wanted, what is done about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from shared.domain.decision import Goal, decide, must_look, next_step
from shared.domain.environment import Environment, Intent, Phase, Verb
from shared.domain.faults import Fate, Problem
from shared.domain.person import Person
from shared.domain.policy import Policy
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
POLICY = Policy()
GRACE = timedelta(days=14)


def want(kind: Kind = Kind.WORKBENCH, digest: str = "d1") -> Want:
    return Want(kind=kind, slot="main", places=("zone-a/nb", "zone-b/nb"), body={}, digest=digest)


def thing(state: State, kind: Kind = Kind.WORKBENCH, **more: object) -> Resource:
    made = Resource(kind=kind, slot="main", name="zone-a/nb", state=state, digest="d1")
    return replace(made, **more)


def environment(verb: Verb, *resources: Resource, left: timedelta = timedelta()) -> Environment:
    person = Person(email="ana@example.com")
    intent = Intent(verb=verb, event_id="e1", source="test", occurred_at=NOW, person=person)
    return Environment(
        key="ana-1",
        person=person,
        phase=Phase.PROVISIONING,
        created_at=NOW,
        updated_at=NOW,
        intent=intent,
        grace_seconds=int(GRACE.total_seconds()),
        left_at=NOW - left if verb is Verb.LEAVE else None,
        resources=resources,
    )


UP, DOWN, GONE = Goal.UP, Goal.DOWN, Goal.GONE
NB, TEMPLATE = Kind.WORKBENCH, Kind.CLUSTER_TEMPLATE


@pytest.mark.parametrize(
    ("state", "goal", "kind", "step", "because"),
    [
        (State.ABSENT, UP, NB, Step.CREATE, "it is wanted and not there"),
        (State.STOPPED, UP, NB, Step.START, "somebody came back, or stopped it"),
        (State.READY, UP, NB, None, "it is as it should be"),
        (State.CREATING, UP, NB, None, "the cloud is at work"),
        (State.STOPPING, UP, NB, None, "the cloud is at work; it is started when it has stopped"),
        (State.DELETING, UP, NB, None, "the cloud is at work; it is made again when it is gone"),
        (State.FOREIGN, UP, NB, None, "it isn't ours"),
        (State.READY, DOWN, NB, Step.STOP, "its owner has left, the grace period runs"),
        (State.STOPPED, DOWN, NB, None, "it is as it should be"),
        (State.CREATING, DOWN, NB, None, "what is being made can't be stopped yet"),
        (State.ABSENT, DOWN, NB, None, "what was never made isn't made to be stopped"),
        (State.BROKEN, DOWN, NB, None, "nothing runs, and it may hold work"),
        (State.FOREIGN, DOWN, NB, None, "it isn't ours"),
        (State.READY, GONE, NB, Step.DELETE, "the grace period is over"),
        (State.STOPPED, GONE, NB, Step.DELETE, "the grace period is over"),
        (State.BROKEN, GONE, NB, Step.DELETE, "the grace period is over"),
        (State.FOREIGN, GONE, NB, None, "it isn't ours"),
        (State.ABSENT, GONE, NB, None, "it is gone"),
        (State.READY, GONE, TEMPLATE, Step.DELETE, "templates go at once"),
        (State.DELETING, GONE, TEMPLATE, None, "the cloud is at work"),
    ],
)
def test_next_step(state: State, goal: Goal, kind: Kind, step: Step | None, because: str) -> None:
    assert next_step(thing(state, kind), goal, want(kind), NOW, seen=True) is step, because


@pytest.mark.parametrize("state", [s for s in State if s is not State.ABSENT])
@pytest.mark.parametrize("goal", list(Goal))
def test_nothing_that_exists_is_changed_without_a_fresh_look(state: State, goal: Goal) -> None:
    assert next_step(thing(state), goal, want(), NOW, seen=False) is None


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("goal", list(Goal))
@pytest.mark.parametrize(
    "blocked",
    [{"under_way": Step.CREATE}, {"retry_at": SOON}],
    ids=["under way", "failed just now"],
)
def test_one_step_at_a_time_and_none_before_its_time(
    state: State, goal: Goal, blocked: dict[str, object]
) -> None:
    assert next_step(thing(state, **blocked), goal, want(), NOW, seen=True) is None


def test_a_broken_notebook_that_may_have_been_used_is_started_never_deleted() -> None:
    broken = thing(State.BROKEN)
    assert next_step(broken, UP, want(), NOW, seen=True) is Step.START


def test_what_a_failed_creation_left_behind_is_cleared_away() -> None:
    stillborn = thing(State.BROKEN, stillborn=True)
    assert next_step(stillborn, UP, want(), NOW, seen=True) is Step.DELETE


def test_a_template_that_differs_is_updated_a_notebook_is_not() -> None:
    template = thing(State.READY, TEMPLATE)
    assert next_step(template, UP, want(TEMPLATE, "d2"), NOW, seen=True) is Step.UPDATE
    assert next_step(thing(State.READY), UP, want(digest="d2"), NOW, seen=True) is None


def test_a_first_join_looks_at_nothing_and_begins_everything() -> None:
    wants = (want(TEMPLATE), want(NB))
    joined = environment(Verb.JOIN)
    assert must_look(joined, wants, NOW) == []
    decision = decide(joined, wants, {}, NOW, POLICY)
    assert [a.step for a in decision.actions] == [Step.CREATE, Step.CREATE]
    assert all(r.under_way is Step.CREATE for r in decision.environment.resources)
    assert decision.environment.phase is Phase.PROVISIONING


def test_a_crash_after_the_intention_is_saved_leads_to_a_look_before_anything_else() -> None:
    joined = environment(Verb.JOIN)
    begun = decide(joined, (want(),), {}, NOW, POLICY).environment
    assert must_look(begun, (want(),), SOON) == ["workbench/main"]
    seen = {"workbench/main": Observation(state=State.ABSENT)}
    again = decide(begun, (want(),), seen, SOON, POLICY)
    assert [a.step for a in again.actions] == [Step.CREATE]
    first, second = begun.resources[0], again.actions[0].resource
    assert first.serial == second.serial, "the very same request is repeated"


def test_a_leaver_is_stopped_now_and_removed_after_the_grace_period() -> None:
    resources = (thing(State.READY), thing(State.READY, TEMPLATE))
    seen = {r.id: Observation(state=State.READY) for r in resources}
    left = environment(Verb.LEAVE, *resources)
    assert {a.resource.kind: a.step for a in decide(left, (), seen, NOW, POLICY).actions} == {
        NB: Step.STOP,
        TEMPLATE: Step.DELETE,
    }
    stopped = environment(Verb.LEAVE, thing(State.STOPPED))
    waiting = decide(stopped, (), {}, NOW, POLICY)
    assert waiting.actions == ()
    assert waiting.environment.phase is Phase.SUSPENDED
    assert waiting.environment.due_at == NOW + GRACE
    over = environment(Verb.LEAVE, thing(State.STOPPED), left=GRACE)
    assert must_look(over, (), NOW) == ["workbench/main"]
    seen = {"workbench/main": Observation(state=State.STOPPED)}
    removing = decide(over, (), seen, NOW, POLICY)
    assert [a.step for a in removing.actions] == [Step.DELETE]
    assert removing.environment.phase is Phase.REMOVING


def test_a_stock_out_moves_on_to_the_next_zone() -> None:
    failed = thing(State.ABSENT, place=1, name="zone-a/nb")
    decision = decide(environment(Verb.JOIN, failed), (want(),), {}, NOW, POLICY)
    assert decision.actions[0].resource.name == "zone-b/nb"


@pytest.mark.parametrize(
    ("fate", "phase", "wait"),
    [
        (Fate.TEMPORARY, Phase.FAILING, timedelta(minutes=1)),
        (Fate.PERMANENT, Phase.QUARANTINED, timedelta(hours=7)),
    ],
)
def test_a_failure_waits_by_its_fate(fate: Fate, phase: Phase, wait: timedelta) -> None:
    creating = thing(State.CREATING, under_way=Step.CREATE, operation="op", look_at=NOW)
    problem = Problem(code="X", message="because", fate=fate)
    seen = {creating.id: Observation(state=State.ABSENT, problem=problem)}
    decision = decide(environment(Verb.JOIN, creating), (want(),), seen, NOW, POLICY)
    assert decision.actions == ()
    assert decision.environment.phase is phase
    assert "because" in decision.environment.problem
    assert decision.environment.due_at is not None
    assert NOW < decision.environment.due_at <= NOW + wait
    assert [e.action for e in decision.entries] == ["step.failed", "phase.changed"]


def test_without_its_profile_an_environment_is_left_as_it_is_and_says_why() -> None:
    joined = environment(Verb.JOIN, thing(State.READY))
    decision = decide(joined, None, {}, NOW, POLICY)
    assert decision.actions == ()
    assert decision.environment.phase is Phase.FAILING
    assert "not in profiles.yaml" in decision.environment.problem


def test_what_the_profile_no_longer_has_goes_but_a_persons_work_is_only_stopped() -> None:
    resources = (thing(State.READY), thing(State.READY, TEMPLATE))
    seen = {r.id: Observation(state=State.READY) for r in resources}
    joined = environment(Verb.JOIN, *resources)
    steps = {a.resource.kind: a.step for a in decide(joined, (), seen, NOW, POLICY).actions}
    assert steps == {NB: Step.STOP, TEMPLATE: Step.DELETE}


def test_deciding_twice_gives_the_same_answer() -> None:
    joined = environment(Verb.JOIN)
    assert decide(joined, (want(),), {}, NOW, POLICY) == decide(joined, (want(),), {}, NOW, POLICY)
