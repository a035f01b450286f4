"""A changed address: what the new one takes over from the old one, and when it stops waiting."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.environment import Environment, Verb
from shared.domain.holds import Hold
from shared.domain.keeping import inherited
from shared.domain.person import Person
from shared.domain.resources import Kind, Resource, State, Step
from tests.support.builders import KEY, NOW, a_notebook, a_record, after, an_intent

OLD = "ana-old"
HOLD = Hold(at=NOW, reason="a lawsuit")
S1 = Resource(kind=Kind.SNAPSHOT, slot="s1", name="snapshots/s1", state=State.READY)
S2 = Resource(kind=Kind.SNAPSHOT, slot="s2", name="snapshots/s2", state=State.READY)
UNFINISHED = Resource(kind=Kind.SNAPSHOT, slot="s1", name="snapshots/s1", state=State.CREATING)


def heir(*resources: Resource, **changes: Any) -> Environment:
    return a_record(*(resources or (a_notebook(),)), inherits=OLD, **changes)


def old(*resources: Resource, moved_to: str = KEY, **changes: Any) -> Environment:
    """The record of the former address, which leaves for the new one."""
    left = an_intent(Verb.LEAVE, moved_to=moved_to)
    record: dict[str, Any] = {
        "key": OLD,
        "person": Person(email="a.old@example.com"),
        "intent": left,
    }
    return a_record(*resources, left_at=NOW, **record | changes)


def outcome(record: Environment, kin: Environment | None) -> tuple[str, str, str]:
    """What is to be restored, whom it still waits for, and what the history says."""
    settled, entries = inherited(record, kin, NOW)
    notebook = settled.notebook
    restore = notebook.restore_from if notebook else ""
    return restore, settled.inherits, " ".join(e.action for e in entries)


WAITS = ("", OLD, "")
NOTHING = ("", "", "move.nothing")
TAKEN = ("snapshots/s1", "", "move.taken-over")
APART = ("", "", "move.kept-apart")


@pytest.mark.parametrize(
    ("kin", "expected", "because"),
    [
        (
            old(a_notebook(State.STOPPED, snapshot="s1"), S1),
            TAKEN,
            "the snapshot of its data as it is now is complete",
        ),
        (
            old(a_notebook(State.STOPPED, snapshot="s1"), UNFINISHED),
            WAITS,
            "it is being taken",
        ),
        (old(a_notebook(State.STOPPED)), WAITS, "it is about to be taken"),
        (old(a_notebook(State.READY)), WAITS, "it is about to be stopped"),
        (
            old(a_notebook(State.READY, snapshot="s2"), S1),
            WAITS,
            "a snapshot of what it was once doesn't count",
        ),
        (old(a_notebook(State.ABSENT), S1), TAKEN, "it went before; its last data is there"),
        (
            old(a_notebook(State.ABSENT), S2, S1),
            ("snapshots/s2", "", "move.taken-over"),
            "of several the newest",
        ),
        (old(a_notebook(State.ABSENT)), NOTHING, "it went without a snapshot"),
        (old(), NOTHING, "it never had a notebook"),
        (old(a_notebook(State.FOREIGN)), NOTHING, "what is there isn't theirs"),
        (old(a_notebook(State.BROKEN, stillborn=True)), NOTHING, "nobody ever worked in it"),
        (
            old(a_notebook(State.ABSENT, under_way=Step.CREATE)),
            WAITS,
            "it is being made: somebody may get to work in it",
        ),
        (
            old(a_notebook(State.BROKEN, stillborn=True, under_way=Step.DELETE)),
            WAITS,
            "what is under way comes to its end first",
        ),
        (None, NOTHING, "nobody was ever known under that address"),
        (
            old(a_notebook(State.STOPPED, snapshot="s1"), S1, moved_to="somebody-else"),
            NOTHING,
            "its data went to another address",
        ),
        (
            old(a_notebook(State.STOPPED, snapshot="s1"), S1, moved_to=""),
            NOTHING,
            "it left for good, and not for us",
        ),
        (
            old(a_notebook(State.READY), intent=an_intent(Verb.JOIN)),
            NOTHING,
            "the former address joined anew: what it has is its own",
        ),
        (
            old(
                a_notebook(State.READY),
                intent=an_intent(Verb.JOIN),
                pending=(an_intent(Verb.LEAVE, "later", moved_to=KEY, effective_at=after(5)),),
            ),
            WAITS,
            "it is announced to leave for us",
        ),
    ],
)
def test_what_is_taken_over(
    kin: Environment | None, expected: tuple[str, str, str], because: str
) -> None:
    assert outcome(heir(), kin) == expected, because


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (heir(a_notebook(State.READY)), "there is a notebook already"),
        (heir(a_notebook(State.STOPPED)), "there is a notebook already"),
        (heir(a_notebook(State.ABSENT, under_way=Step.CREATE)), "there is a notebook already"),
        (heir(S2), "the profile has no notebook"),
    ],
)
def test_work_that_is_there_is_never_overwritten(record: Environment, why: str) -> None:
    kin = old(a_notebook(State.STOPPED, snapshot="s1"), S1)
    settled, [entry] = inherited(record, kin, NOW)
    assert outcome(record, kin) == APART
    assert settled.resources == record.resources
    assert why in entry.text
    assert "stays in the snapshot" in entry.text


def test_who_inherits_nothing_is_left_as_they_are() -> None:
    record = a_record(a_notebook())
    assert inherited(record, old(S1), NOW) == (record, [])


def test_what_was_taken_over_from_whom_stands_in_the_history() -> None:
    kin = old(a_notebook(State.STOPPED, snapshot="s1"), S1)
    _, [entry] = inherited(heir(), kin, NOW)
    assert entry.text == "takes over snapshots/s1 from ana-old"
    assert (entry.at, entry.about) == (NOW, "workbench/main")


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (None, HOLD, HOLD),
        (HOLD, None, HOLD),
        (HOLD, Hold(at=after(9), reason="later"), HOLD),
        (None, None, None),
    ],
)
def test_a_hold_is_on_the_person_not_on_the_address(
    mine: Hold | None, theirs: Hold | None, expected: Hold | None
) -> None:
    kin = old(a_notebook(State.STOPPED, snapshot="s1"), S1, held=theirs)
    settled, _ = inherited(heir(held=mine), kin, NOW)
    assert settled.held == expected


def test_taking_over_the_hold_does_not_lift_it_at_the_old_address() -> None:
    """While one waits nothing changes, so that both are held, or one of them still is."""
    kin = old(a_notebook(State.READY), held=HOLD)
    record = heir()
    assert inherited(record, kin, NOW) == (record, [])


def test_a_hold_that_both_records_know_is_one() -> None:
    kin = old(a_notebook(State.STOPPED, snapshot="s1"), S1, held=HOLD)
    settled, _ = inherited(heir(held=HOLD), kin, NOW)
    assert settled.holds == (HOLD,)
