"""Whose notebook may be created: the calls to the store, and the decision from their results."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.ports import Claimed, Crowd
from shared.services.admission import Admission, Turn
from tests.support.memory_store import MemoryStore
from tests.support.simulation.world import ManualClock

SECOND = timedelta(seconds=1)


class Store(MemoryStore):
    """Tells of a crowd as it is scripted, and counts how often it was asked."""

    def __init__(self, creating: int = 0, waiting: int = 0) -> None:
        super().__init__()
        self.crowd = Crowd(creating, waiting)
        self.asked = 0
        self.corrected: list[int] = []

    def creating(self) -> Crowd:
        self.asked += 1
        return self.crowd

    def recount(self, claimed: Claimed, creating: int) -> None:
        self.corrected.append(creating)


NOT_COUNTED = Claimed("1")


def admission(store: Store, *, limit: int = 200, clock: ManualClock | None = None) -> Admission:
    return Admission(store=store, clock=clock or ManualClock(), limit=limit)


@pytest.mark.parametrize(
    ("limit", "creating", "waiting", "confirmed", "because"),
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
def test_a_claim_is_counted_after_it_is_saved(
    limit: int, creating: int, waiting: int, confirmed: bool, because: str
) -> None:
    store = Store(creating, waiting)
    admitting = admission(store, limit=limit)
    assert admitting.take() is Turn.PROVISIONAL, "a new process confirms every claim"
    assert store.asked == 0
    assert admitting.confirm(NOT_COUNTED) is confirmed, because
    assert store.asked == 1


@pytest.mark.parametrize(
    ("limit", "creating", "asked", "because"),
    [
        (200, 1, 0, "a quiet day"),
        (200, 20, 0, "a tenth of the limit"),
        (200, 21, 1, "it may be the beginning of a crowd"),
        (19, 1, 0, "a tenth is one"),
        (19, 2, 1, "and no second one"),
        (1, 1, 0, "alone: a limit of one lets one in"),
        (1, 2, 1, "a second one has to be counted"),
        (200, 0, 1, "the claim itself is missing: the count is wrong"),
        (200, -7, 1, "an impossible count confirms nothing"),
        (200, None, 1, "it wasn't counted"),
    ],
)
def test_a_claim_that_was_one_of_few_stands_without_another_call(
    limit: int, creating: int | None, asked: int, because: str
) -> None:
    store = Store(limit + 1)
    admitting = admission(store, limit=limit)
    assert admitting.take() is Turn.PROVISIONAL
    assert admitting.confirm(Claimed("1", creating)) is (asked == 0), because
    assert store.asked == asked, because


@pytest.mark.parametrize(
    ("ago", "asked"),
    [
        (timedelta(), 1),
        (timedelta(minutes=45) - SECOND, 1),
        (timedelta(minutes=45), 0),
        (timedelta(minutes=-5), 1),  # by a clock that is ahead of ours
    ],
)
def test_claims_are_counted_for_a_while_after_somebody_waited(ago: timedelta, asked: int) -> None:
    store, clock = Store(1), ManualClock()
    assert admission(store, clock=clock).confirm(Claimed("1", 1, clock.time - ago))
    assert store.asked == asked


@pytest.mark.parametrize(
    ("claimed", "crowd", "corrected", "because"),
    [
        (21, Crowd(1, 0), [1], "records have vanished: or every join would be counted for ever"),
        (0, Crowd(1, 0), [1], "records have come back, and ended since"),
        (21, Crowd(21, 0), [], "there is a crowd"),
        (21, Crowd(1, 1), [], "somebody waits: it isn't quiet"),
        (230, Crowd(201, 0), [], "too many"),
        (None, Crowd(1, 0), [], "there is nothing to correct"),
    ],
)
def test_a_wrong_counter_is_corrected_on_a_quiet_day(
    claimed: int | None, crowd: Crowd, corrected: list[int], because: str
) -> None:
    store = Store(crowd.creating, crowd.waiting)
    admission(store).confirm(Claimed("1", claimed))
    assert store.corrected == corrected, because


def test_what_was_counted_is_forgotten_after_half_a_minute() -> None:
    store, clock = Store(201), ManualClock()
    admitting = admission(store, clock=clock)
    assert not admitting.confirm(NOT_COUNTED)
    clock.time += timedelta(seconds=29)
    assert admitting.take() is Turn.LATER
    clock.time += SECOND
    assert admitting.take() is Turn.PROVISIONAL
    store.crowd = Crowd(200, 0)
    assert admitting.confirm(NOT_COUNTED)


def test_a_clock_that_was_set_back_blocks_nobody() -> None:
    store, clock = Store(201), ManualClock()
    admitting = admission(store, clock=clock)
    assert not admitting.confirm(NOT_COUNTED)
    clock.time -= timedelta(hours=1)
    assert admitting.take() is Turn.PROVISIONAL


def test_a_low_counter_is_not_corrected_after_somebody_waited() -> None:
    store, clock = Store(1), ManualClock()
    assert admission(store, clock=clock).confirm(Claimed("1", 2, clock.time))
    assert (store.asked, store.corrected) == (1, [])


def test_a_count_that_finds_room_again_lets_others_claim() -> None:
    store = Store(201)
    admitting = admission(store)
    assert not admitting.confirm(NOT_COUNTED)
    assert admitting.take() is Turn.LATER
    store.crowd = Crowd(200, 0)
    assert admitting.confirm(NOT_COUNTED), "another thread had claimed before"
    assert admitting.take() is Turn.PROVISIONAL


@pytest.mark.parametrize(("creating", "turns"), [(0, 200), (150, 50), (200, 0), (250, 0)])
def test_the_queue_gets_all_free_places(creating: int, turns: int) -> None:
    store = Store(creating, waiting=999)
    assert admission(store).turns() == turns


def test_turns_are_counted_again_each_time() -> None:
    store = Store(150)
    admitting = admission(store)
    admitting.take()
    store.crowd = Crowd(199, 0)
    assert admitting.turns() == 1


@pytest.mark.parametrize(
    ("earlier", "now", "waited", "done", "turns", "because"),
    [
        (Crowd(200, 900), 200, 900, 80, 80, "the places of finished creations are passed on"),
        (Crowd(200, 900), 120, 900, 80, 80, "not twice, if the records were updated meanwhile"),
        (Crowd(200, 900), 200, 820, 80, 0, "others let 80 in meanwhile"),
        (Crowd(200, 900), 250, 870, 80, 50, "or 30"),
        (Crowd(200, 5), 200, 5, 80, 5, "places nobody waited for aren't passed on"),
        (
            Crowd(200, 0),
            200,
            0,
            80,
            0,
            "others may have taken the places of those who came after the count",
        ),
        (Crowd(200, 900), 200, 900, 0, 0, "nobody is done"),
        (Crowd(150, 900), 200, 900, 0, 0, "nobody is done, and the room there was is taken"),
        (None, 190, 900, 80, 10, "without an earlier count only what is free for certain"),
        (Crowd(150, 900), 190, 860, 0, 10, "the later count is the better one then"),
    ],
)
def test_a_place_is_passed_on_only_once(
    earlier: Crowd | None, now: int, waited: int, done: int, turns: int, because: str
) -> None:
    admitting = admission(Store(now, waiting=waited))
    assert admitting.turns(earlier=earlier, waited=waited, done=done) == turns, because
