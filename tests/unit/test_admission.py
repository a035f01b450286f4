"""Whose notebook may be created: the calls to the store, and the decision from their results."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.ports import Crowd
from shared.services.admission import Admission, Turn
from tests.stateful.world import ManualClock
from tests.support.memory_store import MemoryStore

SECOND = timedelta(seconds=1)


class Store(MemoryStore):
    """Tells of a crowd as it is scripted, and counts how often it was asked."""

    def __init__(self, creating: int = 0, waiting: int = 0) -> None:
        super().__init__()
        self.crowd = Crowd(creating, waiting)
        self.asked = 0

    def creating(self) -> Crowd:
        self.asked += 1
        return self.crowd


def admission(store: Store, *, limit: int = 200, clock: ManualClock | None = None) -> Admission:
    return Admission(store=store, clock=clock or ManualClock(), limit=limit)


@pytest.mark.parametrize(
    ("limit", "creating", "waiting", "stands", "because"),
    [
        (200, 1, 0, True, "only the claim itself is counted"),
        (200, 200, 0, True, "the last place"),
        (200, 201, 0, False, "one too many"),
        (200, 230, 0, False, "others were faster"),
        (200, 1, 1, False, "somebody waits: their turn comes first"),
        (1, 1, 0, True, "a limit of one lets one in"),
        (1, 2, 0, False, "and no second one"),
    ],
)
def test_a_claim_is_counted_once_it_is_saved(
    limit: int, creating: int, waiting: int, stands: bool, because: str
) -> None:
    store = Store(creating, waiting)
    door = admission(store, limit=limit)
    assert door.take() is Turn.PROVISIONAL, "a process that knows nothing lets in on no faith"
    assert store.asked == 0
    assert door.confirm() is stands, because
    assert store.asked == 1


@pytest.mark.parametrize(
    ("limit", "creating", "next_turn", "because"),
    [
        (200, 1, Turn.CERTAIN, "a quiet day"),
        (200, 20, Turn.CERTAIN, "a tenth of the limit at the most can have counted so few"),
        (200, 21, Turn.PROVISIONAL, "it may be the beginning of a crowd"),
        (19, 1, Turn.CERTAIN, "a tenth is one"),
        (9, 1, Turn.PROVISIONAL, "a tenth is none, so the limit is exact"),
    ],
)
def test_after_a_count_of_few_one_more_is_let_in_without_counting(
    limit: int, creating: int, next_turn: Turn, because: str
) -> None:
    door = admission(Store(creating), limit=limit)
    assert door.confirm()
    assert door.take() is next_turn, because
    assert door.take() is Turn.PROVISIONAL, "one only"


def test_what_was_counted_is_forgotten_after_half_a_minute() -> None:
    store, clock = Store(1), ManualClock()
    door = admission(store, clock=clock)
    assert door.confirm()
    clock.time += timedelta(seconds=30)
    assert door.take() is Turn.PROVISIONAL

    store.crowd = Crowd(201, 0)
    assert not door.confirm()
    clock.time += timedelta(seconds=29)
    assert door.take() is Turn.LATER
    clock.time += SECOND
    assert door.take() is Turn.PROVISIONAL
    store.crowd = Crowd(200, 0)
    assert door.confirm()


def test_a_clock_that_was_put_back_shuts_nobody_out() -> None:
    store, clock = Store(201), ManualClock()
    door = admission(store, clock=clock)
    assert not door.confirm()
    clock.time -= timedelta(hours=1)
    assert door.take() is Turn.PROVISIONAL


def test_a_full_house_takes_back_the_one_that_was_free() -> None:
    store = Store(1)
    door = admission(store)
    assert door.confirm()
    store.crowd = Crowd(200, 7)
    assert not door.confirm()
    assert door.take() is Turn.LATER


@pytest.mark.parametrize(("creating", "turns"), [(0, 200), (150, 50), (200, 0), (250, 0)])
def test_those_who_wait_get_all_the_room_there_is(creating: int, turns: int) -> None:
    store = Store(creating, waiting=999)
    assert admission(store).turns() == turns


def test_turns_are_counted_afresh_each_time() -> None:
    store = Store(150)
    door = admission(store)
    door.take()
    store.crowd = Crowd(199, 0)
    assert door.turns() == 1


@pytest.mark.parametrize(
    ("earlier", "now", "waited", "done", "turns", "because"),
    [
        (Crowd(200, 900), 200, 900, 80, 80, "the places of those who are done are handed on"),
        (Crowd(200, 900), 120, 900, 80, 80, "not twice, if their records said so meanwhile"),
        (Crowd(200, 900), 200, 820, 80, 0, "others let 80 in meanwhile"),
        (Crowd(200, 900), 250, 870, 80, 50, "or 30"),
        (Crowd(200, 5), 200, 5, 80, 5, "what nobody waited for isn't handed on"),
        (Crowd(200, 0), 200, 0, 80, 0, "who came after the count may have been passed by others"),
        (Crowd(200, 900), 200, 900, 0, 0, "nobody is done"),
        (Crowd(150, 900), 200, 900, 0, 0, "nobody is done, and the room there was is taken"),
        (None, 190, 900, 80, 10, "without an earlier count only what is free for certain"),
        (Crowd(150, 900), 190, 860, 0, 10, "the later count is the better one then"),
    ],
)
def test_a_place_is_handed_on_once(
    earlier: Crowd | None, now: int, waited: int, done: int, turns: int, because: str
) -> None:
    door = admission(Store(now, waiting=waited))
    assert door.turns(earlier=earlier, waited=waited, done=done) == turns, because
