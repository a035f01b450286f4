"""What the tick can tell from a record alone: who only waits, for a turn or an operation."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.announcements import Announcement, News
from shared.domain.environment import Environment, Lease, Verb
from shared.domain.holds import Hold
from shared.domain.policy import Policy
from shared.domain.queueing import awaited, only_queues, queues
from shared.domain.resources import Kind, Resource, State, Step
from tests.support.builders import ANA, NOW, a_notebook, a_record, after, an_intent

POLICY = Policy()
QUEUED = a_notebook(queued_at=after(-5))
RUNNING = a_notebook(
    State.CREATING, under_way=Step.CREATE, operation="op", since=after(-1), look_at=NOW
)
TEMPLATE = Resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", state=State.READY)


def template(**changes: Any) -> Resource:
    return Resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", **changes)


def leave(**changes: Any) -> Any:
    return an_intent(Verb.LEAVE, "later", **changes)


SOMETHING_ELSE: list[tuple[str, dict[str, Any], list[Resource]]] = [
    (
        "news to hand on",
        {"outbox": (Announcement(number=1, news=News.HELD, at=NOW, email=ANA),)},
        [],
    ),
    ("an inheritance to ask after", {"inherits": "ana-old"}, []),
    ("a hold to see to", {"holds": (Hold(at=NOW, reason="x"),)}, []),
    ("a worker that died", {"lease": Lease(token="t", until=NOW)}, []),
    ("a leave", {"intent": an_intent(Verb.LEAVE), "left_at": NOW}, []),
    ("an announced event that is due", {"pending": (leave(effective_at=NOW),)}, []),
    ("a template to look at", {}, [template(look_at=NOW)]),
    ("a template to try again", {}, [template(retry_at=after(-1))]),
    ("another notebook to ask about", {}, [a_notebook(slot="other", ask_at=NOW)]),
]
NOTHING_ELSE: list[tuple[str, dict[str, Any], list[Resource]]] = [
    ("nothing at all", {}, []),
    ("a template that is ready", {}, [TEMPLATE]),
    ("a template that waits out a back-off", {}, [template(retry_at=after(1), look_at=after(1))]),
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
def test_who_only_waits_for_their_turn(
    changes: dict[str, Any], more: list[Resource], quiet: bool
) -> None:
    record = a_record(QUEUED, *more, **changes)
    assert only_queues(record, NOW) is quiet
    assert queues(record), "whatever else there is to do"


@each_case
def test_who_only_waits_for_an_operation(
    changes: dict[str, Any], more: list[Resource], quiet: bool
) -> None:
    names = awaited(a_record(RUNNING, *more, **changes), NOW, POLICY)
    assert names == ({"zone-a/nb"} if quiet else frozenset())


@pytest.mark.parametrize(
    "record", [a_record(), a_record(TEMPLATE), a_record(a_notebook(State.READY)), a_record(RUNNING)]
)
def test_who_does_not_queue_does_not_wait_for_a_turn(record: Environment) -> None:
    assert not queues(record)
    assert not only_queues(record, NOW)


@pytest.mark.parametrize(
    ("notebook", "because"),
    [
        (QUEUED, "nothing runs yet"),
        (a_notebook(State.READY), "nothing runs any more"),
        (
            a_notebook(under_way=Step.CREATE, since=after(-1), look_at=NOW),
            "whether the call got through isn't known",
        ),
        (
            a_notebook(operation="op", since=after(-41), look_at=NOW),
            "it has taken too long: that isn't merely waited for",
        ),
        (a_notebook(operation="op", since=after(-1), look_at=after(1)), "it isn't time to look"),
        (
            Resource(
                kind=Kind.SNAPSHOT, slot="s", name="s", operation="op", since=NOW, look_at=NOW
            ),
            "the list of notebooks doesn't tell of it",
        ),
        (
            Resource(
                kind=Kind.DATAPROC_HUB, slot="h", name="h", operation="op", since=NOW, look_at=NOW
            ),
            "nor of the older kinds",
        ),
    ],
)
def test_what_the_list_of_notebooks_cannot_answer(notebook: Resource, because: str) -> None:
    assert awaited(a_record(notebook), NOW, POLICY) == frozenset(), because


def test_an_operation_may_take_as_long_as_patience_lasts() -> None:
    old = a_notebook(operation="op", since=NOW - POLICY.stuck, look_at=NOW)
    assert awaited(a_record(old), NOW, POLICY) == {"zone-a/nb"}
