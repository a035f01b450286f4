"""The queue for notebooks: a limit that holds, and nobody who jumps it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.environment import Phase
from shared.domain.policy import Policy
from shared.ports import Crowd
from shared.services.admission import Admission
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


def taken(door: Admission, tries: int = 500) -> int:
    """How many of so many were let in by the side door."""
    return sum(door.take() for _ in range(tries))


@pytest.mark.parametrize(
    ("limit", "creating", "waiting", "admitted", "because"),
    [
        (200, 0, 0, 20, "a tenth of the limit between two looks"),
        (200, 190, 0, 10, "not more than there is room for"),
        (200, 200, 0, 0, "there is no room"),
        (200, 230, 0, 0, "nor when others were faster"),
        (200, 0, 1, 0, "somebody waits: their turn comes first"),
        (5, 0, 0, 1, "a tenth of little is one"),
        (1, 0, 0, 1, "a limit of one still lets one in"),
        (1, 1, 0, 0, "and no second one"),
    ],
)
def test_the_side_door(
    limit: int, creating: int, waiting: int, admitted: int, because: str
) -> None:
    store = Store(creating, waiting)
    assert taken(admission(store, limit=limit)) == admitted, because
    assert store.asked == 1, "one look serves them all"


def test_what_is_known_of_the_crowd_is_looked_up_anew_after_half_a_minute() -> None:
    store, clock = Store(waiting=1), ManualClock()
    door = admission(store, clock=clock)
    assert not door.take()
    store.crowd = Crowd(0, 0)
    clock.time += timedelta(seconds=29)
    assert not door.take()
    clock.time += SECOND
    assert door.take()
    assert store.asked == 2


def test_each_look_gives_a_new_share_not_the_old_one_on_top() -> None:
    store, clock = Store(), ManualClock()
    door = admission(store, clock=clock)
    assert taken(door, 5) == 5
    clock.time += minutes(1)
    assert taken(door) == 20


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
    for email in people(4):
        world.join(email)
        world.pass_time(SECOND)
    world.restart()  # a process that knows nothing yet
    world.pass_time(minutes(5))
    for email in people(1):
        world.converge.run(world.record(email).key)
    assert world.store.creating().waiting == 3
    world.join("late@example.com")
    assert "late@example.com" not in making(world)


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
