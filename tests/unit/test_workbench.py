"""The workbench driver's reading of the v2 API, answer by answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import googleapiclient
import pytest

from shared.adapters.rest import Rest
from shared.adapters.workbench import WorkbenchDriver
from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want

KEY = "ana-abcdefghijkl"
EMAIL = "ana@example.com"
NAME = f"projects/demo/locations/us-central1-a/instances/wb-{KEY}"
OPERATION = "projects/demo/locations/us-central1-a/operations/op-1"

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


class Answers:
    """Stands in for ``Rest``: answers each path as told, 404 for the rest."""

    def __init__(self, **answers: dict[str, Any] | CloudFault) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def get(self, path: str, **params: str) -> dict[str, Any]:
        return self._answer("operation" if "/operations/" in path else "instance")

    def post(self, path: str, body: dict[str, Any], **params: str) -> dict[str, Any]:
        return self._answer("post")

    def delete(self, path: str, **params: str) -> dict[str, Any]:
        return self._answer("post")

    def _answer(self, what: str) -> dict[str, Any]:
        self.asked.append(what)
        answer = self._answers.get(what, CloudFault(Fate.PERMANENT, "NOT_FOUND", "none"))
        if isinstance(answer, CloudFault):
            raise answer
        return answer


def driver(answers: Answers) -> WorkbenchDriver:
    return WorkbenchDriver(cast("Rest", answers))


def instance(state: str, **more: Any) -> dict[str, Any]:
    labels = {"managed-by": "benchkeeper", "benchkeeper-person": KEY}
    return {"name": NAME, "labels": labels, "instanceOwners": [EMAIL], "state": state, **more}


def resource(**more: Any) -> Resource:
    return Resource(kind=Kind.WORKBENCH, slot="main", name=NAME, **more)


def look(answers: Answers, remembered: Resource | None = None) -> Observation:
    return driver(answers).observe(remembered or resource(), KEY, EMAIL)


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
    want = Want(kind=Kind.WORKBENCH, slot="main", places=(NAME,), body={}, digest="d")
    busy = CloudFault(Fate.TEMPORARY, "ABORTED", "busy")
    with pytest.raises(CloudFault, match="busy"):
        driver(Answers(post=busy)).create(resource(), want, KEY, EMAIL, "r")


def test_an_answer_without_an_operation_is_uncertain() -> None:
    with pytest.raises(CloudFault) as caught:
        driver(Answers(post={})).stop(resource(), "r")
    assert caught.value.fate is Fate.UNCERTAIN
