"""The queue for notebooks: a limit that holds, and nobody who jumps it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.environment import Phase
from shared.domain.policy import Policy
from shared.ports import Crowd
from shared.services.admission import Admission, Turn
from tests.stateful.world import ManualClock, World
from tests.support.builders import minutes
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
        (Crowd(150, 900), 190, 860, 0, 10, "the later count is the better one then"),
    ],
)
def test_a_place_is_handed_on_once(
    earlier: Crowd, now: int, waited: int, done: int, turns: int, because: str
) -> None:
    door = admission(Store(now, waiting=waited))
    assert door.turns(earlier=earlier, waited=waited, done=done) == turns, because


# With the whole of converge


def making(world: World) -> list[str]:
    """Whose notebook is being made."""
    page = world.store.page(100)
    return [e.person.email for e in page.items if e.notebook and e.notebook.under_way]


def people(count: int) -> list[str]:
    return [f"p{n}@example.com" for n in range(count)]


def test_ten_joins_at_once_are_never_more_than_the_limit_and_all_are_served_in_order() -> None:
    world = World(Policy(creations=2))
    served: list[str] = []
    for email in people(10):
        world.join(email)
        world.pass_time(SECOND)
    for _ in range(30):
        now = making(world)
        assert len(now) <= 2
        served += [email for email in now if email not in served]
        world.run_for(minutes(1))
    assert served == people(10), "first come, first served"
    assert {world.record(email).phase for email in people(10)} == {Phase.READY}
    assert world.store.creating() == Crowd(0, 0)


def test_who_comes_when_others_wait_is_queued_behind_them_though_there_is_room() -> None:
    world = World(Policy(creations=2))
    for email in people(5):
        world.join(email)
        world.pass_time(SECOND)
    world.restart()  # a process that knows nothing yet
    world.pass_time(minutes(5))
    for email in people(2):
        world.converge.run(world.record(email).key)
    assert world.store.creating() == Crowd(creating=0, waiting=3)
    world.join("late@example.com")
    assert "late@example.com" not in making(world)
    assert world.store.creating() == Crowd(creating=0, waiting=4)


def test_who_leaves_the_queue_makes_room_for_those_behind() -> None:
    world = World(Policy(creations=1))
    first, second, third = people(3)
    for email in (first, second, third):
        world.join(email)
        world.pass_time(SECOND)
    world.leave(second)
    assert world.store.creating() == Crowd(1, 1)
    world.run_for(minutes(10))
    assert world.record(third).phase is Phase.READY
    assert world.record(second).phase is Phase.REMOVED
    assert world.store.creating() == Crowd(0, 0)
