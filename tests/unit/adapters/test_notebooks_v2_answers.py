"""How the workbench driver reads answers of the v2 API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import googleapiclient
import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.manifest import Drift
from tests.support.notebook_answers import (
    EMAIL,
    KEY,
    MACHINE,
    MACHINE_DRIFT,
    OPERATION,
    OTHER,
    Answers,
    driver,
    instance,
    manifest,
    observe,
    resource,
)

STATES = {
    "STATE_UNSPECIFIED": None,
    "STARTING": State.STARTING,
    "PROVISIONING": State.CREATING,
    "ACTIVE": State.READY,
    "STOPPING": State.STOPPING,
    "STOPPED": State.STOPPED,
    "DELETED": State.BROKEN,
    "UPGRADING": State.STARTING,
    "INITIALIZING": State.CREATING,
    "SUSPENDING": State.STOPPING,
    "SUSPENDED": State.STOPPED,
    "ORPHANED": State.BROKEN,
}


def discovered_states() -> list[str]:
    root = Path(googleapiclient.__file__).parent
    document = root / "discovery_cache/documents/notebooks.v2.json"
    states: list[str] = json.loads(document.read_text())["schemas"]["Instance"]["properties"][
        "state"
    ]["enum"]
    return states


def test_every_state_of_the_api_is_known() -> None:
    assert sorted(discovered_states()) == sorted(STATES)


@pytest.mark.parametrize(("said", "state"), STATES.items())
def test_a_state_is_read(said: str, state: State | None) -> None:
    assert observe(Answers(instance=instance(said))).state is state


@pytest.mark.parametrize("said", ["STATE_UNSPECIFIED", "HIBERNATING"])
def test_an_unknown_state_is_observed_again(said: str) -> None:
    seen = observe(Answers(instance=instance(said)))
    assert seen.problem is not None
    assert seen.problem.disposition is Disposition.TEMPORARY
    assert said in seen.problem.message


@pytest.mark.parametrize("remembered", [{"was_ready": True}, {"step": Step.START}])
def test_provisioning_at_a_later_start_is_starting(remembered: dict[str, Any]) -> None:
    seen = observe(Answers(instance=instance("PROVISIONING")), resource(**remembered))
    assert seen.state is State.STARTING


@pytest.mark.parametrize("said", ["ORPHANED", "DELETED"])
def test_a_broken_notebook_has_advice(said: str) -> None:
    assert observe(Answers(instance=instance(said))).detail


def test_the_link_is_set_only_while_it_runs() -> None:
    proxy = "abc-dot-us-central1.notebooks.googleusercontent.com"
    assert observe(Answers(instance=instance("ACTIVE", proxyUri=proxy))).link == f"https://{proxy}"
    assert observe(Answers(instance=instance("ACTIVE", proxyUri="https://x"))).link == "https://x"
    assert observe(Answers(instance=instance("ACTIVE"))).link == ""
    assert observe(Answers(instance=instance("STOPPED", proxyUri=proxy))).link == ""


@pytest.mark.parametrize(
    "difference",
    [
        {"labels": {}},
        {"labels": {"managed-by": "benchkeeper", "benchkeeper-person": "ben-abcdefghijkl"}},
        {"labels": {"managed-by": "terraform", "benchkeeper-person": KEY}},
        {"instanceOwners": ["ben@example.com"]},
        {"instanceOwners": []},
        {"instanceOwners": [EMAIL, "ben@example.com"]},
    ],
)
def test_a_notebook_of_another_person_is_foreign(difference: dict[str, Any]) -> None:
    seen = observe(Answers(instance={**instance("ACTIVE"), **difference}))
    assert seen.state is State.FOREIGN
    assert seen.detail


def test_a_complete_operation_response_needs_no_further_call() -> None:
    done = {"name": OPERATION, "done": True, "response": instance("ACTIVE")}
    answers = Answers(operation=done)
    seen = observe(answers, resource(operation=OPERATION, step=Step.CREATE))
    assert (seen.state, answers.asked) == (State.READY, ["operation"])


@pytest.mark.parametrize("response", [{}, instance("STARTING"), {"name": "something else"}])
def test_an_incomplete_operation_response_leads_to_a_get(
    response: dict[str, Any],
) -> None:
    done = {"name": OPERATION, "done": True, "response": response}
    answers = Answers(operation=done, instance=instance("ACTIVE"))
    seen = observe(answers, resource(operation=OPERATION, step=Step.START))
    assert (seen.state, answers.asked) == (State.READY, ["operation", "instance"])


def test_a_deletion_is_confirmed_by_a_get() -> None:
    answers = Answers(operation={"name": OPERATION, "done": True, "response": {}})
    seen = observe(answers, resource(operation=OPERATION, step=Step.DELETE))
    assert (seen.state, answers.asked) == (State.ABSENT, ["operation", "instance"])


def test_an_operation_that_cannot_be_read_is_a_fault() -> None:
    answers = Answers(operation=CloudFault(Disposition.TEMPORARY, "UNAVAILABLE", "down"))
    with pytest.raises(CloudFault):
        observe(answers, resource(operation=OPERATION, step=Step.CREATE))


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (Step.START, State.STARTING),
        (Step.STOP, State.STOPPING),
        (Step.DELETE, State.DELETING),
    ],
)
def test_a_running_operation_has_the_state_of_its_step(step: Step, state: State) -> None:
    answers = Answers(operation={"name": OPERATION}, instance=instance("ACTIVE"))
    seen = observe(answers, resource(operation=OPERATION, step=step))
    assert (seen.state, seen.operation, answers.asked) == (state, OPERATION, ["operation"])


def test_a_notebook_whose_creation_failed_is_broken() -> None:
    failed = {"name": OPERATION, "done": True, "error": {"code": 13, "message": "It failed"}}
    answers = Answers(operation=failed, instance=instance("PROVISIONING"))
    seen = observe(answers, resource(operation=OPERATION, step=Step.CREATE))
    assert seen.state is State.BROKEN
    assert seen.problem is not None
    assert seen.problem.code == "INTERNAL"


@pytest.mark.parametrize("said", ["ACTIVE", "STARTING"])
def test_a_rejected_start_of_a_running_notebook_succeeds(said: str) -> None:
    refusal = CloudFault(Disposition.PERMANENT, "FAILED_PRECONDITION", "it runs")
    seen = driver(Answers(post=refusal, instance=instance(said))).start(resource(), "r")
    assert seen.state in (State.READY, State.STARTING)


def test_a_rejected_start_of_a_stopped_notebook_is_a_fault() -> None:
    refusal = CloudFault(Disposition.PERMANENT, "FAILED_PRECONDITION", "no VM")
    with pytest.raises(CloudFault, match="no VM"):
        driver(Answers(post=refusal, instance=instance("STOPPED"))).start(resource(), "r")


def test_a_conflict_with_another_operation_is_not_already_exists() -> None:
    busy = CloudFault(Disposition.TEMPORARY, "ABORTED", "busy")
    with pytest.raises(CloudFault, match="busy"):
        driver(Answers(post=busy)).create(resource(), manifest(), KEY, EMAIL, "r")


def test_an_answer_without_an_operation_is_uncertain() -> None:
    with pytest.raises(CloudFault) as caught:
        driver(Answers(post={})).stop(resource(), "r")
    assert caught.value.disposition is Disposition.UNCERTAIN


def test_an_observation_with_a_manifest_has_the_drift() -> None:
    answers = Answers(instance=instance("ACTIVE", gceSetup=MACHINE))
    assert observe(answers, wanted=OTHER).drift == MACHINE_DRIFT
    assert observe(answers, wanted=manifest(**MACHINE)).drift == Drift()
    assert observe(answers).drift is None


def test_a_notebook_with_a_change_in_progress_has_no_drift() -> None:
    answers = Answers(instance=instance("STARTING", gceSetup=MACHINE))
    assert observe(answers, resource(), OTHER).drift is None


@pytest.mark.parametrize("operation", ["", OPERATION])
def test_after_a_step_the_drift_is_determined(operation: str) -> None:
    """The manifest may have changed since the step was started."""
    found = instance("ACTIVE", gceSetup=MACHINE)
    done = {"name": OPERATION, "done": True, "response": found}
    updating = resource(step=Step.UPDATE, operation=operation)
    assert observe(Answers(instance=found, operation=done), updating, OTHER).drift


def test_somebody_elses_notebook_has_no_drift() -> None:
    answers = Answers(instance=instance("ACTIVE", labels={}, gceSetup=MACHINE))
    assert observe(answers, wanted=OTHER).drift is None


@pytest.mark.parametrize("said", ["ACTIVE", "STOPPED", "ORPHANED"])
def test_its_protection_is_observed(said: str) -> None:
    assert observe(Answers(instance=instance(said, enableDeletionProtection=True))).protected
    assert not observe(Answers(instance=instance(said))).protected


@pytest.mark.parametrize("response", [instance("STOPPED"), {}])
def test_a_successful_operation_is_finished(response: dict[str, Any]) -> None:
    done = {"name": OPERATION, "done": True, "response": response}
    answers = Answers(operation=done, instance=instance("STOPPED"))
    assert observe(answers, resource(operation=OPERATION, step=Step.RESTORE)).finished


def test_without_a_successful_operation_it_is_not_finished() -> None:
    remembered = resource(operation=OPERATION, step=Step.START)
    failed = {"name": OPERATION, "done": True, "error": {"code": 13, "message": "It failed"}}
    for operation in (failed, {"name": OPERATION}):
        assert not observe(
            Answers(operation=operation, instance=instance("ACTIVE")), remembered
        ).finished
    forgotten = Answers(instance=instance("ACTIVE"))
    assert not observe(forgotten, remembered).finished
    assert not observe(forgotten).finished
