"""What follows from a look at a notebook that runs: is it usable, and has its owner consented?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from shared.domain.looks import absorbed, judged, told
from shared.domain.questions import must_ask

from shared.domain.environment import Verb
from shared.domain.faults import Fate
from shared.domain.policy import Policy
from shared.domain.resources import Drift, Kind, Observation, Resource, State, Want
from tests.support.builders import KEY, NOW, a_notebook, a_problem, a_record, after
from tests.support.resource_builders import replace

POLICY = Policy()
WANT = Want(
    kind=Kind.WORKBENCH,
    slot="main",
    places=("zone-a/nb",),
    body={"labels": {}, "gceSetup": {}},
    digest="d",
)
RUNS = a_notebook(State.READY)
UNOPENABLE = a_notebook(State.READY, link="")


def looked_at(resource: Resource, **seen: Any) -> Resource:
    observation = Observation(state=resource.state, **seen)
    return judged(a_record(resource), resource, observation, WANT, NOW, POLICY)


def test_who_has_not_consented_is_asked_for_after_a_while() -> None:
    asked = NOW + POLICY.first_question(KEY)
    assert looked_at(RUNS) == replace(RUNS, consent_check_at=asked)
    assert looked_at(replace(RUNS, consented=False)).access.consent_check_at == asked


def test_who_has_consented_is_not_asked_for_again() -> None:
    assert looked_at(replace(RUNS, consented=True)).access.consent_check_at is None


def test_a_question_that_is_due_already_stays_due() -> None:
    assert looked_at(replace(RUNS, consent_check_at=after(-5))).access.consent_check_at == after(-5)


@pytest.mark.parametrize(
    ("state", "due"),
    [(State.READY, True), (State.STOPPED, False), (State.STARTING, False), (State.ABSENT, False)],
)
def test_consent_is_asked_for_only_of_what_runs(state: State, due: bool) -> None:
    record = a_record(a_notebook(state, consent_check_at=NOW))
    assert must_ask(record, NOW) == (["workbench/main"] if due else [])
    assert must_ask(record, after(-1)) == []


def test_what_runs_without_a_link_is_looked_at_again() -> None:
    waiting = replace(UNOPENABLE, moving_since=NOW, observe_at=NOW + POLICY.poll)
    assert looked_at(UNOPENABLE) == waiting


@pytest.mark.parametrize("reason", ["a look that is due", "a problem"])
def test_another_reason_to_look_again_comes_first(reason: str) -> None:
    known = replace(UNOPENABLE, observe_at=after(9), moving_since=after(-300))
    if reason == "a problem":
        known = replace(UNOPENABLE, problem=a_problem(Fate.TEMPORARY), moving_since=after(-300))
    assert looked_at(known) == known


def test_without_a_link_for_too_long_is_a_problem_that_is_tried_again() -> None:
    since = NOW - POLICY.stuck - timedelta(seconds=1)
    troubled = looked_at(replace(UNOPENABLE, moving_since=since))
    assert troubled.backoff.problem is not None
    assert (troubled.backoff.problem.code, troubled.backoff.problem.fate) == (
        "NO_LINK",
        Fate.TEMPORARY,
    )
    assert troubled.backoff.failures == 1


NEVER = Drift(never=("data disk GB 100 -> 200",))


@pytest.mark.parametrize(
    ("before", "after_it", "is_told"),
    [
        (None, NEVER, True),
        (NEVER, NEVER, False),
        (NEVER, Drift(in_place=("labels",)), False),
        (NEVER, None, False),
        (Drift(never=("network a -> b",)), NEVER, True),
    ],
)
def test_what_only_a_new_notebook_would_change_is_told_once(
    before: Drift | None, after_it: Drift | None, is_told: bool
) -> None:
    entries = told(replace(RUNS, drift=before), replace(RUNS, drift=after_it), NOW)
    assert [entry.action for entry in entries] == (["resource.outdated"] if is_told else [])


SESSIONS = Resource(kind=Kind.SESSION, slot="started", name="p/sessions")
TEMPLATE = Resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", state=State.READY)


@pytest.mark.parametrize(
    ("before", "state", "again"),
    [
        (RUNS, State.STOPPED, True),
        (RUNS, State.ABSENT, True),
        (RUNS, State.STOPPING, False),
        (a_notebook(State.STOPPED), State.ABSENT, False),
        (TEMPLATE, State.ABSENT, True),
        (TEMPLATE, State.READY, False),
        (replace(TEMPLATE, kind=Kind.CLUSTER_TEMPLATE), State.ABSENT, True),
        (replace(TEMPLATE, kind=Kind.SNAPSHOT), State.ABSENT, False),
    ],
)
def test_sessions_are_looked_for_once_more_when_none_can_be_started_any_more(
    before: Resource, state: State, again: bool
) -> None:
    record = a_record(before, SESSIONS, verb=Verb.LEAVE)
    after_it, _ = absorbed(record, before, replace(before, state=state), NOW)
    assert after_it.resources[1] == (replace(SESSIONS, observe_at=NOW) if again else SESSIONS)
