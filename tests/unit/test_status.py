"""Whether a resource is where it should be, and what is due."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from shared.domain.questions import must_look

from shared.domain.goals import Goal, Plan
from shared.domain.holds import Hold
from shared.domain.outlook import is_there
from shared.domain.resources import LostCall, Resource, State, Step
from tests.support.builders import NOW, a_notebook, a_record, after

LOST = (LostCall(step=Step.STOP, until=after(3)),)


def running(**changes: Any) -> Resource:
    return a_notebook(State.READY, **{"digest": "d"} | changes)


def test_a_notebook_that_runs_as_the_profile_says_is_where_it_should_be() -> None:
    assert is_there(a_record(), running(), Goal.UP)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"under_way": Step.STOP}, "a step is under way"),
        ({"look_at": NOW}, "a look is due"),
        ({"unconfirmed": LOST}, "a call may still be carried out"),
        ({"labelled": False}, "it lacks our labels"),
        ({"link": ""}, "nobody can open it"),
        ({"digest": ""}, "it has to be compared"),
        ({"restore_from": "s"}, "its data is still to come"),
        ({"protected": True, "protected_by_us": True}, "our protection is to be lifted"),
    ],
)
def test_it_is_not_if_something_is_left_to_do(changes: dict[str, Any], because: str) -> None:
    assert not is_there(a_record(), running(**changes), Goal.UP), because


def test_under_a_hold_it_has_to_be_protected() -> None:
    held = a_record(held=Hold(at=NOW, reason="a lawsuit"))
    assert not is_there(held, running(), Goal.UP)
    assert is_there(held, running(protected=True), Goal.UP)


@pytest.mark.parametrize(
    ("retry_at", "look_at", "looked_at"),
    [(None, None, True), (after(5), None, False), (after(5), NOW, False), (NOW, NOW, True)],
)
def test_what_waits_after_a_failure_is_not_looked_at(
    retry_at: datetime | None, look_at: datetime | None, looked_at: bool
) -> None:
    """It is stopped, and should run."""
    stopped = a_notebook(State.STOPPED, start_owed=True, retry_at=retry_at, observe_at=look_at)
    assert must_look(a_record(stopped), Plan(wants=None), NOW) == (
        ["workbench/main"] if looked_at else []
    )
