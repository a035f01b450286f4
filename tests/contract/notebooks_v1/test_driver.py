"""The driver of the two older kinds, through Google's own client, against the local cloud.

What it did is read back from the cloud's own store, not through a driver. The cloud is the
Google of 2023 where a test makes a notebook, and the Google of today where one is only found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, State, Step
from shared.domain.wants.labels import ownership
from tests.support.notebooks_v1_stage import (
    ANA,
    BEN,
    KEY,
    KINDS,
    PATIENCE,
    One,
    notebooks_v1_stage,
    request,
    wanted,
)

GONE = "have been deprecated and new instances cannot be created"


@pytest.fixture(params=KINDS)
def one(request: pytest.FixtureRequest) -> Iterator[One]:
    with notebooks_v1_stage() as stage:
        yield One(stage, request.param)


class TestToday:
    def test_creation_is_refused_for_good_and_the_message_names_workbench(self, one: One) -> None:
        with pytest.raises(CloudFault, match=GONE) as caught:
            one.create()
        assert caught.value.fate is Fate.PERMANENT
        assert "Use the kind workbench in the profile." in caught.value.message
        assert one.stage.stored() == {}

    def test_what_was_made_before_is_found_by_a_create(self, one: One) -> None:
        one.stage.plant(one.want)
        assert one.create().state is State.READY

    def test_what_somebody_else_made_before_stays_theirs(self, one: One) -> None:
        one.stage.plant(wanted(one.want.kind, BEN), name=one.name)
        seen = one.create()
        assert (seen.state, seen.problem) == (State.FOREIGN, None)

    def test_what_was_made_before_can_be_stopped_started_and_deleted(self, one: One) -> None:
        one.stage.plant(one.want)
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
    def _then(self, one: One) -> None:
        one.cloud.older_notebooks = True

    def test_a_create_is_one_call_and_under_way_until_its_operation_ends(self, one: One) -> None:
        seen = one.create()
        assert seen == Observation(state=State.CREATING, operation=seen.operation)
        assert seen.operation
        assert sum(one.cloud.calls.counts().values()) == 1
        memory = replace(one.resource, under_way=Step.CREATE, operation=seen.operation)
        assert one.look(memory) == Observation(state=State.CREATING, operation=seen.operation)
        ready = one.ended(Step.CREATE, seen)
        assert (ready.state, ready.finished) == (State.READY, True)
        assert ready.link.startswith("https://")

    def test_all_that_was_asked_for_arrives(self, one: One) -> None:
        one.make()
        stored = one.stage.stored()[one.name]
        if one.want.kind is Kind.MANAGED_NOTEBOOK:
            assert stored["accessConfig"]["runtimeOwner"] == ANA.email
            assert stored["accessConfig"]["accessType"] == "SINGLE_USER"
            assert stored["softwareConfig"] == one.want.body["softwareConfig"]
            asked = one.want.body["virtualMachine"]["virtualMachineConfig"]
            got = stored["virtualMachine"]["virtualMachineConfig"]
            assert got | asked == got
        else:
            # False is the default, and gRPC doesn't carry it.
            assert {k: v for k, v in one.want.body.items() if v is not False}.items() <= (
                stored.items()
            )

    def test_the_same_create_twice_makes_one(self, one: One) -> None:
        one.create()
        one.ended(Step.CREATE, one.create())
        assert list(one.stage.stored()) == [one.name]

    def test_a_look_without_the_operation_sees_it_move(self, one: One) -> None:
        one.create()
        assert one.look() == Observation(state=State.CREATING)
        assert one.look(replace(one.resource, was_ready=True)).state is State.STARTING

    @pytest.mark.parametrize(
        "spec",
        [
            {"when": "after", "error": {"status": "UNAVAILABLE"}},
            {"when": "after", "drop": True},
            {"when": "after", "delay_seconds": PATIENCE * 1.5},
        ],
        ids=["503", "cut", "late"],
    )
    def test_a_create_whose_answer_is_lost_is_uncertain_and_seen_by_the_next_look(
        self, one: One, spec: dict[str, Any]
    ) -> None:
        one.fault("create", **spec)
        with pytest.raises(CloudFault) as caught:
            one.create()
        assert caught.value.fate is Fate.UNCERTAIN
        assert one.stage.scripted[0].seen == 1
        assert one.look().state is State.CREATING
        one.pass_time()
        again = one.create()
        one.pass_time()
        assert again.operation or again.state is State.READY
        assert list(one.stage.stored()) == [one.name]

    def test_a_create_that_ends_in_a_stock_out_says_so_and_leaves_nothing(self, one: One) -> None:
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
        assert seen.problem.fate is Fate.STOCK_OUT
        assert seen.problem.elsewhere == ("us-central1-b",)
        assert not seen.finished
        assert one.stage.stored() == {}

    def test_a_forgotten_operation_is_no_trouble(self, one: One) -> None:
        seen = one.create()
        one.pass_time()
        one.stage.runtimes.delete_operation({"name": seen.operation})
        memory = replace(one.resource, under_way=Step.CREATE, operation=seen.operation)
        assert one.look(memory).state is State.READY

    def test_a_second_step_while_one_is_under_way_waits(self, one: One) -> None:
        one.create()
        with pytest.raises(CloudFault) as caught:
            one.driver.stop(one.resource, request(1))
        assert caught.value.fate is Fate.TEMPORARY

    def test_one_that_is_being_deleted_is_seen_to_be(self, one: One) -> None:
        one.make()
        one.driver.delete(one.resource, request(1))
        asked = replace(one.resource, under_way=Step.DELETE)
        assert one.look(asked) == Observation(state=State.DELETING)

    def test_it_can_be_made_again_after_its_deletion(self, one: One) -> None:
        one.make()
        one.ended(Step.DELETE, one.driver.delete(one.resource, request(1)))
        assert one.ended(Step.CREATE, one.create(2)).state is State.READY


class TestWhatIsThere:
    def test_nothing_is_absent_to_every_step(self, one: One) -> None:
        gone = Observation(state=State.ABSENT)
        assert one.look() == gone
        assert one.driver.update(one.resource, one.want, KEY, ANA.email, request(0)) == gone
        assert one.driver.start(one.resource, request(1)) == gone
        assert one.driver.stop(one.resource, request(2)) == gone
        assert one.driver.restore(one.resource, request(3)) == gone
        assert one.driver.protect(one.resource, True, request(4)) == gone
        assert one.driver.delete(one.resource, request(5)) == gone

    def test_steps_that_these_kinds_have_no_use_for_change_nothing(self, one: One) -> None:
        one.stage.plant(one.want)
        before = one.stage.stored()
        steps: list[Callable[[], Observation]] = [
            lambda: one.driver.update(one.resource, one.want, KEY, ANA.email, request(0)),
            lambda: one.driver.restore(one.resource, request(1)),
            lambda: one.driver.protect(one.resource, True, request(2)),
        ]
        assert [step().state for step in steps] == [State.READY] * 3
        assert one.driver.consented(one.resource) is None
        assert one.stage.stored() == before
        assert set(one.cloud.calls.counts()) == {f"notebooks_v1.{one.collection}.get"}

    def test_without_our_labels_it_is_foreign(self, one: One) -> None:
        one.stage.plant(one.want, labels={"team": "core"})
        seen = one.look()
        assert (seen.state, seen.detail) == (
            State.FOREIGN,
            "it lacks our labels for this person",
        )

    def test_with_our_labels_but_another_owner_it_is_foreign(self, one: One) -> None:
        one.stage.plant(wanted(one.want.kind, BEN), name=one.name, labels=ownership(KEY))
        seen = one.look()
        assert (seen.state, seen.detail) == (State.FOREIGN, "it belongs to ben@example.com")

    def test_starting_what_runs_and_stopping_what_is_stopped_change_nothing(self, one: One) -> None:
        one.stage.plant(one.want)
        starting = one.driver.start(one.resource, request(1))
        assert one.ended(Step.START, starting).state is State.READY
        one.stop()
        assert one.ended(Step.STOP, one.driver.stop(one.resource, request(2))).finished

    def test_a_switch_that_is_refused_for_being_done_already_is_done(self, one: One) -> None:
        one.stage.plant(one.want)
        one.fault("start", error={"status": "FAILED_PRECONDITION", "message": "it runs"})
        assert one.driver.start(one.resource, request(1)).state is State.READY

    def test_a_switch_that_is_refused_for_another_reason_fails(self, one: One) -> None:
        one.stage.plant(one.want)
        one.fault("stop", error={"status": "FAILED_PRECONDITION", "message": "no"})
        with pytest.raises(CloudFault) as caught:
            one.driver.stop(one.resource, request(1))
        assert caught.value.fate is Fate.PERMANENT

    def test_a_start_that_ends_badly_leaves_it_stopped_and_says_why(self, one: One) -> None:
        one.stage.plant(one.want)
        one.stop()
        error = {"status": "INTERNAL", "message": "no luck"}
        one.fault("start", when="operation", error=error)
        seen = one.ended(Step.START, one.driver.start(one.resource, request(1)))
        assert seen.state is State.STOPPED
        assert seen.problem is not None
        assert "no luck" in seen.problem.message

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("step", [Step.STOP, Step.DELETE])
    def test_a_change_without_an_answer_is_uncertain_and_asked_once(
        self, one: One, step: Step, when: str
    ) -> None:
        one.stage.plant(one.want)
        one.fault(step, when=when, error={"status": "UNAVAILABLE"})
        take = one.driver.stop if step is Step.STOP else one.driver.delete
        with pytest.raises(CloudFault) as caught:
            take(one.resource, request(1))
        assert caught.value.fate is Fate.UNCERTAIN
        assert one.stage.scripted[0].seen == 1
        one.pass_time()
        reached = State.STOPPED if step is Step.STOP else State.ABSENT
        assert one.look().state is (State.READY if when == "before" else reached)

    def test_a_look_without_an_answer_is_temporary(self, one: One) -> None:
        one.fault("get", error={"status": "UNAVAILABLE"})
        with pytest.raises(CloudFault) as caught:
            one.look()
        assert caught.value.fate is Fate.TEMPORARY
        assert one.stage.scripted[0].seen == 1
