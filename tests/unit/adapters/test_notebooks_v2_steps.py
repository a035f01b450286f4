"""The workbench driver's steps that change or restore, and what it makes of refusals."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import LostCall, Observation, State, Step
from tests.support.notebook_answers import (
    EMAIL,
    KEY,
    MACHINE,
    MACHINE_DRIFT,
    NAME,
    OPERATION,
    OTHER,
    Answers,
    driver,
    instance,
    look,
    resource,
    want,
)

BEGUN = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
SNAPSHOT = "projects/demo/global/snapshots/sn-1"


@pytest.mark.parametrize("said", ["STARTING", "STOPPING", "UPGRADING", "ORPHANED"])
def test_an_update_of_what_neither_runs_nor_rests_only_looks(said: str) -> None:
    answers = Answers(instance=instance(said, gceSetup=MACHINE))
    driver(answers).update(resource(), want(tags=["x"]), KEY, EMAIL, "r")
    assert answers.asked == ["instance"]


def test_a_machine_type_is_left_alone_while_it_runs() -> None:
    answers = Answers(instance=instance("ACTIVE", gceSetup=MACHINE))
    seen = driver(answers).update(resource(), OTHER, KEY, EMAIL, "r")
    assert (seen.state, seen.drift, answers.asked) == (State.READY, MACHINE_DRIFT, ["instance"])


def test_an_update_sends_what_differs_and_its_request_id() -> None:
    answers = Answers(instance=instance("STOPPED", gceSetup=MACHINE), patch={"name": OPERATION})
    wanted = want(machineType="n2-standard-8", tags=["inner"])
    seen = driver(answers).update(resource(under_way=Step.UPDATE), wanted, KEY, EMAIL, "r-1")
    assert (seen.state, seen.operation) == (State.UPDATING, OPERATION)
    assert answers.sent == {
        "body": {"gceSetup": {"machineType": "n2-standard-8", "tags": ["inner"]}},
        "updateMask": "gce_setup.tags,gce_setup.machine_type",
        "requestId": "r-1",
    }


def test_what_goes_between_the_look_and_the_update_is_absent() -> None:
    answers = Answers(instance=instance("STOPPED", gceSetup=MACHINE))
    assert driver(answers).update(resource(), OTHER, KEY, EMAIL, "r").state is State.ABSENT
    assert driver(answers).protect(resource(), True, "r").state is State.ABSENT


REFUSED = CloudFault(Fate.PERMANENT, "FAILED_PRECONDITION", "protected")


@pytest.mark.parametrize(("by_us", "who"), [(True, "release"), (False, "Notebooks Admin")])
def test_a_deletion_refused_for_its_protection_says_who_can_lift_it(by_us: bool, who: str) -> None:
    answers = Answers(post=REFUSED, instance=instance("STOPPED", enableDeletionProtection=True))
    with pytest.raises(CloudFault, match=who) as caught:
        driver(answers).delete(resource(protected_by_us=by_us), "r")
    assert caught.value.fate is Fate.PERMANENT
    assert caught.value.__cause__ is REFUSED


@pytest.mark.parametrize("left", [{"instance": instance("STOPPED")}, {}])
def test_a_deletion_refused_for_something_else_says_what_google_says(
    left: dict[str, Any],
) -> None:
    with pytest.raises(CloudFault) as caught:
        driver(Answers(post=REFUSED, **left)).delete(resource(), "r")
    assert caught.value is REFUSED


def test_a_restore_names_the_snapshot() -> None:
    answers = Answers(post={"name": OPERATION})
    seen = driver(answers).restore(resource(restore_from=SNAPSHOT), "r")
    assert (seen.state, seen.operation) == (State.RESTORING, OPERATION)
    assert answers.sent == {"snapshot": {"projectId": "demo", "snapshotId": "sn-1"}}


def test_a_snapshot_that_is_gone_is_told_from_a_notebook_that_is() -> None:
    remembered = resource(restore_from=SNAPSHOT)
    assert driver(Answers()).restore(remembered, "r").state is State.ABSENT
    with pytest.raises(CloudFault, match=SNAPSHOT) as caught:
        driver(Answers(instance=instance("ACTIVE"))).restore(remembered, "r")
    assert (caught.value.code, caught.value.fate) == ("NOT_FOUND", Fate.PERMANENT)


RESTORING = resource(under_way=Step.RESTORE, since=BEGUN, restore_from=SNAPSHOT)


def operation(
    at: str = "2026-11-02T09:30:01.123456789Z", /, *, name: str = OPERATION, **more: Any
) -> dict[str, Any]:
    metadata = {"target": NAME, "verb": "restore", "createTime": at}
    return {"name": name, "metadata": metadata | more.pop("metadata", {}), **more}


def after_a_lost_restore(*operations: dict[str, Any]) -> tuple[Observation, Answers]:
    answers = Answers(operations=operations, instance=instance("ACTIVE"))
    return look(answers, RESTORING), answers


def test_a_restore_whose_answer_was_lost_is_found_running() -> None:
    seen, answers = after_a_lost_restore(operation())
    assert seen == Observation(state=State.RESTORING, operation=OPERATION)
    assert answers.asked == ["operations"]


def test_a_restore_whose_answer_was_lost_is_found_ended() -> None:
    seen, _ = after_a_lost_restore(operation(done=True, response={}))
    assert (seen.state, seen.finished) == (State.READY, True)


def test_a_restore_whose_answer_was_lost_is_found_failed() -> None:
    seen, _ = after_a_lost_restore(operation(done=True, error={"code": 13, "message": "It failed"}))
    assert (seen.state, seen.finished) == (State.READY, False)
    assert seen.problem is not None


@pytest.mark.parametrize(
    "other",
    [
        operation("2026-11-02T09:28:59Z"),
        operation("whenever"),
        operation(metadata={"createTime": None}),
        operation(metadata={"verb": "update"}),
        operation(metadata={"target": f"{NAME}-2"}),
        {"name": OPERATION},
    ],
)
def test_other_operations_are_not_the_lost_restore(other: dict[str, Any]) -> None:
    seen, _ = after_a_lost_restore({**other, "done": True, "response": {}})
    assert (seen.state, seen.operation, seen.finished) == (State.READY, "", False)


def test_clocks_may_differ_and_a_project_be_written_as_its_number() -> None:
    metadata = {"target": NAME.replace("demo", "123456")}
    seen, _ = after_a_lost_restore(operation("2026-11-02T09:29:30Z", metadata=metadata))
    assert seen.operation == OPERATION


def test_every_page_is_read_and_what_runs_or_else_the_newest_counts() -> None:
    old = operation("2026-11-02T09:31:00Z", done=True, error={"code": 13, "message": "It failed"})
    new = operation("2026-11-02T09:32:00Z", done=True, response={})
    seen, answers = after_a_lost_restore(new, old)
    assert (seen.finished, answers.asked) == (True, ["operations", "operations", "instance"])
    running = operation("2026-11-02T09:30:30Z", name=f"{OPERATION}-2")
    assert after_a_lost_restore(new, running, old)[0].operation == f"{OPERATION}-2"


def test_no_operations_are_listed_for_another_step_or_while_ours_is_known() -> None:
    answers = Answers(instance=instance("ACTIVE"), operation={"name": OPERATION})
    look(answers, resource(under_way=Step.START, since=BEGUN))
    look(answers, replace(RESTORING, operation=OPERATION))
    assert answers.asked == ["instance", "operation"]


def lost(step: Step) -> tuple[LostCall, ...]:
    return (LostCall(step=step, until=BEGUN),)


@pytest.mark.parametrize(
    ("step", "asked"),
    [
        (Step.UPDATE, ["operations", "instance"]),
        (Step.UNPROTECT, ["operations", "instance"]),
        (Step.DELETE, ["operations", "instance"]),
        (Step.START, ["instance"]),
    ],
)
def test_a_change_whose_answer_was_lost_is_found_while_it_runs(
    step: Step, asked: list[str]
) -> None:
    running = operation("2026-11-02T09:00:00Z", metadata={"verb": "update"})
    answers = Answers(instance=instance("ACTIVE"), operations=[running])
    seen = look(answers, resource(unconfirmed=lost(step)))
    assert answers.asked == asked
    assert (seen.state, seen.operation) == (State.READY, OPERATION if len(asked) > 1 else "")


def test_a_change_that_has_ended_is_no_longer_waited_for() -> None:
    ended = operation(metadata={"verb": "update"}, done=True, response={})
    answers = Answers(instance=instance("ACTIVE"), operations=[ended])
    assert look(answers, resource(unconfirmed=lost(Step.UPDATE))).operation == ""


def test_after_a_crash_a_change_that_runs_is_the_one_under_way() -> None:
    answers = Answers(instance=instance("ACTIVE"), operations=[operation()])
    seen = look(answers, resource(under_way=Step.PROTECT, since=BEGUN))
    assert (seen.state, seen.operation, answers.asked) == (
        State.UPDATING,
        OPERATION,
        ["operations"],
    )


@pytest.mark.parametrize(
    ("created", "asked"),
    [
        ("2026-11-02T09:30:00Z", ["operation"]),
        ("2026-11-01T09:30:00Z", ["operation", "instance"]),
    ],
)
def test_the_answer_of_an_operation_of_long_ago_is_not_believed(
    created: str, asked: list[str]
) -> None:
    """A request of an earlier record was repeated under its id: it made what is gone by now."""
    ended = operation(created, done=True, response=instance("ACTIVE"))
    answers = Answers(operation=ended)
    seen = look(answers, resource(under_way=Step.CREATE, since=BEGUN, operation=OPERATION))
    assert answers.asked == asked
    assert seen.state is (State.READY if len(asked) == 1 else State.ABSENT)


@pytest.mark.parametrize(
    ("answer", "consented"),
    [
        ({"success": True}, True),
        ({"success": False, "oauth_uri": "https://example.com"}, False),
        ({"oauth_uri": "https://example.com"}, False),
        ({}, None),
    ],
)
def test_consent_is_read(answer: dict[str, Any], consented: bool | None) -> None:
    assert driver(Answers(ask=answer)).consented(resource()) is consented


@pytest.mark.parametrize("code", ["UNAVAILABLE", "NOT_FOUND"])
def test_consent_that_cannot_be_read_is_a_fault_that_says_why(code: str) -> None:
    down = CloudFault(Fate.TEMPORARY, code, "down")
    with pytest.raises(CloudFault, match="down") as caught:
        driver(Answers(ask=down)).consented(resource())
    assert caught.value.code == code
