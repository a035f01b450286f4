"""Whether a notebook is being created, waits for its turn, or for an operation."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.commands.holds import Hold
from shared.domain.commands.intent import Verb
from shared.domain.contracts.announcements import Announcement, News
from shared.domain.environment import Environment, Lease
from shared.domain.policy import Policy
from shared.domain.reconciliation.due import (
    awaited_operations,
    is_at_work,
    is_being_created,
    only_queues,
    queued_since,
    queues,
)
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import LostCall, Resource
from tests.support.builders import ANA, NOW, a_notebook, a_record, after, an_intent
from tests.support.grouped_fields import a_resource

POLICY = Policy()
QUEUED = a_notebook(queued_at=after(-5))
RUNNING = a_notebook(
    State.CREATING, step=Step.CREATE, operation="op", since=after(-1), observe_at=NOW
)
TEMPLATE = Resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", state=State.READY)


def template(**changes: Any) -> Resource:
    return a_resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", **changes)


def leave(**changes: Any) -> Any:
    return an_intent(Verb.LEAVE, "later", **changes)


SOMETHING_ELSE: list[tuple[str, dict[str, Any], list[Resource]]] = [
    (
        "news to hand on",
        {"outbox": (Announcement(number=1, news=News.HELD, at=NOW, email=ANA),)},
        [],
    ),
    ("a notebook to recreate", {}, [a_notebook(State.READY, slot="other", recreate=True)]),
    ("data to hand over", {}, [a_notebook(State.STOPPED, superseded=True)]),
    ("a hold to see to", {"holds": (Hold(at=NOW, reason="x"),)}, []),
    ("a worker that died", {"lease": Lease(token="t", until=NOW)}, []),
    ("a leave", {"intent": an_intent(Verb.LEAVE), "left_at": NOW}, []),
    ("an announced event that is due", {"pending": (leave(effective_at=NOW),)}, []),
    ("a template to look at", {}, [template(observe_at=NOW)]),
    ("a template to try again", {}, [template(retry_at=after(-1))]),
    ("another notebook to ask about", {}, [a_notebook(slot="other", consent_check_at=NOW)]),
]
NOTHING_ELSE: list[tuple[str, dict[str, Any], list[Resource]]] = [
    ("nothing at all", {}, []),
    ("a template that is ready", {}, [TEMPLATE]),
    (
        "a template that waits out a back-off",
        {},
        [template(retry_at=after(1), observe_at=after(1))],
    ),
    ("an announced event", {"pending": (leave(effective_at=after(1)),)}, []),
    ("nothing in force yet", {"intent": None}, []),
]
CASES = [
    *((about, changes, more, True) for about, changes, more in NOTHING_ELSE),
    *((about, changes, more, False) for about, changes, more in SOMETHING_ELSE),
]
each_case = pytest.mark.parametrize(
    ("changes", "more", "quiet"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)


@each_case
def test_records_that_only_wait_for_their_turn(
    changes: dict[str, Any], more: list[Resource], quiet: bool
) -> None:
    record = a_record(QUEUED, *more, **changes)
    assert only_queues(record, NOW) is quiet
    assert queues(record), "with or without other work"


@each_case
def test_records_that_only_wait_for_an_operation(
    changes: dict[str, Any], more: list[Resource], quiet: bool
) -> None:
    names = awaited_operations(a_record(RUNNING, *more, **changes), NOW, POLICY)
    assert names == ({"zone-a/nb"} if quiet else frozenset())


@pytest.mark.parametrize(
    "record", [a_record(), a_record(TEMPLATE), a_record(a_notebook(State.READY)), a_record(RUNNING)]
)
def test_a_record_outside_the_queue_does_not_wait_for_a_turn(record: Environment) -> None:
    assert not queues(record)
    assert not only_queues(record, NOW)


@pytest.mark.parametrize(
    ("notebook", "because"),
    [
        (QUEUED, "nothing runs yet"),
        (a_notebook(State.READY), "nothing runs any more"),
        (
            a_notebook(step=Step.CREATE, since=after(-1), observe_at=NOW),
            "whether the call got through isn't known",
        ),
        (
            a_notebook(step=Step.CREATE, operation="op", since=after(-41), observe_at=NOW),
            "it has taken too long",
        ),
        (
            a_notebook(step=Step.CREATE, operation="op", since=after(-1), observe_at=after(1)),
            "it isn't time to observe",
        ),
        (
            a_resource(
                kind=Kind.SNAPSHOT,
                slot="s",
                name="s",
                step=Step.CREATE,
                operation="op",
                since=NOW,
                observe_at=NOW,
            ),
            "the list of notebooks doesn't have snapshots",
        ),
        (
            a_resource(
                kind=Kind.DATAPROC_HUB,
                slot="h",
                name="h",
                step=Step.CREATE,
                operation="op",
                since=NOW,
                observe_at=NOW,
            ),
            "nor the older kinds",
        ),
    ],
)
def test_the_list_of_notebooks_says_nothing_about_these(notebook: Resource, because: str) -> None:
    assert awaited_operations(a_record(notebook), NOW, POLICY) == frozenset(), because


def test_an_operation_is_awaited_up_to_the_limit() -> None:
    old = a_notebook(step=Step.CREATE, operation="op", since=NOW - POLICY.stuck, observe_at=NOW)
    assert awaited_operations(a_record(old), NOW, POLICY) == {"zone-a/nb"}


def lost(minute: float, step: Step = Step.CREATE) -> tuple[LostCall, ...]:
    return (LostCall(step=step, until=after(minute)),)


@pytest.mark.parametrize(
    ("notebook", "counts", "because"),
    [
        (RUNNING, True, "its operation runs"),
        (a_notebook(step=Step.CREATE, since=NOW), True, "its claim is saved"),
        (a_notebook(State.CREATING), True, "it was observed in creation"),
        (
            a_notebook(unconfirmed=lost(1)),
            True,
            "a call without an answer may still be carried out",
        ),
        (a_notebook(unconfirmed=lost(0)), False, "and now no more"),
        (a_notebook(unconfirmed=lost(1, Step.STOP)), False, "a lost stop creates nothing"),
        (a_notebook(step=Step.CREATE, since=after(-40)), True, "it may take that long"),
        (a_notebook(step=Step.CREATE, since=after(-41)), False, "nothing takes that long"),
        (a_notebook(State.CREATING, moving_since=after(-41)), False, "it was started too long ago"),
        (a_notebook(State.STARTING, step=Step.START, since=NOW), False, "another step"),
        (a_notebook(State.READY), False, "it is there"),
        (QUEUED, False, "it waits"),
        (template(state=State.CREATING, step=Step.CREATE), False, "a template"),
    ],
)
def test_notebooks_that_count_as_being_created(
    notebook: Resource, counts: bool, because: str
) -> None:
    assert is_being_created(a_record(notebook)) is counts, because


def test_a_place_is_held_by_any_notebook_whose_creation_runs() -> None:
    other = a_notebook(State.READY, slot="other")
    assert is_at_work(a_record(RUNNING, other), NOW)
    assert is_at_work(a_record(other, RUNNING), NOW)
    assert not is_at_work(a_record(other), NOW)


def test_a_creation_that_no_longer_counts_holds_no_place() -> None:
    """The tick was out for hours: others may have got the place meanwhile."""
    assert is_at_work(a_record(RUNNING), after(39))
    assert not is_at_work(a_record(RUNNING), after(40))


def test_a_record_has_waited_since_its_first_notebook_did() -> None:
    record = a_record(QUEUED, a_notebook(slot="other", queued_at=after(-9)), a_notebook(slot="x"))
    assert queued_since(record) == after(-9)
    assert queued_since(a_record(RUNNING)) is None
