"""What is asked before anything is decided: all that is needed, and nothing else."""

from __future__ import annotations

from datetime import datetime

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import Disposition
from shared.domain.reconciliation.context import Needs, Profile, Turn
from shared.domain.reconciliation.desired_state import DesiredState, Manifests
from shared.domain.reconciliation.due import is_at_work
from shared.domain.reconciliation.needs import consents_to_check, needs_of, resources_to_observe
from shared.domain.reconciliation.reconcile import reconcile
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import LostCall, Resource
from tests.support.builders import NOW, a_notebook, a_problem, a_record, after
from tests.support.grouped_fields import a_resource, replace
from tests.support.reconciling import context_at

MANIFEST = Manifest(kind=Kind.WORKBENCH, slot="main", places=("zone-a/nb",), body={}, digest="d")
TEMPLATE = Manifest(kind=Kind.SESSION_TEMPLATE, slot="spark", places=("t",), body={}, digest="d")
KEPT = a_resource(kind=Kind.SNAPSHOT, slot="s1", name="s1", state=State.READY, source="zone-a/nb")


# Resources to observe


@pytest.mark.parametrize(
    ("retry_at", "observe_at", "observed"),
    [(None, None, True), (after(5), None, False), (after(5), NOW, False), (NOW, NOW, True)],
)
def test_a_resource_that_waits_after_a_failure_is_not_observed(
    retry_at: datetime | None, observe_at: datetime | None, observed: bool
) -> None:
    """It is stopped, and should run."""
    stopped = a_notebook(State.STOPPED, start_owed=True, retry_at=retry_at, observe_at=observe_at)
    ids = resources_to_observe(a_record(stopped), DesiredState(None, NOW))
    assert ids == (["workbench/main"] if observed else [])


@pytest.mark.parametrize(
    ("left_at", "snapshot", "observed", "because"),
    [
        (after(days=-15), KEPT, ["workbench/main", "snapshot/s1"], "the deletion relies on it"),
        (NOW, KEPT, ["workbench/main"], "nothing is about to be deleted"),
        (
            after(days=-15),
            replace(KEPT, state=State.CREATING, step=Step.CREATE, observe_at=after(1)),
            ["workbench/main"],
            "it is not complete: it is observed at its time",
        ),
        (
            after(days=-15),
            replace(KEPT, observe_at=after(1), retry_at=after(1)),
            ["workbench/main"],
            "an observation failed a moment ago",
        ),
    ],
    ids=["relied on", "not relied on", "under way", "waits"],
)
def test_a_snapshot_is_observed_again_only_if_a_deletion_relies_on_it(
    left_at: datetime, snapshot: Resource, observed: list[str], because: str
) -> None:
    stopped = a_notebook(State.STOPPED, saved_in="s1", observe_at=NOW)
    record = a_record(stopped, snapshot, verb=Verb.LEAVE, left_at=left_at, keep_seconds=86400)
    assert resources_to_observe(record, DesiredState((), NOW)) == observed, because


@pytest.mark.parametrize(("until", "observed"), [(0, True), (1, False)])
def test_a_resource_is_observed_when_a_lost_call_can_no_longer_be_carried_out(
    until: float, observed: bool
) -> None:
    lost = LostCall(step=Step.CREATE, until=after(until))
    record = a_record(a_notebook(State.ABSENT, unconfirmed=(lost,)), verb=Verb.LEAVE)
    ids = resources_to_observe(record, DesiredState((), NOW))
    assert ("workbench/main" in ids) is observed


def test_an_observed_resource_is_compared_with_its_manifest() -> None:
    snapshot = a_resource(
        kind=Kind.SNAPSHOT, slot="s1", name="s1", source="projects/p/locations/z-a/instances/nb"
    )
    resources = (a_notebook(State.READY, observe_at=NOW), replace(snapshot, observe_at=NOW))
    looks = needs_of(a_record(*resources), DesiredState((MANIFEST,), NOW), context_at()).looks
    manifests = {look.resource.id: look.manifest for look in looks}
    assert manifests["workbench/main"] == MANIFEST
    made = manifests["snapshot/s1"]
    assert made is not None
    assert made.kind is Kind.SNAPSHOT, "its manifest is known from the record"


# Consent checks


@pytest.mark.parametrize(
    ("state", "due"),
    [(State.READY, True), (State.STOPPED, False), (State.STARTING, False), (State.ABSENT, False)],
)
def test_consent_is_checked_only_for_a_running_notebook(state: State, due: bool) -> None:
    record = a_record(a_notebook(state, consent_check_at=NOW))
    assert consents_to_check(record, NOW) == (list(record.resources) if due else [])
    assert consents_to_check(record, after(-1)) == []


