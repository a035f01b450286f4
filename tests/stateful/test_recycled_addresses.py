"""An address that several people have one after another: each keeps their own work, and can leave.

The addresses' owners are told apart by the times of the events, whether these have ids or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from shared.domain.resources.kinds import Kind, State
from tests.support.builders import ANA, minutes
from tests.support.simulation.world import START, World

BEN, CLEO = "ben@example.com", "cleo@example.com"
Event = tuple[str, str, dict[str, Any]]  # join or leave, of which address, its other fields


def send(world: World, event: Event, **more: Any) -> str:
    verb, email, fields = event
    return (world.join if verb == "join" else world.leave)(email, **fields, **more)


def one_after_another(world: World, *events: Event) -> list[str]:
    """Publish the events, half an hour apart; their outcomes."""
    outcomes = []
    for event in events:
        outcomes.append(send(world, event))
        world.run_for(minutes(30))
    return outcomes


def works(world: World, email: str, text: str) -> None:
    """The owner of ``email`` writes ``text`` into their running notebook."""
    notebooks = world.cloud.alive(Kind.WORKBENCH)
    [running] = [n for n in notebooks if n.email == email and n.state is State.READY]
    world.cloud.work(running, text)


def running(world: World) -> list[tuple[str, str]]:
    """Owner and data of each running notebook."""
    notebooks = world.cloud.alive(Kind.WORKBENCH)
    return sorted((n.email, n.data) for n in notebooks if n.state is State.READY)


def test_the_address_of_a_cancelled_first_join_can_be_somebody_elses() -> None:
    world = World()
    world.join(ANA, person_id="1", effective_at=START + timedelta(days=2))
    assert one_after_another(world, ("join", BEN, {"person_id": "1"}), ("join", ANA, {})) == [
        "applied",
        "applied",
    ]
    assert running(world) == [(ANA, ""), (BEN, "")]


def test_the_address_of_a_cancelled_change_can_be_somebody_elses() -> None:
    world = World()
    one_after_another(world, ("join", ANA, {}))
    works(world, ANA, "ana's work;")
    in_two_days = world.clock.now() + timedelta(days=2)
    assert world.join(BEN, previous_email=ANA, effective_at=in_two_days) == "scheduled"
    one_after_another(world, ("leave", ANA, {}), ("join", BEN, {}))
    assert running(world) == [(BEN, "")]


def test_a_second_leave_of_a_leaver_is_not_about_who_has_their_address_now() -> None:
    world = World()
    one_after_another(world, ("join", ANA, {"person_id": "1"}), ("join", BEN, {}))
    works(world, ANA, "ana's work;")
    works(world, BEN, "ben's work;")
    one_after_another(
        world,
        ("leave", ANA, {"person_id": "1"}),
        ("join", ANA, {"previous_email": BEN}),
        ("leave", ANA, {"person_id": "1", "immediate": True}),
        ("join", ANA, {"team": "core"}),
    )
    assert running(world) == [(ANA, "ben's work;")]
    assert len([r for r in world.store.page(10).items if not r.merged_into]) == 2


class TestSomebodyHasAnAddressAgain:
    """Ana gave her address up, another person had it and left, now Ana has it again."""

    @pytest.fixture(params=["a newcomer", "by a change of address"])
    def world(self, request: pytest.FixtureRequest) -> World:
        world = World()
        one_after_another(world, ("join", ANA, {}), ("join", CLEO, {}))
        works(world, ANA, "ana's work;")
        works(world, CLEO, "cleo's work;")
        newcomer = request.param == "a newcomer"
        one_after_another(
            world,
            ("join", BEN, {"previous_email": ANA}),
            ("join", ANA, {} if newcomer else {"previous_email": CLEO}),
            ("leave", ANA, {}),
            ("join", ANA, {"previous_email": BEN}),
        )
        assert (ANA, "ana's work;") in running(world)
        return world

    def test_a_leave_is_hers(self, world: World) -> None:
        one_after_another(world, ("leave", ANA, {}))
        assert ANA not in {owner for owner, _ in running(world)}

    def test_news_of_the_address_are_about_her(self, world: World) -> None:
        one_after_another(world, ("join", ANA, {"team": "core"}))
        assert [r for r in running(world) if r[0] == ANA] == [(ANA, "ana's work;")]
        assert world.record(ANA).person.team == "core"


class TestSomebodyHasAnAddressAgainById:
    """The same, when all events have ids."""

    @pytest.fixture
    def world(self) -> World:
        world = World()
        outcomes = one_after_another(
            world,
            ("join", ANA, {"person_id": "1"}),
            ("join", BEN, {"person_id": "1"}),
            ("join", ANA, {"person_id": "2"}),
            ("leave", ANA, {"person_id": "2"}),
            ("join", ANA, {"person_id": "1", "previous_email": BEN}),
        )
        assert outcomes == ["applied"] * 5
        return world

    def test_a_contradicting_id_is_parked(self, world: World) -> None:
        assert world.join(ANA, person_id="3") == "identity-conflict"

    def test_the_address_can_change(self, world: World) -> None:
        assert world.join(CLEO, previous_email=ANA, person_id="1") == "applied"

    def test_a_leave_without_an_id_ends_who_has_it(self, world: World) -> None:
        one_after_another(world, ("leave", ANA, {}))
        assert running(world) == []


# Events with ids in the order of their times, who has which address in the end, and orders of
# arrival in which none of them is parked.
LATE: dict[str, tuple[Sequence[Event], list[str], list[str]]] = {
    "a leaver's address is another's, and the leaver returns with another one": (
        (
            ("join", ANA, {"person_id": "1"}),
            ("leave", ANA, {"person_id": "1"}),
            ("join", ANA, {"person_id": "2"}),
            ("join", BEN, {"person_id": "1"}),
        ),
        [ANA, BEN],
        ["0123", "0132"],
    ),
    "somebody had an address for a time, and another has it now": (
        (
            ("join", ANA, {"person_id": "1"}),
            ("join", BEN, {"person_id": "1"}),
            ("join", CLEO, {"person_id": "1"}),
            ("join", BEN, {"person_id": "2"}),
        ),
        [BEN, CLEO],
        ["0123", "0321", "0231"],
    ),
    "somebody gets the address of a leaver": (
        (
            ("join", ANA, {"person_id": "1"}),
            ("leave", ANA, {"person_id": "1"}),
            ("join", BEN, {"person_id": "2"}),
            ("join", ANA, {"person_id": "2"}),
        ),
        [ANA],
        ["0123", "1230"],
    ),
    "a leaver's second address is another's": (
        (
            ("join", ANA, {"person_id": "1"}),
            ("join", BEN, {"person_id": "1"}),
            ("leave", BEN, {"person_id": "1", "immediate": True}),
            ("join", BEN, {"person_id": "2"}),
        ),
        [BEN],
        ["0123", "0321"],
    ),
}


@pytest.mark.parametrize("name", LATE)
def test_events_with_ids_end_the_same_in_every_order_in_which_none_is_parked(name: str) -> None:
    events, expected, none_parked = LATE[name]
    for order in permutations(range(len(events))):
        world = World()
        world.pass_time(timedelta(hours=1))
        outcomes = [send(world, events[i], occurred_at=START + minutes(i)) for i in order]
        if "".join(map(str, order)) in none_parked:
            assert "identity-conflict" not in outcomes, order
        if "identity-conflict" not in outcomes:
            world.run_for(timedelta(hours=1))
            assert [owner for owner, _ in running(world)] == expected, (order, outcomes)


def test_a_leaver_who_returns_with_an_id_has_their_work_also_if_that_event_is_late() -> None:
    returns: tuple[Event, ...] = (
        ("join", ANA, {"person_id": "1"}),
        ("join", BEN, {"person_id": "1"}),
    )
    for order in permutations(range(2)):
        world = World()
        one_after_another(world, ("join", ANA, {}))
        works(world, ANA, "ana's work;")
        one_after_another(world, ("leave", ANA, {}))
        for index in order:
            send(world, returns[index], occurred_at=START + minutes(40 + index))
        world.run_for(timedelta(hours=1))
        assert running(world) == [(BEN, "ana's work;")]


def test_a_first_join_that_crosses_the_change_of_its_address_is_the_same_person() -> None:
    world = World(skews=(timedelta(), timedelta()))
    outcomes = []

    def meanwhile(point: str) -> None:
        if point == "before:save":
            world.trap = None
            world.use_next()
            change: Event = ("join", BEN, {"previous_email": ANA})
            outcomes.append(send(world, change, occurred_at=START + minutes(2)))

    world.pass_time(minutes(5))
    world.trap = meanwhile
    outcomes.append(world.join(ANA, occurred_at=START + minutes(1)))
    world.run_for(minutes(10))
    outcomes.append(world.leave(BEN))
    world.run_for(timedelta(hours=1))
    assert outcomes == ["applied"] * 3
    assert running(world) == []


def test_a_newcomer_gets_an_address_that_two_people_had_before() -> None:
    world = World()
    one_after_another(world, ("join", ANA, {}), ("join", BEN, {}))
    works(world, ANA, "ana's work;")
    one_after_another(
        world,
        ("leave", ANA, {}),
        ("join", ANA, {"previous_email": BEN}),
        ("join", CLEO, {"previous_email": ANA}),
        ("join", ANA, {"person_id": "3"}),
        ("join", ANA, {"person_id": "3", "team": "core"}),
    )
    assert running(world) == [(ANA, ""), (CLEO, "")]


@pytest.mark.parametrize("address", [ANA, BEN])
def test_an_address_to_which_a_leaver_is_to_return_is_not_given_to_another_id(address: str) -> None:
    world = World()
    one_after_another(world, ("join", ANA, {"person_id": "1"}))
    works(world, ANA, "ana's work;")
    one_after_another(world, ("leave", ANA, {"person_id": "1"}))
    tomorrow = world.clock.now() + timedelta(days=1)
    assert world.join(address, person_id="1", effective_at=tomorrow) == "scheduled"
    assert world.join(address, person_id="2") == "identity-conflict"
    world.run_for(timedelta(days=2))
    assert running(world) == [(address, "ana's work;")]


class TestOneMoment:
    """Several events of one time, as from an export that has dates only."""

    CHAIN: tuple[Event, ...] = (
        ("join", ANA, {"event_id": "e3"}),
        ("join", BEN, {"previous_email": ANA, "event_id": "e2"}),
        ("join", CLEO, {"previous_email": BEN, "event_id": "e1"}),
    )

    # Not the orders in which the first join comes last: nobody has that address by then.
    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 0, 1)], ids=str)
    def test_a_chain_of_changes_is_one_person_with_the_last_address(
        self, order: tuple[int, ...]
    ) -> None:
        world = World()
        world.pass_time(timedelta(hours=1))
        for index in order:
            send(world, self.CHAIN[index], occurred_at=START)
        world.run_for(timedelta(hours=1))
        [record] = [r for r in world.store.page(9).items if not r.merged_into]
        assert record.person.email == CLEO
        assert [a.email for a in record.addresses if a.until is None] == [CLEO]
        for former in (ANA, BEN):
            world.leave(former, immediate=True)
        world.run_for(timedelta(hours=1))
        assert running(world) == [(CLEO, "")]


@pytest.mark.parametrize("wait", [0.5, 6])
@pytest.mark.parametrize("immediate", [True, False])
def test_after_a_merge_who_returns_has_the_work_of_their_first_notebook(
    wait: float, *, immediate: bool
) -> None:
    world = World()
    one_after_another(world, ("join", ANA, {}))
    works(world, ANA, "ana's work;")
    happened = world.clock.now() + timedelta(seconds=10)
    world.pass_time(minutes(1))
    world.join(CLEO, previous_email=BEN)
    world.run_for(minutes(wait))  # after half a minute, this notebook is still being created
    world.join(BEN, previous_email=ANA, occurred_at=happened)  # the records are merged
    world.leave(CLEO, immediate=immediate)
    world.run_for(timedelta(hours=3))
    world.run_for(timedelta(days=16), every=timedelta(hours=3))
    world.join(CLEO)
    world.run_for(timedelta(hours=2))
    assert running(world) == [(CLEO, "ana's work;")]


def test_who_returns_by_id_to_an_address_that_another_had_meanwhile_owns_it() -> None:
    world = World()
    one_after_another(world, ("join", BEN, {"person_id": "0"}))
    works(world, BEN, "the first one's work;")
    one_after_another(
        world,
        ("leave", BEN, {}),
        ("join", BEN, {"person_id": "1"}),
        ("leave", BEN, {}),
        ("join", BEN, {"person_id": "0"}),
    )
    assert running(world) == [(BEN, "the first one's work;")]
    one_after_another(world, ("join", ANA, {"previous_email": BEN}))
    assert running(world) == [(ANA, "the first one's work;")]
    one_after_another(world, ("leave", ANA, {}))
    assert running(world) == []


def test_a_late_join_of_a_former_address_does_not_take_it_from_a_newcomer() -> None:
    world = World()
    world.pass_time(minutes(5))
    world.join(CLEO, person_id="0", occurred_at=START + minutes(2))
    world.run_for(minutes(30))
    works(world, CLEO, "her work;")
    world.join(ANA, occurred_at=START + minutes(5))  # a newcomer
    world.run_for(minutes(30))
    works(world, ANA, "the newcomer's work;")
    world.join(ANA, person_id="0", occurred_at=START + minutes(1))  # her first address
    world.run_for(timedelta(hours=2))
    assert running(world) == [(ANA, "the newcomer's work;"), (CLEO, "her work;")]


def test_a_late_leave_of_a_former_address_retires_it_although_somebody_else_has_it() -> None:
    world = World()
    one_after_another(world, ("join", ANA, {}), ("join", BEN, {"previous_email": ANA}))
    in_between = world.clock.now()
    world.pass_time(minutes(1))
    one_after_another(world, ("join", ANA, {}))
    assert world.leave(ANA, occurred_at=in_between) == "applied"
    [former] = [a for a in world.record(BEN).addresses if a.email == ANA]
    assert former.retired_at == in_between
    assert running(world) == [(ANA, ""), (BEN, "")]


def test_a_late_leave_by_id_of_an_address_that_the_id_got_later_joins_the_records() -> None:
    world = World()
    world.pass_time(minutes(10))
    world.join(ANA, occurred_at=START + minutes(1))
    world.join(CLEO, previous_email=ANA, occurred_at=START + minutes(3))
    world.join(BEN, person_id="0", occurred_at=START + minutes(4))
    world.join(ANA, person_id="0", occurred_at=START + minutes(5))
    world.leave(ANA, person_id="0", occurred_at=START + minutes(2))
    world.run_for(timedelta(hours=1))
    assert [owner for owner, _ in running(world)] == [ANA]


@pytest.mark.parametrize(("hours", "outcome"), [(23, "identity-conflict"), (24, "scheduled")])
def test_a_leave_of_an_address_that_is_to_come_may_be_scheduled_for_after_that(
    hours: int, outcome: str
) -> None:
    world = World()
    one_after_another(world, ("join", ANA, {}))
    now = world.clock.now()
    world.join(BEN, previous_email=ANA, effective_at=now + timedelta(days=1))
    world.pass_time(minutes(1))
    assert world.leave(BEN, effective_at=now + timedelta(hours=hours)) == outcome
    world.run_for(timedelta(days=2))
    assert running(world) == ([(BEN, "")] if outcome == "identity-conflict" else [])
