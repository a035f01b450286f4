"""The queue for notebooks from outside: the limit holds, first come, first served."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.environment import Environment
from shared.domain.faults import CloudFault, Disposition
from shared.domain.policy import Policy
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from shared.ports import Crowd
from tests.support.builders import ANA, minutes, once_at
from tests.support.memory_store import MemoryStore
from tests.support.simulation.world import Crash, World

SECOND = timedelta(seconds=1)


def making(world: World) -> list[str]:
    """The people whose notebook is being created."""
    page = world.store.page(100)
    return [e.person.email for e in page.items if e.notebook and e.notebook.step]


def people(count: int) -> list[str]:
    return [f"p{n}@example.com" for n in range(count)]


def test_ten_joins_at_once_stay_within_the_limit_and_are_served_in_order() -> None:
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
    assert {world.record(email).status.phase for email in people(10)} == {Phase.READY}
    assert world.store.creating() == Crowd(0, 0)


def test_a_join_queues_behind_those_who_wait_although_there_is_room() -> None:
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


def test_a_leave_from_the_queue_makes_room_for_those_behind() -> None:
    world = World(Policy(creations=1))
    first, second, third = people(3)
    for email in (first, second, third):
        world.join(email)
        world.pass_time(SECOND)
    world.leave(second)
    assert world.store.creating() == Crowd(1, 1)
    world.run_for(minutes(10))
    assert world.record(third).status.phase is Phase.READY
    assert world.record(second).status.phase is Phase.REMOVED
    assert world.store.creating() == Crowd(0, 0)


def queue_of(world: World) -> list[str]:
    """The people who wait, longest first."""
    found = [(e.notebook.creation.queued_at, e.person.email) for e in _all(world) if e.notebook]
    return [email for since, email in sorted(row for row in found if row[0] is not None)]


def _all(world: World) -> tuple[Environment, ...]:
    return world.store.page(5000).items


def processes_of(count: int) -> list[timedelta]:
    """So many processes of one deployment, each with a memory of its own and the true time."""
    return [timedelta()] * count


@pytest.mark.parametrize("processes", [1, 10, 100, 300])
def test_the_limit_holds_over_any_number_of_processes(processes: int) -> None:
    world = World(skews=processes_of(processes))
    for number in range(600):
        world.use(number)
        world.join(f"p{number}@example.com", profile="lean")
        world.pass_time(timedelta(milliseconds=20))
        assert world.cloud.counts["workbench.create"] <= 220
    crowd = world.store.creating()
    assert 200 <= crowd.creating <= 220
    assert crowd.creating == world.cloud.counts["workbench.create"]
    assert crowd.waiting == 600 - crowd.creating


def test_the_first_claim_of_every_new_process_is_counted() -> None:
    """The worst case: each has a first join, after all the places are taken."""
    world = World(Policy(creations=20), skews=processes_of(30))
    for number in range(30):
        world.use(number)
        world.join(f"p{number}@example.com", profile="lean")
    assert world.store.creating() == Crowd(20, 10)
    for number in range(30):
        world.use(number)
        world.join(f"late{number}@example.com", profile="lean")
    assert world.store.creating() == Crowd(20, 40)


def test_claims_saved_at_the_same_moment_are_all_counted() -> None:
    """All save their claims before any of them counts."""
    world = World(Policy(creations=5), skews=processes_of(8))
    fallen: list[int] = []

    def join_in_between(point: str) -> None:
        if point == "after:save" and len(fallen) < 7:
            fallen.append(len(fallen))
            world.use(len(fallen))
            world.join(f"p{len(fallen)}@example.com", profile="lean")

    world.trap = join_in_between
    world.join("p0@example.com", profile="lean")
    assert world.cloud.counts["workbench.create"] <= 5
    world.trap = None
    world.run_for(minutes(1))
    assert world.cloud.counts["workbench.create"] == 5, "the tick fills what was left empty"
    world.run_for(minutes(10))
    assert {e.status.phase for e in _all(world)} == {Phase.READY}


class Calls:
    """The calls to a store by name, since it was last asked."""

    def __init__(self, world: World) -> None:
        self._names: list[str] = []
        names = ("find", "save", "claim", "append", "creating", "due", "page", "shortages")
        for name in names:
            self._listen(world.store, name)

    def _listen(self, store: MemoryStore, name: str) -> None:
        method = getattr(store, name)

        def noted(*args: Any, **options: Any) -> Any:
            self._names.append(name)
            return method(*args, **options)

        setattr(store, name, noted)

    def taken(self) -> list[str]:
        names, self._names[:] = list(self._names), []
        return names


def test_a_join_counts_claims_only_in_a_crowd_and_only_once() -> None:
    world = World(Policy(creations=10))
    calls = Calls(world)
    seen = []
    for number in range(14):
        world.join(f"p{number}@example.com", profile="lean")
        seen.append(calls.taken())
    assert seen[0] == ["find", "claim", "save"], "in a process that knows nothing yet"
    assert seen[1:11] == [["find", "claim", "creating", "save"]] * 10
    assert seen[11:] == [["find", "save"]] * 3, "it is known that others wait"
    assert world.cloud.counts["workbench.create"] == 10
    assert queue_of(world) == [f"p{n}@example.com" for n in range(10, 14)]


def test_turned_away_the_notebook_is_not_created_but_everything_else_is() -> None:
    world = World(Policy(creations=1))
    world.join("first@example.com")
    world.join(ANA)
    assert world.cloud.counts["workbench.create"] == 1
    assert world.cloud.counts["session-template.create"] == 2
    record = world.record(ANA)
    notebook = record.notebook
    assert notebook is not None
    assert (notebook.state, notebook.step, notebook.since) == (State.ABSENT, None, None)
    assert notebook.creation.queued_at == world.clock.now()
    assert (record.lease, record.status.due_at, record.status.problem) == (
        None,
        world.clock.now(),
        "",
    )
    actions = [entry.action for entry in world.store.history(record.key, 20)]
    assert actions.count("resource.queued") == 1
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.READY


def test_a_leave_during_the_count_ends_the_claim() -> None:
    world = World(Policy(creations=1))
    world.join("first@example.com")
    count = world.store.creating

    def counted_late() -> Crowd:
        world.store.creating = count  # type: ignore[method-assign]
        world.pass_time(SECOND)
        world.leave(ANA)
        return count()

    world.store.creating = counted_late  # type: ignore[method-assign]
    world.join(ANA)
    assert world.store.creating() == Crowd(1, 0)
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.REMOVED
    assert world.cloud.counts["workbench.create"] == 1


def test_after_a_crash_between_claim_and_count_the_place_is_soon_free() -> None:
    world = World(Policy(creations=1))

    def crash(point: str) -> None:
        if point == "after:save":
            raise Crash

    world.trap = crash
    with pytest.raises(Crash):
        world.join("first@example.com")
    world.trap = None
    assert world.store.creating() == Crowd(1, 0)
    world.restart()
    world.pass_time(SECOND)
    world.join(ANA)
    assert queue_of(world) == [ANA]
    world.run_for(minutes(20))
    assert {e.status.phase for e in _all(world)} == {Phase.READY}
    assert world.cloud.counts["workbench.create"] == 2


def test_only_the_tick_lets_people_out_of_the_queue() -> None:
    """Otherwise a second event would let a person overtake those who have waited longer."""
    world = World(Policy(creations=1))
    for email in people(3):
        world.join(email)
        world.pass_time(SECOND)
    world.pass_time(minutes(3))
    world.converge.run(world.record(people(1)[0]).key)
    assert world.store.creating() == Crowd(0, 2)
    world.join(people(3)[2], team="x")
    assert world.store.creating() == Crowd(0, 2)
    assert queue_of(world) == people(3)[1:]


@pytest.mark.parametrize("fails_at_once", [True, False])
def test_after_a_stock_out_the_next_zone_needs_no_new_turn(fails_at_once: bool) -> None:
    world = World(Policy(creations=1))

    def another_queues_and_the_zone_is_empty() -> None:
        world.join("ben@example.com")
        if fails_at_once:
            raise CloudFault(Disposition.STOCK_OUT, "ZONE_RESOURCE_POOL_EXHAUSTED", "none left")
        world.cloud.short.add("us-central1-a")

    hit = once_at(world, "before:workbench.create", another_queues_and_the_zone_is_empty)
    world.join(ANA)
    assert hit
    assert queue_of(world) == ["ben@example.com"]
    world.run_for(minutes(20))
    made = [t for t in world.cloud.ever if t.kind is Kind.WORKBENCH and t.was_ready]
    assert [t.email for t in made] == [ANA, "ben@example.com"]
    assert "us-central1-b" in made[0].name
