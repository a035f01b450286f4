"""What follows from an observation: usable or not, consent, what is reported."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import Disposition
from shared.domain.policy import Policy
from shared.domain.projections.entry import Entry
from shared.domain.reconciliation.context import Consent
from shared.domain.reconciliation.desired_state import DesiredState
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.observe import note_consents, observe
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Drift, Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import LostCall, Resource
from tests.support.builders import ANA, KEY, NOW, a_notebook, a_problem, a_record, after
from tests.support.grouped_fields import replace
from tests.support.reconciling import context_at

POLICY = Policy()
MANIFEST = Manifest(
    kind=Kind.WORKBENCH,
    slot="main",
    places=("zone-a/nb",),
    body={"labels": {}, "gceSetup": {}},
    digest="d",
)
RUNS = a_notebook(State.READY, was_ready=True, ready_since=after(-600))
UNOPENABLE = replace(RUNS, link="")


def observed(record: Environment, id: str, seen: Observation) -> Environment:
    """The record after one of its resources was observed."""
    draft = Draft(record, NOW)
    observe(draft, DesiredState((MANIFEST,), NOW), context_at(), {id: seen})
    return draft.record


def entries_after(record: Environment, drift: Drift | None) -> list[Entry]:
    """The history after the record's notebook was seen to differ so."""
    draft = Draft(record, NOW)
    seen = Observation(state=State.READY, link=RUNS.access.link, drift=drift)
    observe(draft, DesiredState((MANIFEST,), NOW), context_at(), {"workbench/main": seen})
    draft.settle()
    return draft.entries


def looked_at(resource: Resource, **seen: Any) -> Resource:
    """``resource`` after an observation of the same state."""
    observation = Observation(state=resource.state, link=resource.access.link, **seen)
    [after_it] = observed(a_record(resource), resource.id, observation).resources
    return after_it


def test_missing_consent_is_checked_after_a_while() -> None:
    asked = NOW + POLICY.first_question(KEY)
    assert looked_at(RUNS) == replace(RUNS, consent_check_at=asked)
    assert looked_at(replace(RUNS, consented=False)).access.consent_check_at == asked


def test_given_consent_is_not_checked_again() -> None:
    assert looked_at(replace(RUNS, consented=True)).access.consent_check_at is None


def test_a_consent_check_that_is_due_stays_due() -> None:
    assert looked_at(replace(RUNS, consent_check_at=after(-5))).access.consent_check_at == after(-5)


@pytest.mark.parametrize(
    ("consent", "consented", "again", "observe_at"),
    [
        (Consent(True), True, None, None),
        (Consent(False), False, NOW + POLICY.ask_again, None),
        (Consent(None), None, NOW + POLICY.ask_again, None),
        (Consent(None, vanished=True), None, NOW, NOW),
    ],
    ids=["given", "not given", "not known", "the notebook was not found"],
)
def test_the_consent_of_an_owner_is_recorded(
    consent: Consent, consented: bool | None, again: Any, observe_at: Any
) -> None:
    draft = Draft(a_record(replace(RUNS, consent_check_at=NOW)), NOW)
    note_consents(draft, replace(context_at(), consents={RUNS.id: consent}))
    [notebook] = draft.record.resources
    assert (notebook.access.consented, notebook.access.consent_check_at) == (consented, again)
    assert notebook.observe_at == observe_at


def test_a_running_notebook_without_a_link_is_observed_again() -> None:
    waiting = replace(UNOPENABLE, moving_since=NOW, observe_at=NOW + POLICY.poll)
    assert looked_at(UNOPENABLE) == waiting


LOST = (LostCall(step=Step.STOP, until=after(9)),)


@pytest.mark.parametrize(
    "reason",
    [{"unconfirmed": LOST, "observe_at": after(9)}, {"problem": a_problem(Disposition.TEMPORARY)}],
    ids=["an observation that is due", "a problem"],
)
def test_an_earlier_time_to_observe_is_kept(reason: dict[str, Any]) -> None:
    known = replace(UNOPENABLE, moving_since=after(-300), **reason)
    assert looked_at(known) == known


def test_a_link_that_is_missing_for_too_long_is_a_problem() -> None:
    since = NOW - POLICY.stuck - timedelta(seconds=1)
    troubled = looked_at(replace(UNOPENABLE, moving_since=since))
    assert troubled.backoff.problem is not None
    assert (troubled.backoff.problem.code, troubled.backoff.problem.disposition) == (
        "NO_LINK",
        Disposition.TEMPORARY,
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
def test_drift_that_needs_a_new_notebook_is_reported_once(
    before: Drift | None, after_it: Drift | None, is_told: bool
) -> None:
    entries = entries_after(a_record(replace(RUNS, drift=before)), after_it)
    assert [entry.action for entry in entries] == (["resource.outdated"] if is_told else [])


FOLLOWS = "; its replacement by a new one with the same data follows by itself"
TO_ORDER = "; to apply it, an admin must send recreate"


@pytest.mark.parametrize(
    ("notebook", "text"),
    [
        pytest.param({"owner": ANA}, TO_ORDER, id="its owner's address is the same"),
        pytest.param({"owner": ""}, TO_ORDER, id="the address it was created for is not known"),
        pytest.param({"owner": "a.b@example.com"}, FOLLOWS, id="its owner's address changed"),
        pytest.param({"owner": ANA, "recreate": True}, FOLLOWS, id="an admin ordered it already"),
    ],
)
def test_the_history_says_whether_the_replacement_follows_or_must_be_ordered(
    notebook: dict[str, Any], text: str
) -> None:
    [entry] = entries_after(a_record(replace(RUNS, **notebook)), NEVER)
    assert entry.about == "workbench/main"
    assert entry.text == (
        "workbench/main differs from the profile in what can't be changed in place: "
        f"data disk GB 100 -> 200{text}"
    )


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
def test_sessions_are_listed_once_more_when_none_can_start_any_more(
    before: Resource, state: State, again: bool
) -> None:
    record = a_record(before, SESSIONS, verb=Verb.LEAVE)
    seen = observed(record, before.id, Observation(state=state))
    assert seen.resource(SESSIONS.id) == (replace(SESSIONS, observe_at=NOW) if again else SESSIONS)