# Shortages and turns


def asks_for_a_place(
    *resources: Resource, manifests: Manifests = (MANIFEST,), verb: Verb = Verb.JOIN
) -> tuple[bool, bool]:
    needs = needs_of(a_record(*resources, verb=verb), DesiredState(manifests, NOW), context_at())
    return needs.shortages, needs.turn


def test_shortages_and_turn_are_needed_before_a_notebook_is_created() -> None:
    assert asks_for_a_place(a_notebook(State.ABSENT)) == (True, True)


@pytest.mark.parametrize(
    "notebook",
    [
        a_notebook(State.READY),
        a_notebook(State.CREATING),
        a_notebook(step=Step.CREATE, observe_at=NOW),
        a_notebook(State.READY, observe_at=NOW),
    ],
    ids=["exists", "in creation", "requested", "to be observed first"],
)
def test_shortages_and_turn_are_not_needed_for_a_notebook_that_exists(notebook: Resource) -> None:
    assert asks_for_a_place(notebook) == (False, False)


def test_shortages_and_turn_are_not_needed_without_a_notebook() -> None:
    assert asks_for_a_place(manifests=()) == (False, False)
    template = a_resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t")
    assert asks_for_a_place(template, manifests=(TEMPLATE,)) == (False, False)


def test_when_an_observation_finds_no_notebook_shortages_and_turn_are_asked() -> None:
    """It was not known before that one has to be created."""
    gone = {"workbench/main": Observation(state=State.ABSENT)}
    record = a_record(a_notebook(State.READY, observe_at=NOW, digest="d"))
    context = replace(context_at(), profile=Profile((MANIFEST,)))
    first = reconcile(record, context)
    assert isinstance(first, Needs)
    assert [look.resource.id for look in first.looks] == ["workbench/main"]
    assert (first.shortages, first.turn) == (False, False)
    second = reconcile(record, replace(context, observed=gone))
    assert isinstance(second, Needs)
    assert (second.looks, second.shortages, second.turn) == ((), True, True)


def test_a_failed_creation_keeps_its_place_among_those_at_work() -> None:
    """The record before that observation shows that it has a place."""
    running = a_notebook(State.CREATING, step=Step.CREATE, operation="op", observe_at=NOW)
    stock_out = Observation(state=State.ABSENT, problem=a_problem(Disposition.STOCK_OUT))
    other_zone = replace(MANIFEST, places=("zone-a/nb", "zone-b/nb"))
    context = replace(context_at(), profile=Profile((other_zone,)))
    needs = reconcile(a_record(running), replace(context, observed={running.id: stock_out}))
    assert isinstance(needs, Needs)
    assert needs.turn
    assert is_at_work(needs.record, NOW)


# The profile, and other resources of leavers


@pytest.mark.parametrize(
    ("record", "asked"),
    [
        (a_record(), True),
        (a_record(verb=Verb.LEAVE), False),
        (a_record(intent=None), False),
    ],
    ids=["a join", "a leaver", "announced"],
)
def test_leaving_works_without_profiles(record: Environment, asked: bool) -> None:
    answer = reconcile(record, context_at())
    assert (isinstance(answer, Needs) and answer.profile) is asked


@pytest.mark.parametrize(
    ("record", "asked"),
    [
        (a_record(), False),
        (a_record(verb=Verb.LEAVE), True),
        (a_record(verb=Verb.LEAVE, sought_at=NOW), False),
    ],
    ids=["a join", "a leaver", "once is enough"],
)
def test_older_notebooks_are_searched_once_after_a_leave(record: Environment, asked: bool) -> None:
    assert needs_of(record, DesiredState((), NOW), context_at()).older is asked


def test_nothing_is_asked_twice() -> None:
    record = a_record(a_notebook(State.ABSENT), a_notebook(State.READY, slot="x", observe_at=NOW))
    asked = needs_of(record, DesiredState((MANIFEST,), NOW), context_at())
    assert (len(asked.looks), asked.shortages, asked.turn) == (1, True, True)
    observed = {look.resource.id: Observation(state=State.READY) for look in asked.looks}
    known = replace(context_at(), observed=observed, shortages=(), turn=Turn.LATER)
    assert not needs_of(record, DesiredState((MANIFEST,), NOW), known).any
