"""The workbench driver's reading of the v2 API, answer by answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import googleapiclient
import pytest

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Drift, State, Step
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
    look,
    resource,
    want,
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


def test_every_state_of_the_api_is_decided() -> None:
    assert sorted(discovered_states()) == sorted(STATES)


@pytest.mark.parametrize(("said", "state"), STATES.items())
def test_a_state_is_read(said: str, state: State | None) -> None:
    assert look(Answers(instance=instance(said))).state is state


@pytest.mark.parametrize("said", ["STATE_UNSPECIFIED", "HIBERNATING"])
def test_a_state_that_says_nothing_is_a_reason_to_look_again(said: str) -> None:
    seen = look(Answers(instance=instance(said)))
    assert seen.problem is not None
    assert seen.problem.fate is Fate.TEMPORARY
    assert said in seen.problem.message


@pytest.mark.parametrize("remembered", [{"was_ready": True}, {"under_way": Step.START}])
def test_provisioning_on_the_way_up_again_is_a_start(remembered: dict[str, Any]) -> None:
    seen = look(Answers(instance=instance("PROVISIONING")), resource(**remembered))
    assert seen.state is State.STARTING


@pytest.mark.parametrize("said", ["ORPHANED", "DELETED"])
def test_a_broken_one_says_what_to_do(said: str) -> None:
    assert look(Answers(instance=instance(said))).detail


def test_the_proxy_becomes_a_link_only_while_it_runs() -> None:
    proxy = "abc-dot-us-central1.notebooks.googleusercontent.com"
    assert look(Answers(instance=instance("ACTIVE", proxyUri=proxy))).link == f"https://{proxy}"
    assert look(Answers(instance=instance("ACTIVE", proxyUri="https://x"))).link == "https://x"
    assert look(Answers(instance=instance("ACTIVE"))).link == ""
    assert look(Answers(instance=instance("STOPPED", proxyUri=proxy))).link == ""


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
def test_what_differs_from_this_persons_is_foreign(difference: dict[str, Any]) -> None:
    seen = look(Answers(instance={**instance("ACTIVE"), **difference}))
    assert seen.state is State.FOREIGN
    assert seen.detail


def test_an_operations_own_answer_spares_the_look() -> None:
    done = {"name": OPERATION, "done": True, "response": instance("ACTIVE")}
    answers = Answers(operation=done)
    seen = look(answers, resource(operation=OPERATION, under_way=Step.CREATE))
    assert (seen.state, answers.asked) == (State.READY, ["operation"])


@pytest.mark.parametrize("response", [{}, instance("STARTING"), {"name": "something else"}])
def test_an_operations_answer_that_tells_too_little_leads_to_a_look(
    response: dict[str, Any],
) -> None:
    done = {"name": OPERATION, "done": True, "response": response}
    answers = Answers(operation=done, instance=instance("ACTIVE"))
    seen = look(answers, resource(operation=OPERATION, under_way=Step.START))
    assert (seen.state, answers.asked) == (State.READY, ["operation", "instance"])


def test_a_deletion_is_believed_only_after_a_look() -> None:
    answers = Answers(operation={"name": OPERATION, "done": True, "response": {}})
    seen = look(answers, resource(operation=OPERATION, under_way=Step.DELETE))
    assert (seen.state, answers.asked) == (State.ABSENT, ["operation", "instance"])


def test_an_operation_that_cannot_be_read_is_a_fault() -> None:
    answers = Answers(operation=CloudFault(Fate.TEMPORARY, "UNAVAILABLE", "down"))
    with pytest.raises(CloudFault):
        look(answers, resource(operation=OPERATION, under_way=Step.CREATE))


@pytest.mark.parametrize(
    ("remembered", "state"),
    [
        ({"under_way": Step.START}, State.STARTING),
        ({"under_way": Step.STOP}, State.STOPPING),
        ({"under_way": Step.DELETE}, State.DELETING),
        ({"state": State.STOPPING}, State.STOPPING),
        ({"state": State.READY}, State.STARTING),  # found by a look at the instance
    ],
)
def test_a_running_operation_is_the_step_it_belongs_to(
    remembered: dict[str, Any], state: State
) -> None:
    answers = Answers(operation={"name": OPERATION}, instance=instance("STARTING"))
    seen = look(answers, resource(operation=OPERATION, **remembered))
    assert (seen.state, seen.operation) == (state, OPERATION)


def test_a_half_made_one_whose_creation_failed_is_broken() -> None:
    failed = {"name": OPERATION, "done": True, "error": {"code": 13, "message": "It failed"}}
    answers = Answers(operation=failed, instance=instance("PROVISIONING"))
    seen = look(answers, resource(operation=OPERATION, under_way=Step.CREATE))
    assert seen.state is State.BROKEN
    assert seen.problem is not None
    assert seen.problem.code == "INTERNAL"


@pytest.mark.parametrize("said", ["ACTIVE", "STARTING"])
def test_a_refused_start_of_what_runs_is_fine(said: str) -> None:
    refusal = CloudFault(Fate.PERMANENT, "FAILED_PRECONDITION", "it runs")
    seen = driver(Answers(post=refusal, instance=instance(said))).start(resource(), "r")
    assert seen.state in (State.READY, State.STARTING)


def test_a_refused_start_of_what_does_not_run_is_a_fault() -> None:
    refusal = CloudFault(Fate.PERMANENT, "FAILED_PRECONDITION", "no VM")
    with pytest.raises(CloudFault, match="no VM"):
        driver(Answers(post=refusal, instance=instance("STOPPED"))).start(resource(), "r")


def test_a_conflict_with_another_operation_is_not_taken_for_a_thing_that_exists() -> None:
    busy = CloudFault(Fate.TEMPORARY, "ABORTED", "busy")
    with pytest.raises(CloudFault, match="busy"):
        driver(Answers(post=busy)).create(resource(), want(), KEY, EMAIL, "r")


def test_an_answer_without_an_operation_is_uncertain() -> None:
    with pytest.raises(CloudFault) as caught:
        driver(Answers(post={})).stop(resource(), "r")
    assert caught.value.fate is Fate.UNCERTAIN


def test_a_look_with_a_want_says_how_it_differs() -> None:
    answers = Answers(instance=instance("ACTIVE", gceSetup=MACHINE))
    assert look(answers, wanted=OTHER).drift == MACHINE_DRIFT
    assert look(answers, wanted=want(**MACHINE)).drift == Drift()
    assert look(answers).drift is None


def test_what_is_still_being_worked_on_is_not_compared() -> None:
    answers = Answers(instance=instance("STARTING", gceSetup=MACHINE))
    assert look(answers, resource(), OTHER).drift is None


@pytest.mark.parametrize("operation", ["", OPERATION])
def test_once_a_step_has_ended_what_is_there_is_compared(operation: str) -> None:
    """Something else may be wanted by now than when it was begun."""
    found = instance("ACTIVE", gceSetup=MACHINE)
    done = {"name": OPERATION, "done": True, "response": found}
    updating = resource(under_way=Step.UPDATE, operation=operation)
    assert look(Answers(instance=found, operation=done), updating, OTHER).drift


def test_somebody_elses_is_not_compared() -> None:
    answers = Answers(instance=instance("ACTIVE", labels={}, gceSetup=MACHINE))
    assert look(answers, wanted=OTHER).drift is None


@pytest.mark.parametrize("said", ["ACTIVE", "STOPPED", "ORPHANED"])
def test_its_protection_is_seen(said: str) -> None:
    assert look(Answers(instance=instance(said, enableDeletionProtection=True))).protected
    assert not look(Answers(instance=instance(said))).protected


@pytest.mark.parametrize("response", [instance("STOPPED"), {}])
def test_an_operation_that_ended_well_is_finished(response: dict[str, Any]) -> None:
    done = {"name": OPERATION, "done": True, "response": response}
    answers = Answers(operation=done, instance=instance("STOPPED"))
    assert look(answers, resource(operation=OPERATION, under_way=Step.RESTORE)).finished


def test_what_has_no_operation_or_a_failed_or_running_one_is_not_finished() -> None:
    remembered = resource(operation=OPERATION, under_way=Step.START)
    failed = {"name": OPERATION, "done": True, "error": {"code": 13, "message": "It failed"}}
    for operation in (failed, {"name": OPERATION}):
        assert not look(
            Answers(operation=operation, instance=instance("ACTIVE")), remembered
        ).finished
    forgotten = Answers(instance=instance("ACTIVE"))
    assert not look(forgotten, remembered).finished
    assert not look(forgotten).finished
