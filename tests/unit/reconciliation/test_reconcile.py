"""The plan for a whole environment: steps, phase and health, due time, announcements.

The step of each single resource is in ``test_next_step.py``; queueing and zones are in
``test_reconcile_creation.py``, leavers in ``test_reconcile_leaving.py``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import Disposition, Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.context import Consent
from shared.domain.reconciliation.desired_state import DesiredState, Goal
from shared.domain.reconciliation.needs import consents_to_check, resources_to_observe
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Drift, Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Backoff, Resource
from shared.domain.status import Health, Phase
from tests.support.builders import NOW, a_record, after, an_intent
from tests.support.grouped_fields import a_resource, replace
from tests.support.reconciling import as_it_is, entries_of, reconciled, steps_of

POLICY = Policy()
NB, TEMPLATE = Kind.WORKBENCH, Kind.CLUSTER_TEMPLATE
NAME = "projects/demo/locations/us-central1-a/instances/nb"
LINK = "https://nb.example.com"


def manifest(kind: Kind = NB, digest: str = "d1") -> Manifest:
    return Manifest(kind=kind, slot="main", places=(NAME,), body={}, digest=digest)


def thing(state: State, kind: Kind = NB, **more: Any) -> Resource:
    made = a_resource(kind=kind, slot="main", name=NAME, state=state, digest="d1", link=LINK)
    return replace(made, **more)


def environment(verb: Verb, *resources: Resource, **changes: Any) -> Environment:
    return a_record(*resources, verb=verb, **{"phase": Phase.PROVISIONING} | changes)


# What is stored to be shown


@pytest.mark.parametrize(
    ("verb", "wanted", "goal"),
    [
        (Verb.JOIN, True, Goal.PRESENT),
        (Verb.JOIN, False, Goal.ABSENT),
        (Verb.LEAVE, False, Goal.ABSENT),
    ],
)
def test_the_goal_that_was_decided_is_stored(verb: Verb, wanted: bool, goal: Goal) -> None:
    record = environment(verb, thing(State.READY, TEMPLATE))
    assert record.resources[0].goal is None, "nothing has been decided"
    made = reconciled(record, (manifest(TEMPLATE),) * wanted, as_it_is).record
    assert made.resources[0].goal is goal


@pytest.mark.parametrize("goal", [None, *Goal])
def test_a_stored_goal_decides_nothing(goal: Goal | None) -> None:
    record = environment(Verb.JOIN, thing(State.READY, TEMPLATE), thing(State.STOPPED))
    known = replace(record, resources=tuple(replace(r, goal=goal) for r in record.resources))
    everything = (manifest(TEMPLATE), manifest())
    desired = DesiredState(everything, NOW)
    assert resources_to_observe(known, desired) == resources_to_observe(record, desired)
    first = reconciled(record, everything, as_it_is)
    again = reconciled(known, everything, as_it_is)
    assert again.record == first.record
    assert steps_of(again) == steps_of(first)


# Joining


def test_a_first_join_observes_nothing_and_starts_every_step() -> None:
    plan = reconciled(environment(Verb.JOIN), (manifest(TEMPLATE), manifest(NB)), seen={})
    assert [a.step for a in plan.actions] == [Step.CREATE, Step.CREATE]
    assert all(r.step is Step.CREATE for r in plan.record.resources)
    assert (plan.record.status.phase, plan.record.status.health) == (Phase.PROVISIONING, Health.OK)


def test_after_a_crash_with_a_saved_claim_the_resource_is_observed_first() -> None:
    begun = reconciled(environment(Verb.JOIN), (manifest(),)).record
    assert resources_to_observe(begun, DesiredState((manifest(),), after(1))) == ["workbench/main"]
    seen = {"workbench/main": Observation(state=State.ABSENT)}
    again = reconciled(begun, (manifest(),), seen, now=after(1))
    assert [a.step for a in again.actions] == [Step.CREATE]
    first, second = begun.resources[0], again.actions[0].resource
    assert first.serial == second.serial, "the very same request is repeated"


@pytest.mark.parametrize(
    ("disposition", "health", "wait"),
    [
        (Disposition.TEMPORARY, Health.RETRYING, timedelta(minutes=1)),
        (Disposition.PERMANENT, Health.QUARANTINED, timedelta(hours=7)),
    ],
)
def test_the_wait_after_a_failure_depends_on_its_disposition(
    disposition: Disposition, health: Health, wait: timedelta
) -> None:
    creating = thing(State.CREATING, step=Step.CREATE, operation="op", observe_at=NOW)
    problem = Problem(code="X", message="because", disposition=disposition)
    seen = {creating.id: Observation(state=State.ABSENT, problem=problem)}
    plan = reconciled(environment(Verb.JOIN, creating), (manifest(),), seen)
    assert plan.actions == ()
    assert (plan.record.status.phase, plan.record.status.health) == (Phase.PROVISIONING, health)
    assert "because" in plan.record.status.problem
    assert plan.record.status.due_at is not None
    assert NOW < plan.record.status.due_at <= NOW + wait
    assert entries_of(plan) == ["step.failed", "health.changed"]


def test_failures_are_reset_when_the_goal_is_reached() -> None:
    problem = Problem(code="X", message="because", disposition=Disposition.TEMPORARY)
    failed = thing(State.READY, observe_at=NOW, retry_at=NOW, failures=7, problem=problem)
    record = environment(Verb.JOIN, failed, health=Health.RETRYING, problem="because")
    plan = reconciled(record, (manifest(),), as_it_is)
    [notebook] = plan.record.resources
    assert notebook.backoff == Backoff()
    status = (plan.record.status.phase, plan.record.status.health, plan.record.status.problem)
    assert status == (Phase.READY, Health.OK, "")


@pytest.mark.parametrize("verb", Verb)
def test_a_foreign_resource_is_not_observed_again_and_again(verb: Verb) -> None:
    """Where nothing of this person's has to be there, it is none of their business."""
    taken = thing(State.FOREIGN, observe_at=NOW, retry_at=NOW, failures=3)
    seen = {"workbench/main": Observation(state=State.FOREIGN)}
    [notebook] = reconciled(environment(verb, taken), (), seen).record.resources
    assert notebook.observe_at is None
    assert (notebook.backoff.retry_at, notebook.backoff.failures) == (None, 0)


