"""The driver of the two older kinds with Google's client, on the local cloud.

Results are read from the cloud's store, not with a driver. Tests that create a notebook run with
the behaviour of 2023, when creation was possible; the others with that of today.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.manifests.labels import ownership
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.observation import Observation
from tests.support.grouped_fields import replace
from tests.support.notebooks_v1_stage import (
    ANA,
    BEN,
    CALL_SECONDS,
    KEY,
    KINDS,
    Notebook,
    notebooks_v1_stage,
    request,
    wanted,
)

pytestmark = pytest.mark.slow

GONE = "have been deprecated and new instances cannot be created"


@pytest.fixture(params=KINDS)
def one(request: pytest.FixtureRequest) -> Iterator[Notebook]:
    with notebooks_v1_stage() as stage:
        yield Notebook(stage, request.param)


class TestToday:
    def test_creation_is_a_permanent_fault_that_names_workbench(self, one: Notebook) -> None:
        with pytest.raises(CloudFault, match=GONE) as caught:
            one.create()
        assert caught.value.disposition is Disposition.PERMANENT
        assert "Use the kind workbench in the profile." in caught.value.message
        assert one.stage.stored() == {}

    def test_create_finds_an_existing_notebook(self, one: Notebook) -> None:
        one.stage.plant(one.manifest)
        assert one.create().state is State.READY

    def test_create_does_not_touch_somebody_elses_notebook(self, one: Notebook) -> None:
        one.stage.plant(wanted(one.manifest.kind, BEN), name=one.name)
        seen = one.create()
        assert (seen.state, seen.problem) == (State.FOREIGN, None)

    def test_an_existing_notebook_can_be_stopped_started_and_deleted(self, one: Notebook) -> None:
        one.stage.plant(one.manifest)
        stopping = one.driver.stop(one.resource, request(1))
        assert stopping.state is State.STOPPING
        assert one.ended(Step.STOP, stopping).state is State.STOPPED
        starting = one.driver.start(one.resource, request(2))
        assert starting.state is State.STARTING
        assert one.ended(Step.START, starting).state is State.READY
        deleting = one.driver.delete(one.resource, request(3))
        assert deleting.state is State.DELETING
        assert one.ended(Step.DELETE, deleting) == Observation(state=State.ABSENT, finished=True)
        assert one.stage.stored() == {}


class TestIn2023:
    @pytest.fixture(autouse=True)
    def _then(self, one: Notebook) -> None:
        one.cloud.older_notebooks = True

    def test_a_create_is_one_call_and_creating_until_its_operation_ends(
        self, one: Notebook
    ) -> None:
        seen = one.create()
        assert seen == Observation(state=State.CREATING, operation=seen.operation)
        assert seen.operation
        assert sum(one.cloud.calls.counts().values()) == 1
        memory = replace(one.resource, step=Step.CREATE, operation=seen.operation)
        assert one.observe(memory) == Observation(state=State.CREATING, operation=seen.operation)
        ready = one.ended(Step.CREATE, seen)
        assert (ready.state, ready.finished) == (State.READY, True)
        assert ready.link.startswith("https://")

    def test_the_whole_body_arrives(self, one: Notebook) -> None:
        one.make()
        stored = one.stage.stored()[one.name]
        if one.manifest.kind is Kind.MANAGED_NOTEBOOK:
            assert stored["accessConfig"]["runtimeOwner"] == ANA.email
            assert stored["accessConfig"]["accessType"] == "SINGLE_USER"
            assert stored["softwareConfig"] == one.manifest.body["softwareConfig"]
            asked = one.manifest.body["virtualMachine"]["virtualMachineConfig"]
            got = stored["virtualMachine"]["virtualMachineConfig"]
            assert got | asked == got
        else:
            # False is the default, which protobuf does not send.
            assert {k: v for k, v in one.manifest.body.items() if v is not False}.items() <= (
                stored.items()
            )

    def test_the_same_create_twice_makes_one_notebook(self, one: Notebook) -> None:
        one.create()
        one.ended(Step.CREATE, one.create())
        assert list(one.stage.stored()) == [one.name]

    def test_without_the_operation_the_instance_shows_the_moving_state(self, one: Notebook) -> None:
        one.create()
        assert one.observe() == Observation(state=State.CREATING)
        assert one.observe(replace(one.resource, was_ready=True)).state is State.STARTING

    @pytest.mark.parametrize(
        "spec",
        [
            {"when": "after", "error": {"status": "UNAVAILABLE"}},
            {"when": "after", "drop": True},
            {"when": "after", "delay_seconds": CALL_SECONDS * 1.5},
        ],
        ids=["503", "cut", "late"],
    )
    def test_a_create_with_a_lost_answer_is_uncertain_and_then_observed(
        self, one: Notebook, spec: dict[str, Any]
    ) -> None:
        one.fault("create", **spec)
        with pytest.raises(CloudFault) as caught:
            one.create()
        assert caught.value.disposition is Disposition.UNCERTAIN
        assert one.stage.scripted[0].seen == 1
        assert one.observe().state is State.CREATING
        one.pass_time()
        again = one.create()
        one.pass_time()
        assert again.operation or again.state is State.READY
        assert list(one.stage.stored()) == [one.name]

    def test_a_create_that_ends_in_a_stock_out_reports_it_and_leaves_nothing(
        self, one: Notebook
    ) -> None:
        message = "The zone does not have enough resources available to fulfill the request."
        details = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "metadata": {"zonesAvailable": "us-central1-b"},
            }
        ]
        error = {"status": "RESOURCE_EXHAUSTED", "message": message, "details": details}
        one.fault("create", when="operation", error=error)
        seen = one.ended(Step.CREATE, one.create())
        assert seen.state is State.ABSENT
        assert seen.problem is not None
        assert seen.problem.disposition is Disposition.STOCK_OUT
        assert seen.problem.elsewhere == ("us-central1-b",)
        assert not seen.finished
        assert one.stage.stored() == {}

    def test_an_operation_that_google_has_deleted_is_no_problem(self, one: Notebook) -> None:
        seen = one.create()
        one.pass_time()
        one.stage.runtimes.delete_operation({"name": seen.operation})
        memory = replace(one.resource, step=Step.CREATE, operation=seen.operation)
        assert one.observe(memory).state is State.READY

    def test_a_second_step_during_an_operation_is_temporary(self, one: Notebook) -> None:
        one.create()
        with pytest.raises(CloudFault) as caught:
            one.driver.stop(one.resource, request(1))
        assert caught.value.disposition is Disposition.TEMPORARY

    def test_a_deletion_in_progress_is_observed(self, one: Notebook) -> None:
        one.make()
        one.driver.delete(one.resource, request(1))
        asked = replace(one.resource, step=Step.DELETE)
        assert one.observe(asked) == Observation(state=State.DELETING)

    def test_it_can_be_created_again_after_its_deletion(self, one: Notebook) -> None:
        one.make()
        one.ended(Step.DELETE, one.driver.delete(one.resource, request(1)))
        assert one.ended(Step.CREATE, one.create(2)).state is State.READY


class TestExisting:
    def test_a_missing_notebook_is_absent_for_every_step(self, one: Notebook) -> None:
        gone = Observation(state=State.ABSENT)
        assert one.observe() == gone
        assert one.driver.update(one.resource, one.manifest, KEY, ANA.email, request(0)) == gone
        assert one.driver.start(one.resource, request(1)) == gone
        assert one.driver.stop(one.resource, request(2)) == gone
        assert one.driver.restore(one.resource, request(3)) == gone
        assert one.driver.protect(one.resource, True, request(4)) == gone
        assert one.driver.delete(one.resource, request(5)) == gone

    def test_steps_that_these_kinds_lack_change_nothing(self, one: Notebook) -> None:
        one.stage.plant(one.manifest)
        before = one.stage.stored()
        steps: list[Callable[[], Observation]] = [
            lambda: one.driver.update(one.resource, one.manifest, KEY, ANA.email, request(0)),
            lambda: one.driver.restore(one.resource, request(1)),
            lambda: one.driver.protect(one.resource, True, request(2)),
        ]
        assert [step().state for step in steps] == [State.READY] * 3
        assert one.driver.consented(one.resource) is None
        assert one.stage.stored() == before
        assert set(one.cloud.calls.counts()) == {f"notebooks_v1.{one.collection}.get"}

    def test_without_our_labels_it_is_foreign(self, one: Notebook) -> None:
        one.stage.plant(one.manifest, labels={"team": "core"})
        seen = one.observe()
        assert (seen.state, seen.detail) == (
            State.FOREIGN,
            "it lacks our labels for this person",
        )

    def test_with_our_labels_but_another_owner_it_is_foreign(self, one: Notebook) -> None:
        one.stage.plant(wanted(one.manifest.kind, BEN), name=one.name, labels=ownership(KEY))
        seen = one.observe()
        assert (seen.state, seen.detail) == (State.FOREIGN, "it belongs to ben@example.com")

    def test_starting_a_running_and_stopping_a_stopped_notebook_change_nothing(
        self, one: Notebook
    ) -> None:
        one.stage.plant(one.manifest)
        starting = one.driver.start(one.resource, request(1))
        assert one.ended(Step.START, starting).state is State.READY
        one.stop()
        assert one.ended(Step.STOP, one.driver.stop(one.resource, request(2))).finished

    def test_a_start_rejected_because_it_runs_succeeds(self, one: Notebook) -> None:
        one.stage.plant(one.manifest)
        one.fault("start", error={"status": "FAILED_PRECONDITION", "message": "it runs"})
        assert one.driver.start(one.resource, request(1)).state is State.READY

    def test_a_stop_rejected_for_another_reason_fails(self, one: Notebook) -> None:
        one.stage.plant(one.manifest)
        one.fault("stop", error={"status": "FAILED_PRECONDITION", "message": "no"})
        with pytest.raises(CloudFault) as caught:
            one.driver.stop(one.resource, request(1))
        assert caught.value.disposition is Disposition.PERMANENT

    def test_a_failed_start_leaves_it_stopped_with_the_reason(self, one: Notebook) -> None:
        one.stage.plant(one.manifest)
        one.stop()
        error = {"status": "INTERNAL", "message": "no luck"}
        one.fault("start", when="operation", error=error)
        seen = one.ended(Step.START, one.driver.start(one.resource, request(1)))
        assert seen.state is State.STOPPED
        assert seen.problem is not None
        assert "no luck" in seen.problem.message

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("step", [Step.STOP, Step.DELETE])
    def test_a_change_with_a_lost_answer_is_uncertain_and_sent_once(
        self, one: Notebook, step: Step, when: str
    ) -> None:
        one.stage.plant(one.manifest)
        one.fault(step, when=when, error={"status": "UNAVAILABLE"})
        take = one.driver.stop if step is Step.STOP else one.driver.delete
        with pytest.raises(CloudFault) as caught:
            take(one.resource, request(1))
        assert caught.value.disposition is Disposition.UNCERTAIN
        assert one.stage.scripted[0].seen == 1
        one.pass_time()
        reached = State.STOPPED if step is Step.STOP else State.ABSENT
        assert one.observe().state is (State.READY if when == "before" else reached)

    def test_an_observation_without_an_answer_is_temporary(self, one: Notebook) -> None:
        one.fault("get", error={"status": "UNAVAILABLE"})
        with pytest.raises(CloudFault) as caught:
            one.observe()
        assert caught.value.disposition is Disposition.TEMPORARY
        assert one.stage.scripted[0].seen == 1
