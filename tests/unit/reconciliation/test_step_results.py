"""What is stored after a step was answered: above all, for which profile it was written.

The digest in the record says what is there; '' means that it is yet to be compared.
"""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.environment import Environment
from shared.domain.faults import CloudFault, Disposition
from shared.domain.reconciliation.context import Action, Result, TurnedAway
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.observe import absorb
from shared.domain.reconciliation.step_claims import start_step
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import LostCall, Resource
from tests.support.builders import NOW, a_notebook, a_problem, a_record, after, an_intent
from tests.support.grouped_fields import a_resource
from tests.support.reconciling import context_at

OLD, NEW = "d-old", "d-new"
CREATING = Observation(state=State.CREATING, operation="op-1")
UPDATING = Observation(state=State.UPDATING, operation="op-1")
LOST = (LostCall(step=Step.CREATE, until=after(2)),)


def a_template(**changes: Any) -> Resource:
    return a_resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="templates/t", **changes)


def a_manifest(resource: Resource) -> Manifest:
    """What the profile asks for in the place of ``resource``, with the digest ``NEW``."""
    return Manifest(
        kind=resource.kind, slot=resource.slot, places=(resource.name,), body={}, digest=NEW
    )


def after_step(
    resource: Resource, step: Step, answer: Any, *, event: str = "e1", wanted: bool = True
) -> Environment:
    """The record after ``step`` was started and answered; ``event`` is the newest by then."""
    begun = start_step(resource, step, NOW)
    action = Action(begun, step, a_manifest(resource) if wanted else None, an_intent())
    draft = Draft(a_record(begun, intent=an_intent(id=event)), after(1))
    absorb(draft, context_at(after(1), (Result(action, answer),)))
    return draft.record


def digest_after(resource: Resource, step: Step, answer: Any, **more: Any) -> str:
    record = after_step(resource, step, answer, **more)
    [only] = record.resources
    return only.settings.digest


@pytest.mark.parametrize("resource", [a_notebook(), a_template()], ids=["notebook", "template"])
def test_a_first_create_results_in_the_requested_settings(resource: Resource) -> None:
    assert digest_after(resource, Step.CREATE, CREATING) == NEW


@pytest.mark.parametrize(
    "tried", [{"failures": 1}, {"failures": 2}, {"unconfirmed": LOST}], ids=["1", "2", "lost"]
)
def test_after_an_earlier_create_the_settings_of_a_notebook_are_unknown(
    tried: dict[str, Any],
) -> None:
    assert digest_after(a_notebook(**tried), Step.CREATE, CREATING) == ""


def test_the_last_create_overwrites_a_template() -> None:
    answer = Observation(state=State.READY)
    assert digest_after(a_template(failures=1), Step.CREATE, answer) == NEW


def test_an_update_results_in_the_requested_settings_after_any_number_of_tries() -> None:
    notebook = a_notebook(State.READY, digest=OLD, failures=2)
    assert digest_after(notebook, Step.UPDATE, UPDATING) == NEW


@pytest.mark.parametrize("step", [Step.CREATE, Step.UPDATE])
def test_after_an_event_during_the_call_the_settings_are_compared_again(step: Step) -> None:
    resource = a_template(state=State.READY, digest=OLD)
    answer = Observation(state=State.READY)
    assert digest_after(resource, step, answer, event="e2") == ""


def test_an_absent_resource_has_no_known_settings() -> None:
    answer = Observation(state=State.ABSENT)
    template = a_template(state=State.READY, digest=OLD)
    assert digest_after(template, Step.UPDATE, answer) == ""


@pytest.mark.parametrize("step", [Step.START, Step.STOP])
def test_other_steps_keep_the_known_settings(step: Step) -> None:
    notebook = a_notebook(State.STOPPED, digest=OLD)
    answer = Observation(state=step.moving, operation="op-1")
    assert digest_after(notebook, step, answer) == OLD
    assert digest_after(notebook, step, answer, wanted=False) == OLD


def test_a_refused_update_does_not_count_as_done() -> None:
    template = a_template(state=State.READY, digest=OLD)
    refused = Observation(state=State.READY, problem=a_problem(Disposition.PERMANENT))
    assert digest_after(template, Step.UPDATE, refused) == "", "yet to be compared"


def test_a_failed_update_keeps_its_problem_and_does_not_count_as_done() -> None:
    template = a_template(state=State.READY, digest=OLD)
    [only] = after_step(template, Step.UPDATE, a_problem(Disposition.TEMPORARY)).resources
    assert (only.settings.digest, only.backoff.failures) == ("", 1)
    assert only.backoff.problem == a_problem(Disposition.TEMPORARY)


def test_a_step_without_a_call_stays_to_be_taken() -> None:
    [notebook] = after_step(a_notebook(), Step.CREATE, None).resources
    assert notebook == start_step(a_notebook(), Step.CREATE, NOW)


def test_a_notebook_that_is_turned_away_queues_and_has_no_step_in_flight() -> None:
    [notebook] = after_step(a_notebook(), Step.CREATE, TurnedAway()).resources
    assert (notebook.in_flight, notebook.creation.queued_at) == (None, after(1))


def test_a_result_for_a_resource_that_left_the_record_is_dropped() -> None:
    """It was superseded during the call: the next observation shows the result."""
    action = Action(a_template(), Step.CREATE, a_manifest(a_template()), an_intent())
    draft = Draft(a_record(a_notebook()), after(1))
    absorb(draft, context_at(after(1), (Result(action, Observation(state=State.READY)),)))
    assert draft.record == a_record(a_notebook())


@pytest.mark.parametrize(
    ("resource", "step", "answer", "was"),
    [
        (a_notebook(), Step.CREATE, CREATING, True),
        (a_notebook(), Step.CREATE, a_problem(Disposition.STOCK_OUT), True),
        (a_notebook(), Step.CREATE, None, False),
        (a_notebook(), Step.CREATE, TurnedAway(), False),
        (a_notebook(), Step.UPDATE, UPDATING, False),
        (a_template(), Step.CREATE, CREATING, False),
    ],
    ids=["asked", "refused by the cloud", "not taken", "turned away", "update", "template"],
)
def test_a_turn_is_used_up_by_the_call_that_creates_a_notebook(
    resource: Resource, step: Step, answer: Any, was: bool
) -> None:
    action = Action(resource, step, a_manifest(resource), an_intent())
    assert Result(action, answer).was_let_in is was


def test_a_fault_reads_as_its_code_and_message() -> None:
    assert str(CloudFault(Disposition.TEMPORARY, "ABORTED", "it is busy")) == "ABORTED: it is busy"