@pytest.mark.parametrize(
    ("manifests", "phase"), [((manifest(),), Phase.PROVISIONING), ((), Phase.READY)]
)
def test_waiting_for_data_of_a_superseded_notebook_is_not_ready(
    manifests: tuple[Manifest, ...], phase: Phase
) -> None:
    """Unless their profile has no notebook now; then it is kept as it is."""
    past = thing(State.STOPPED, superseded=True, was_ready=True)
    record = reconciled(environment(Verb.JOIN, past, thing(State.ABSENT)), manifests).record
    assert (record.status.phase, record.status.health) == (phase, Health.OK)
    assert record.resource("workbench/main~1") is not None


@pytest.mark.parametrize("phase", [Phase.PROVISIONING, Phase.READY])
def test_without_its_profile_an_environment_is_left_as_it_is_and_says_why(phase: Phase) -> None:
    joined = environment(Verb.JOIN, thing(State.READY), phase=phase)
    plan = reconciled(joined, manifests=None)
    assert plan.actions == ()
    assert (plan.record.status.phase, plan.record.status.health) == (phase, Health.RETRYING)
    assert "not in profiles.yaml" in plan.record.status.problem


@pytest.mark.parametrize("observe_at", [None, after(2)])
def test_without_its_profile_steps_in_progress_are_still_observed(
    observe_at: datetime | None,
) -> None:
    stopping = thing(
        State.READY, step=Step.STOP, since=NOW, observe_at=observe_at, retry_at=after(1)
    )
    plan = reconciled(environment(Verb.JOIN, stopping), manifests=None)
    assert plan.record.status.due_at == (observe_at or NOW + POLICY.backoff_most)


def test_what_left_the_profile_is_deleted_but_a_notebook_is_only_stopped() -> None:
    joined = environment(Verb.JOIN, thing(State.READY), thing(State.READY, TEMPLATE))
    steps = steps_of(reconciled(joined, (), as_it_is))
    assert steps == {NB: Step.STOP, TEMPLATE: Step.DELETE}


def test_reconciling_twice_gives_the_same_plan() -> None:
    joined = environment(Verb.JOIN)
    assert reconciled(joined, (manifest(),)) == reconciled(joined, (manifest(),))


