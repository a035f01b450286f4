"""The status of a record: is everything where it should be, what people see, when it is due."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.commands.holds import Hold
from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import Disposition
from shared.domain.policy import Policy
from shared.domain.reconciliation.desired_state import Goal, goals_of
from shared.domain.reconciliation.offboarding import Conclusion
from shared.domain.reconciliation.status import is_converged, with_status
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import LostCall, Resource
from shared.domain.status import Health, Phase
from tests.support.builders import NOW, a_notebook, a_problem, a_record, after
from tests.support.grouped_fields import a_resource, replace
from tests.support.reconciling import context_at

LOST = (LostCall(step=Step.STOP, until=after(3)),)
MANY = Policy().attempts
NOT_CONCLUDED = Conclusion()


def running(**changes: Any) -> Resource:
    return a_notebook(State.READY, **{"digest": "d"} | changes)


# Where a resource should be


def test_a_notebook_that_runs_as_the_profile_says_has_converged() -> None:
    assert is_converged(a_record(), running(), Goal.PRESENT)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"step": Step.STOP}, "a step is under way"),
        ({"observe_at": NOW}, "an observation is due"),
        ({"unconfirmed": LOST}, "a call may still be carried out"),
        ({"labelled": False}, "it lacks our labels"),
        ({"link": ""}, "nobody can open it"),
        ({"digest": ""}, "it has to be compared"),
        ({"restore_from": "s"}, "its data is still to come"),
        ({"protected": True, "protected_by_us": True}, "our protection is to be lifted"),
    ],
)
def test_a_notebook_with_a_step_left_has_not_converged(
    changes: dict[str, Any], because: str
) -> None:
    assert not is_converged(a_record(), running(**changes), Goal.PRESENT), because


def test_under_a_hold_a_notebook_has_converged_only_if_protected() -> None:
    held = a_record(held=Hold(at=NOW, reason="a lawsuit"))
    assert not is_converged(held, running(), Goal.PRESENT)
    assert is_converged(held, running(protected=True), Goal.PRESENT)


# Phase and health


def status(record: Environment, conclusion: Conclusion = NOT_CONCLUDED) -> Environment:
    """The record with its status, where the profile asks for all that the record has."""
    goals = goals_of(record, None, NOW)
    return with_status(record, (), goals, conclusion, context_at())


def troubled(disposition: Disposition, failures: int, **changes: Any) -> Resource:
    return a_notebook(
        State.BROKEN,
        problem=a_problem(disposition),
        failures=failures,
        retry_at=after(5),
        **changes,
    )


@pytest.mark.parametrize(
    ("notebook", "health", "shown"),
    [
        (running(), Health.OK, False),
        (a_notebook(State.STARTING, observe_at=after(1)), Health.OK, False),
        (a_notebook(queued_at=NOW), Health.WAITING, False),
        (troubled(Disposition.STOCK_OUT, 1), Health.WAITING, True),
        (troubled(Disposition.STOCK_OUT, 1, tried=("z-a",)), Health.OK, False),
        (troubled(Disposition.TEMPORARY, 1), Health.RETRYING, True),
        (troubled(Disposition.TEMPORARY, MANY - 1), Health.RETRYING, True),
        (troubled(Disposition.TEMPORARY, MANY), Health.QUARANTINED, True),
    ],
    ids=[
        "there",
        "on its way",
        "waits for its turn",
        "no zone has capacity",
        "another zone is still to be tried",
        "tried again",
        "tried for the last time",
        "attempts used up",
    ],
)
def test_the_health_stands_beside_the_phase(
    notebook: Resource, health: Health, shown: bool
) -> None:
    seen = status(a_record(notebook))
    assert seen.status.health is health
    assert seen.status.problem == (f"workbench/main: {_message(notebook)}" if shown else "")
    assert seen.status.phase is (Phase.READY if notebook == running() else Phase.PROVISIONING)


def test_the_codes_of_all_problems_that_are_shown_are_listed_once_each() -> None:
    internal = a_problem(Disposition.TEMPORARY, "INTERNAL")
    denied = a_problem(Disposition.PERMANENT, "DENIED")
    templates = [
        replace(template(slot, Disposition.TEMPORARY, 1), problem=problem)
        for slot, problem in (("t", internal), ("u", denied), ("v", internal))
    ]
    more_zones = troubled(Disposition.STOCK_OUT, 1, tried=("zone-a/nb",))
    seen = status(a_record(more_zones, *templates))
    assert seen.status.problem_codes == ("DENIED", "INTERNAL")
    assert status(a_record(running(), losses=("gone",))).status.problem_codes == ()


def test_a_profile_that_is_gone_has_a_code_of_its_own() -> None:
    record = a_record(troubled(Disposition.TEMPORARY, 1))
    goals = {r.id: Goal.PRESENT for r in record.resources}
    seen = with_status(record, None, goals, NOT_CONCLUDED, context_at(NOW))
    assert seen.status.problem_codes == ("UNKNOWN_PROFILE",)


def _message(notebook: Resource) -> str:
    return notebook.backoff.problem.message if notebook.backoff.problem else ""


def template(slot: str, disposition: Disposition, failures: int) -> Resource:
    return a_resource(
        kind=Kind.SESSION_TEMPLATE,
        slot=slot,
        name=slot,
        problem=a_problem(disposition),
        failures=failures,
        retry_at=after(5),
    )


@pytest.mark.parametrize(
    ("more", "health"),
    [
        ((), Health.WAITING),
        ((template("t", Disposition.TEMPORARY, 1),), Health.RETRYING),
        (
            (template("t", Disposition.TEMPORARY, MANY), template("u", Disposition.TEMPORARY, 1)),
            Health.QUARANTINED,
        ),
    ],
)
def test_the_worst_health_counts_and_every_problem_is_shown(
    more: tuple[Resource, ...], health: Health
) -> None:
    seen = status(a_record(*more, troubled(Disposition.STOCK_OUT, 1)))
    assert seen.status.health is health
    assert len(seen.status.problem.split("; ")) == len(more) + 1


@pytest.mark.parametrize(("saved_in", "health"), [("s1", Health.RETRYING), ("s2", Health.OK)])
def test_a_failed_snapshot_that_no_notebook_relies_on_is_no_problem(
    saved_in: str, health: Health
) -> None:
    failed = a_resource(
        kind=Kind.SNAPSHOT,
        slot="s1",
        name="s1",
        problem=a_problem(Disposition.TEMPORARY),
        failures=1,
    )
    assert status(a_record(running(saved_in=saved_in), failed)).status.health is health


def test_a_loss_caused_by_others_is_shown_although_nothing_fails() -> None:
    seen = status(a_record(running(), losses=("a snapshot is gone",)))
    assert (seen.status.phase, seen.status.health) == (Phase.READY, Health.OK)
    assert seen.status.problem == "a snapshot is gone"


def test_a_final_search_that_failed_is_shown_and_tried_again() -> None:
    failed = Conclusion(problem="the search failed", code="UNREACHABLE", again_at=after(1))
    seen = status(a_record(a_notebook(), verb=Verb.LEAVE), failed)
    assert seen.status.problem_codes == ("UNREACHABLE",)
    assert (seen.status.health, seen.status.problem, seen.status.due_at) == (
        Health.RETRYING,
        "the search failed",
        after(1),
    )


@pytest.mark.parametrize(("due", "expected"), [(0.5, 0.5), (9, 1)])
def test_a_search_is_repeated_at_its_time_at_the_latest(due: float, expected: float) -> None:
    snapshot = a_resource(
        kind=Kind.SNAPSHOT, slot="s1", name="s1", state=State.READY, expires_at=after(due)
    )
    record = a_record(a_notebook(), snapshot, verb=Verb.LEAVE)
    seen = status(record, Conclusion(problem="the search failed", code="X", again_at=after(1)))
    assert seen.status.due_at == after(expected)
