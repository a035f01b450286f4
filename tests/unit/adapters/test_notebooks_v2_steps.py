"""The workbench driver's updates and restores, and its faults for rejected calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import LostCall
from tests.support.grouped_fields import replace
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
    manifest,
    observe,
    resource,
)

BEGUN = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
SNAPSHOT = "projects/demo/global/snapshots/sn-1"
CREATED = instance("ACTIVE", createTime="2026-11-02T09:30:00Z")


@pytest.mark.parametrize("said", ["STARTING", "STOPPING", "UPGRADING", "ORPHANED"])
def test_an_update_during_another_change_only_reads(said: str) -> None:
    answers = Answers(instance=instance(said, gceSetup=MACHINE))
    driver(answers).update(resource(), manifest(tags=["x"]), KEY, EMAIL, "r")
    assert answers.asked == ["instance"]


def test_the_machine_type_is_not_changed_while_it_runs() -> None:
    answers = Answers(instance=instance("ACTIVE", gceSetup=MACHINE))
    seen = driver(answers).update(resource(), OTHER, KEY, EMAIL, "r")
    assert (seen.state, seen.drift, answers.asked) == (State.READY, MACHINE_DRIFT, ["instance"])


def test_an_update_sends_what_differs_and_its_request_id() -> None:
    answers = Answers(instance=instance("STOPPED", gceSetup=MACHINE), patch={"name": OPERATION})
    wanted = manifest(machineType="n2-standard-8", tags=["inner"])
    seen = driver(answers).update(resource(step=Step.UPDATE), wanted, KEY, EMAIL, "r-1")
    assert (seen.state, seen.operation) == (State.UPDATING, OPERATION)
    assert answers.sent == {
        "body": {"gceSetup": {"machineType": "n2-standard-8", "tags": ["inner"]}},
        "updateMask": "gce_setup.tags,gce_setup.machine_type",
        "requestId": "r-1",
    }


def test_a_notebook_deleted_before_the_patch_is_absent() -> None:
    answers = Answers(instance=instance("STOPPED", gceSetup=MACHINE))
    assert driver(answers).update(resource(), OTHER, KEY, EMAIL, "r").state is State.ABSENT
    assert driver(answers).protect(resource(), True, "r").state is State.ABSENT


REFUSED = CloudFault(Disposition.PERMANENT, "FAILED_PRECONDITION", "protected")


@pytest.mark.parametrize(("by_us", "who"), [(True, "release"), (False, "Notebooks Admin")])
def test_a_deletion_rejected_for_its_protection_names_who_can_lift_it(
    by_us: bool, who: str
) -> None:
    answers = Answers(post=REFUSED, instance=instance("STOPPED", enableDeletionProtection=True))
    with pytest.raises(CloudFault, match=who) as caught:
        driver(answers).delete(resource(protected_by_us=by_us), "r")
    assert caught.value.disposition is Disposition.PERMANENT
    assert caught.value.__cause__ is REFUSED


@pytest.mark.parametrize("left", [{"instance": instance("STOPPED")}, {}])
def test_a_deletion_rejected_otherwise_keeps_googles_message(
    left: dict[str, Any],
) -> None:
    with pytest.raises(CloudFault) as caught:
        driver(Answers(post=REFUSED, **left)).delete(resource(), "r")
    assert caught.value is REFUSED


def test_a_restore_names_the_snapshot() -> None:
    answers = Answers(instance=CREATED, post={"name": OPERATION})
    seen = driver(answers).restore(resource(restore_from=SNAPSHOT), "r")
    assert (seen.state, seen.operation) == (State.RESTORING, OPERATION)
    assert answers.sent == {"snapshot": {"projectId": "demo", "snapshotId": "sn-1"}}
    assert answers.asked == ["instance", "operations", "post"]


def restored_before(*operations: dict[str, Any]) -> bool:
    """Whether a restore of a notebook with those operations is answered with an earlier one."""
    answers = Answers(instance=CREATED, operations=operations, post={"name": "new"})
    seen = driver(answers).restore(resource(restore_from=SNAPSHOT), "r")
    assert (seen.state, seen.operation) == (State.RESTORING, "new" if answers.sent else OPERATION)
    return not answers.sent


def test_a_restore_since_the_creation_is_not_repeated() -> None:
    assert restored_before(operation())
    assert restored_before(operation(done=True, response={}))


def test_a_restore_is_requested_unless_one_succeeded_since_the_creation() -> None:
    failed = operation(done=True, error={"code": 13, "message": "It failed"})
    assert not restored_before(failed)
    assert not restored_before(operation("2026-11-02T09:28:59Z", done=True, response={}))
    assert not restored_before(operation(metadata={"verb": "update"}, done=True, response={}))


def test_without_a_time_of_creation_a_restore_is_requested() -> None:
    answers = Answers(
        instance=instance("ACTIVE"), operations=(operation(),), post={"name": OPERATION}
    )
    driver(answers).restore(resource(restore_from=SNAPSHOT), "r")
    assert answers.asked == ["instance", "post"]


def test_a_missing_snapshot_differs_from_a_missing_notebook() -> None:
    remembered = resource(restore_from=SNAPSHOT)
    assert driver(Answers()).restore(remembered, "r").state is State.ABSENT
    with pytest.raises(CloudFault, match=SNAPSHOT) as caught:
        driver(Answers(instance=instance("ACTIVE"))).restore(remembered, "r")
    assert (caught.value.code, caught.value.disposition) == ("NOT_FOUND", Disposition.PERMANENT)


RESTORING = resource(step=Step.RESTORE, since=BEGUN, restore_from=SNAPSHOT)


def operation(
    at: str = "2026-11-02T09:30:01.123456789Z", /, *, name: str = OPERATION, **more: Any
) -> dict[str, Any]:
    metadata = {"target": NAME, "verb": "restore", "createTime": at}
    return {"name": name, "metadata": metadata | more.pop("metadata", {}), **more}


def after_a_lost_restore(*operations: dict[str, Any]) -> tuple[Observation, Answers]:
    answers = Answers(operations=operations, instance=instance("ACTIVE"))
    return observe(answers, RESTORING), answers


def test_a_restore_with_a_lost_answer_is_found_while_it_runs() -> None:
    seen, answers = after_a_lost_restore(operation())
    assert seen == Observation(state=State.RESTORING, operation=OPERATION)
    assert answers.asked == ["operations"]


def test_a_restore_with_a_lost_answer_is_found_after_its_end() -> None:
    seen, _ = after_a_lost_restore(operation(done=True, response={}))
    assert (seen.state, seen.finished) == (State.READY, True)


def test_a_restore_with_a_lost_answer_is_found_after_its_failure() -> None:
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


def test_clock_skew_and_project_numbers_are_accepted() -> None:
    metadata = {"target": NAME.replace("demo", "123456")}
    seen, _ = after_a_lost_restore(operation("2026-11-02T09:29:30Z", metadata=metadata))
    assert seen.operation == OPERATION


def test_all_pages_are_read_for_a_running_or_the_newest_operation() -> None:
    old = operation("2026-11-02T09:31:00Z", done=True, error={"code": 13, "message": "It failed"})
    new = operation("2026-11-02T09:32:00Z", done=True, response={})
    seen, answers = after_a_lost_restore(new, old)
    assert (seen.finished, answers.asked) == (True, ["operations", "operations", "instance"])
    running = operation("2026-11-02T09:30:30Z", name=f"{OPERATION}-2")
    assert after_a_lost_restore(new, running, old)[0].operation == f"{OPERATION}-2"


def test_operations_are_listed_only_for_a_lost_restore() -> None:
    answers = Answers(instance=instance("ACTIVE"), operation={"name": OPERATION})
    observe(answers, resource(step=Step.START, since=BEGUN))
    observe(answers, replace(RESTORING, operation=OPERATION))
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
def test_a_change_with_a_lost_answer_is_found_while_it_runs(step: Step, asked: list[str]) -> None:
    running = operation("2026-11-02T09:00:00Z", metadata={"verb": "update"})
    answers = Answers(instance=instance("ACTIVE"), operations=[running])
    seen = observe(answers, resource(unconfirmed=lost(step)))
    assert answers.asked == asked
    assert (seen.state, seen.operation) == (State.READY, OPERATION if len(asked) > 1 else "")


def test_an_ended_change_is_not_in_progress() -> None:
    ended = operation(metadata={"verb": "update"}, done=True, response={})
    answers = Answers(instance=instance("ACTIVE"), operations=[ended])
    assert observe(answers, resource(unconfirmed=lost(Step.UPDATE))).operation == ""


def test_after_a_crash_a_running_change_is_that_of_the_step() -> None:
    answers = Answers(instance=instance("ACTIVE"), operations=[operation()])
    seen = observe(answers, resource(step=Step.PROTECT, since=BEGUN))
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
def test_the_response_of_an_old_operation_is_not_used(created: str, asked: list[str]) -> None:
    """A repeated request id of a lost record: its operation created a notebook now deleted."""
    ended = operation(created, done=True, response=instance("ACTIVE"))
    answers = Answers(operation=ended)
    seen = observe(answers, resource(step=Step.CREATE, since=BEGUN, operation=OPERATION))
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
def test_a_failed_consent_check_is_a_fault_with_the_reason(code: str) -> None:
    down = CloudFault(Disposition.TEMPORARY, code, "down")
    with pytest.raises(CloudFault, match="down") as caught:
        driver(Answers(ask=down)).consented(resource())
    assert caught.value.code == code