def test_workloads_leave_the_record_when_the_person_returns() -> None:
    sessions = Resource(kind=Kind.SESSION, slot="started", name="p/sessions", state=State.READY)
    assert reconciled(environment(Verb.JOIN, sessions)).record.resources == ()
    ending = replace(sessions, step=Step.DELETE, observe_at=after(1))
    [kept] = reconciled(environment(Verb.JOIN, ending)).record.resources
    assert kept == replace(ending, goal=Goal.UNMANAGED), "a step in progress ends first"


# Drift


def test_a_machine_type_is_changed_by_stop_update_start() -> None:
    large = (manifest(digest="d2"),)
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
        plan = reconciled(record, large, seen)
        steps += [a.step for a in plan.actions]
        if not plan.actions:
            break
        # As converge does: the answer of an update leaves its digest.
        done = plan.actions[0]
        finished = replace(done.resource, step=None, observe_at=NOW)
        if done.step is Step.UPDATE:
            finished = replace(finished, digest="d2")
        record = plan.record.with_resource(finished)
    assert steps == [Step.STOP, Step.UPDATE, Step.START]


def test_drift_that_needs_a_new_notebook_is_reported_once_and_left() -> None:
    drift = Drift(never=("data disk GB 100 -> 200",))
    record = environment(Verb.JOIN, thing(State.READY, observe_at=NOW), phase=Phase.READY)
    wanted = (manifest(digest="d2"),)
    seen = {"workbench/main": Observation(state=State.READY, drift=drift, link=LINK)}
    first = reconciled(record, wanted, seen)
    assert first.actions == ()
    [entry] = first.entries
    assert entry.action == "resource.outdated"
    assert "data disk GB 100 -> 200; to apply it, an admin must send recreate" in entry.text
    assert first.record.status.phase is Phase.READY
    [notebook] = first.record.resources
    known = first.record.with_resource(replace(notebook, observe_at=NOW))
    assert reconciled(known, wanted, seen).entries == ()


# Consent


def consents(given: bool | None) -> dict[str, Consent]:
    """What the owner of the notebook answers, who is asked now."""
    return {"workbench/main": Consent(given)}


def test_consent_is_checked_later_then_daily_until_it_is_given() -> None:
    record = environment(Verb.JOIN, thing(State.READY, observe_at=NOW))
    ready = reconciled(record, (manifest(),), as_it_is).record
    first = ready.status.due_at
    assert first is not None
    assert NOW + POLICY.ask_first <= first <= NOW + 2 * POLICY.ask_first
    assert consents_to_check(ready, first - timedelta(seconds=1)) == []
    assert consents_to_check(ready, first) == list(ready.resources)
    assert resources_to_observe(ready, DesiredState((manifest(),), first)) == [], (
        "the question is a call of its own"
    )
    waiting = reconciled(ready, (manifest(),), consents=consents(False), now=first).record
    [notebook] = waiting.resources
    assert notebook.access.consented is False
    assert waiting.status.due_at == first + POLICY.ask_again
    used = reconciled(waiting, (manifest(),), consents=consents(True), now=after(days=2)).record
    [notebook] = used.resources
    assert notebook.access.consented is True
    assert (notebook.access.consent_check_at, used.status.due_at) == (None, None)


def test_missing_consent_does_not_delay_ready() -> None:
    record = environment(Verb.JOIN, thing(State.READY, consent_check_at=NOW), phase=Phase.READY)
    for answer in (False, True, None):
        plan = reconciled(record, (manifest(),), consents=consents(answer))
        assert (plan.record.status.phase, plan.record.status.health) == (Phase.READY, Health.OK)
        assert plan.entries == ()


def test_consent_of_a_leaver_is_not_checked() -> None:
    stopped = thing(State.STOPPED, consent_check_at=NOW)
    assert consents_to_check(environment(Verb.LEAVE, stopped), NOW) == []
    assert (
        consents_to_check(environment(Verb.LEAVE, thing(State.READY, consent_check_at=NOW)), NOW)
        == []
    )


# Announced events


def test_a_scheduled_event_makes_the_record_due_at_its_time() -> None:
    later = an_intent(Verb.LEAVE, "later", effective_at=after(days=9))
    record = environment(Verb.JOIN, thing(State.READY, consented=True), pending=(later,))
    assert reconciled(record, (manifest(),)).record.status.due_at == after(days=9)
    scheduled = environment(Verb.JOIN, intent=None, pending=(later,))
    assert reconciled(scheduled).record.status.phase is Phase.SCHEDULED
