"""One person has one record: each rule of identity, in any order of arrival.

An event says when it happened. What a set of events means must depend on those times alone; here
each set arrives in every order, and must end as it does in the order of its times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import permutations, product
from typing import Any, NamedTuple

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.names import person_key, resource_id
from shared.domain.resources.kinds import Kind, State
from tests.support.builders import ANA, minutes
from tests.support.fake_drivers import Thing
from tests.support.simulation.world import GRACE, START, World

BEN, CLEO = "ben@example.com", "cleo@example.com"


class Person(NamedTuple):
    """The identity in a record."""

    verb: str
    email: str
    former: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    person_id: str | None = None
    immediate: bool = False


EVENTS: Mapping[str, Mapping[str, Any]] = {
    "join ana": {"email": ANA},
    "join ana #1": {"email": ANA, "person_id": "1"},
    "join ben": {"email": BEN},
    "join ben #1": {"email": BEN, "person_id": "1"},
    "join cleo #1": {"email": CLEO, "person_id": "1"},
    "ana is ben": {"email": BEN, "previous_email": ANA},
    "ana is ben #1": {"email": BEN, "previous_email": ANA, "person_id": "1"},
    "ben is cleo": {"email": CLEO, "previous_email": BEN},
    "ben is ana": {"email": ANA, "previous_email": BEN},
    "leave ana": {"email": ANA},
    "leave ben": {"email": BEN},
    "leave ana, immediate": {"email": ANA, "immediate": True},
    "leave ben #1": {"email": BEN, "person_id": "1"},
}


def said(world: World, name: str, minute: int) -> str:
    """Publish the event of that name, which happened at that minute; the outcome."""
    send = world.leave if name.startswith("leave") else world.join
    return send(**EVENTS[name], occurred_at=START + minutes(minute))


def arrived(names: Sequence[str], order: Sequence[int]) -> tuple[World, list[str]]:
    """A world in which the events, one a minute, arrived in that order; their outcomes."""
    world = World()
    world.pass_time(timedelta(hours=1))
    return world, [said(world, names[index], index) for index in order]


def records_of(world: World) -> list[Environment]:
    """The records that were not merged into another."""
    return [r for r in world.store.page(100).items if not r.merged_into]


def people_of(world: World) -> set[Person]:
    """The people in the records."""
    records = records_of(world)
    people = {_person(record) for record in records}
    assert len(people) == len(records), "two records look the same"
    return people


def _person(record: Environment) -> Person:
    assert record.events.in_force is not None
    others = [a for a in record.addresses if a.email != record.person.email]
    return Person(
        record.events.in_force.verb,
        record.person.email,
        tuple(sorted({a.email for a in others if a.until is not None})),
        tuple(sorted({a.email for a in others if a.retired_at is not None})),
        record.person.person_id,
        record.events.in_force.immediate,
    )


def notebooks_of(world: World) -> list[Thing]:
    return world.cloud.alive(Kind.WORKBENCH)


# Sets of events, in the order of their times, and how they end.
CASES: Mapping[str, tuple[tuple[str, ...], Person]] = {
    "previous_email changes the address": (
        ("join ana", "ana is ben"),
        Person("join", BEN, (ANA,)),
    ),
    "a known person_id with another address changes it": (
        ("join ana #1", "join ben #1"),
        Person("join", BEN, (ANA,), person_id="1"),
    ),
    "the id may be named after the person was known by their address": (
        ("join ana", "join ana #1", "join ben #1"),
        Person("join", BEN, (ANA,), person_id="1"),
    ),
    "a chain": (
        ("join ana", "ana is ben", "ben is cleo"),
        Person("join", CLEO, (ANA, BEN)),
    ),
    "a chain by person_id": (
        ("join ana #1", "join ben #1", "join cleo #1"),
        Person("join", CLEO, (ANA, BEN), person_id="1"),
    ),
    "a return": (
        ("join ana", "ana is ben", "ben is ana"),
        Person("join", ANA, (BEN,)),
    ),
    "a return by person_id": (
        ("join ana #1", "join ben #1", "join ana #1"),
        Person("join", ANA, (BEN,), person_id="1"),
    ),
    "a leave of a former address retires it, and the person stays": (
        ("join ana", "ana is ben", "leave ana"),
        Person("join", BEN, (ANA,), (ANA,)),
    ),
    "an immediate leave of a former address is no different": (
        ("join ana", "ana is ben", "leave ana, immediate"),
        Person("join", BEN, (ANA,), (ANA,)),
    ),
    "who was never known by the former address stays, too": (
        ("ana is ben", "leave ana"),
        Person("join", BEN, (ANA,), (ANA,)),
    ),
    "a leave of the former address, and news of the new one": (
        ("join ana", "ana is ben", "leave ana", "join ben"),
        Person("join", BEN, (ANA,), (ANA,)),
    ),
    "a leave of the former address that was known to be another's begins nothing": (
        ("join ben", "ana is ben", "leave ana"),
        Person("join", BEN, (ANA,), (ANA,)),
    ),
    "a leave of the present address is a leave of the person": (
        ("join ana", "ana is ben", "leave ben"),
        Person("leave", BEN, (ANA,)),
    ),
    "a leave before the change is over with it": (
        ("join ana", "leave ana", "ana is ben"),
        Person("join", BEN, (ANA,)),
    ),
    "a leave of an address that they have again ends them": (
        ("join ana", "ana is ben", "ben is ana", "leave ana"),
        Person("leave", ANA, (BEN,)),
    ),
    "a leave of the middle of a chain retires that one": (
        ("join ana", "ana is ben", "ben is cleo", "leave ben"),
        Person("join", CLEO, (ANA, BEN), (BEN,)),
    ),
    "an immediate leave by the person_id": (
        ("join ana #1", "ana is ben", "leave ben #1"),
        Person("leave", BEN, (ANA,), person_id="1"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_order_of_arrival_has_the_same_result(name: str) -> None:
    names, person = CASES[name]
    for order in permutations(range(len(names))):
        world, outcomes = arrived(names, order)
        assert people_of(world) == {person}, [names[index] for index in order]
        assert "identity-conflict" not in outcomes


@pytest.mark.parametrize("name", CASES)
def test_events_that_arrive_twice_change_nothing(name: str) -> None:
    names, person = CASES[name]
    world, _ = arrived(names, range(len(names)))
    for index in reversed(range(len(names))):
        said(world, names[index], index)
    assert people_of(world) == {person}


def _is_plain(names: Sequence[str]) -> bool:
    """Whether the events say clearly who has which address when."""
    world, outcomes = arrived(names, range(len(names)))
    has = [a.email for record in records_of(world) for a in record.addresses]
    given = [EVENTS[name].get("previous_email") for name in names]
    twice = given.count(BEN) > 1  # one person's address can't become two others
    return "identity-conflict" not in outcomes and len(set(has)) == len(has) and not twice


@pytest.mark.slow
@pytest.mark.parametrize("first", [name for name in EVENTS if name.startswith(("join", "ana"))])
def test_any_three_events_without_contradiction_have_one_result_in_every_order(first: str) -> None:
    for names in [(first, *others) for others in product(EVENTS, repeat=2)]:
        if not _is_plain(names):
            continue
        people = people_of(arrived(names, range(3))[0])
        for order in permutations(range(3)):
            got = people_of(arrived(names, order)[0])
            assert got == people, [names[index] for index in order]


class TestTheWork:
    """The work stays with the person; nobody else gets it."""

    @staticmethod
    def at_work(email: str = ANA, **event: Any) -> World:
        world = World()
        world.join(email, **event)
        world.run_for(minutes(5))
        [notebook] = notebooks_of(world)
        world.cloud.work(notebook, "work;")
        return world

    @pytest.mark.parametrize(
        "chain", [[(BEN, ANA)], [(BEN, ANA), (CLEO, BEN)], [(BEN, ANA), (ANA, BEN)]], ids=len
    )
    @pytest.mark.parametrize("wait", [0, 0.3, 2, 4, 6, 30])
    def test_the_work_follows_a_change_at_any_moment_of_another(
        self, chain: list[tuple[str, str]], wait: float
    ) -> None:
        world = self.at_work()
        for new, old in chain:
            world.join(new, previous_email=old)
            world.run_for(minutes(wait))
        world.run_for(timedelta(hours=1))
        [notebook] = notebooks_of(world)
        assert (notebook.state, notebook.data) == (State.READY, "work;")
        assert notebook.email == chain[-1][0]

    def test_records_are_merged_although_the_first_notebook_name_is_taken(
        self,
    ) -> None:
        world = World()
        instance = resource_id("nb", person_key(ANA))
        name = f"projects/demo/locations/us-central1-a/instances/{instance}"
        world.cloud.add_foreign(Kind.WORKBENCH, name)
        world.join(ANA)
        happened = world.clock.now() + minutes(1)
        world.run_for(minutes(5))
        world.join(CLEO, previous_email=BEN)
        world.run_for(minutes(10))
        [notebook] = [n for n in notebooks_of(world) if n.email == CLEO]
        world.cloud.work(notebook, "work;")
        world.join(BEN, previous_email=ANA, occurred_at=happened)
        world.run_for(timedelta(hours=1))
        [found] = [n for n in notebooks_of(world) if n.key]
        assert (found.email, found.state, found.data) == (CLEO, State.READY, "work;")
        assert (Kind.WORKBENCH, name) in world.cloud.things

    def test_an_immediate_leave_removes_everything_of_the_person(self) -> None:
        world = self.at_work()
        world.join(BEN, previous_email=ANA)
        world.run_for(minutes(4))  # in the middle of the replacement
        world.leave(BEN, immediate=True)
        world.run_for(timedelta(hours=2))
        assert {t.kind for t in world.cloud.alive()} == {Kind.SNAPSHOT}
        assert {t.data for t in world.cloud.alive()} == {"work;"}

    @pytest.mark.parametrize("then", [{}, {"person_id": "2"}], ids=["no id", "another id"])
    def test_a_former_address_given_to_somebody_else_is_a_new_person(
        self, then: dict[str, Any]
    ) -> None:
        world = self.at_work(person_id="1")
        world.join(BEN, previous_email=ANA)
        world.run_for(minutes(30))
        world.join(ANA, **then)
        world.run_for(minutes(30))
        assert {n.email: n.data for n in notebooks_of(world)} == {BEN: "work;", ANA: ""}
        assert world.record(ANA).key != world.record(BEN).key == person_key(ANA)

    def test_the_address_of_a_leaver_given_to_somebody_else_is_a_new_person(self) -> None:
        world = self.at_work(person_id="1")
        world.leave(ANA)
        world.run_for(minutes(10))
        world.join(ANA, person_id="2")
        world.run_for(minutes(10))
        states = {(n.state, n.data) for n in notebooks_of(world)}
        assert states == {(State.STOPPED, "work;"), (State.READY, "")}
        world.run_for(GRACE + timedelta(days=1), every=timedelta(hours=6))
        assert [n.data for n in notebooks_of(world)] == [""]
        assert [s.data for s in world.cloud.alive(Kind.SNAPSHOT)] == ["work;"]

    def test_an_address_whose_scheduled_join_was_cancelled_can_be_somebody_elses(self) -> None:
        world = World()
        world.join(ANA, person_id="1", effective_at=START + timedelta(days=2))
        world.run_for(minutes(5))
        world.join(BEN, person_id="1")
        assert world.join(ANA) == "applied"
        world.run_for(minutes(5))
        owners = {world.record(email).key: email for email in (BEN, ANA)}
        assert owners == {person_key(ANA): BEN, person_key(ANA, 2): ANA}

    def test_a_join_sent_again_after_its_address_was_given_away_is_a_duplicate(self) -> None:
        world = World()
        first = world.message(Verb.JOIN, email=ANA, person_id="1", occurred_at=None, event_id="e")
        world.deliver(first)
        world.run_for(minutes(5))
        world.leave(ANA, person_id="1")
        world.run_for(minutes(5))
        world.join(ANA, person_id="2")
        world.run_for(minutes(5))
        again = world.message(Verb.JOIN, email=ANA, person_id="1", occurred_at=None, event_id="e")
        assert world.deliver(again) == "duplicate"
        world.run_for(minutes(5))
        assert {p.verb for p in people_of(world)} == {"leave", "join"}

    def test_a_late_leave_of_the_former_owner_does_not_end_the_new_one(self) -> None:
        world = self.at_work(person_id="1")
        world.leave(ANA)
        leave = world.clock.now()
        world.run_for(minutes(10))
        world.join(ANA, person_id="2")
        world.run_for(minutes(10))
        world.leave(ANA, occurred_at=leave + minutes(1), immediate=True)
        world.run_for(minutes(30))
        assert [(n.state, n.data) for n in notebooks_of(world)] == [(State.READY, "")]


class TestTwoWorkersAtOnce:
    """Events of one person whose workers each find nothing of the other's."""

    @pytest.mark.parametrize("point", ["before:workbench.observe", "before:save"])
    @pytest.mark.parametrize("first", ["rename", "leave"])
    def test_a_leave_that_crosses_a_change_of_address_ends_the_person(
        self, first: str, point: str
    ) -> None:
        world = World(skews=(timedelta(), timedelta()))
        world.join(ANA)
        world.run_for(minutes(5))
        events = {
            "rename": lambda: world.join(BEN, previous_email=ANA, occurred_at=START + minutes(2)),
            "leave": lambda: world.leave(BEN, immediate=True, occurred_at=START + minutes(3)),
        }
        [second] = set(events) - {first}
        outcomes: list[str] = []

        def meanwhile(name: str) -> None:
            if name == point and not outcomes:
                outcomes.append("")
                world.use_next()
                outcomes[0] = events[second]()

        world.trap = meanwhile
        outcomes.append(events[first]())
        world.trap = None
        if not outcomes[0] or len(outcomes) == 1:
            assert (first, point) == ("leave", "before:workbench.observe"), "it observes nothing"
            return
        assert outcomes == ["applied", "applied"]
        world.run_for(timedelta(days=1), every=minutes(10))
        assert [n.state for n in notebooks_of(world)] == []
        assert len(records_of(world)) == 1

    @pytest.mark.parametrize("named", [{"previous_email": ANA}, {"person_id": "1"}], ids=str)
    def test_a_change_that_crosses_the_next_change_leaves_one_record(
        self, named: dict[str, str]
    ) -> None:
        world = World(skews=(timedelta(), timedelta()))
        world.join(ANA, person_id="1")
        world.run_for(minutes(5))
        outcomes: list[str] = []

        def meanwhile(name: str) -> None:
            if name == "before:save" and not outcomes:
                outcomes.append("")
                world.use_next()
                then = START + minutes(3)
                outcomes[0] = world.join(CLEO, previous_email=BEN, occurred_at=then)

        world.trap = meanwhile
        outcomes.append(world.join(BEN, occurred_at=START + minutes(2), **named))
        world.trap = None
        assert outcomes == ["applied", "applied"]
        world.run_for(timedelta(days=1), every=minutes(10))
        assert [n.email for n in notebooks_of(world)] == [CLEO]
        assert len(records_of(world)) == 1


class TestContradictions:
    """Parked, with both ids; nobody loses anything."""

    @pytest.mark.parametrize(
        ("verb", "event"),
        [
            ("join", {"email": ANA, "person_id": "2"}),
            ("leave", {"email": ANA, "person_id": "2"}),
            ("leave", {"email": ANA, "person_id": "2", "immediate": True}),
            ("join", {"email": CLEO, "previous_email": ANA, "person_id": "2"}),
            ("join", {"email": ANA, "previous_email": BEN}),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("known", [True, False], ids=["both known", "one known"])
    def test_is_parked_and_changes_nothing(
        self, verb: str, event: dict[str, Any], *, known: bool
    ) -> None:
        world = TestTheWork.at_work(person_id="1")
        if known:
            world.join(BEN, person_id="2")
        elif "2" not in event.values():
            return
        world.run_for(minutes(5))
        before = people_of(world), [(n.name, n.state, n.data) for n in notebooks_of(world)]
        assert (world.join if verb == "join" else world.leave)(**event) == "identity-conflict"
        world.run_for(timedelta(hours=1))
        after = people_of(world), [(n.name, n.state, n.data) for n in notebooks_of(world)]
        assert before == after
        [parked] = world.store.parked(10).items
        assert "'1'" in parked.reason or "person_id 1" in parked.reason
        assert "'2'" in parked.reason or "person_id 2" in parked.reason


class TestHolds:
    @pytest.mark.parametrize("named", [ANA, BEN])
    @pytest.mark.parametrize("released", [ANA, BEN])
    def test_a_hold_is_on_the_person_whichever_address_is_used(
        self, named: str, released: str
    ) -> None:
        world = TestTheWork.at_work()
        world.join(BEN, previous_email=ANA)
        world.run_for(timedelta(hours=1))
        assert world.command("hold", named) == "applied"
        world.leave(BEN, immediate=True)
        world.run_for(timedelta(days=1), every=timedelta(hours=1))
        [notebook] = notebooks_of(world)
        assert (notebook.data, notebook.protected) == ("work;", True)
        assert world.command("release", released) == "applied"
        world.run_for(timedelta(days=1), every=timedelta(hours=1))
        assert not notebooks_of(world)

    def test_a_hold_given_before_the_change_protects_all_of_it(self) -> None:
        world = TestTheWork.at_work()
        world.command("hold", ANA)
        world.join(BEN, previous_email=ANA)
        world.run_for(timedelta(hours=2))
        deleted = [h for h in world.cloud.happenings if h.what == "deleted"]
        assert [h.kind for h in deleted if h.kind is not Kind.CLUSTER_TEMPLATE] == []
        usable = [n for n in notebooks_of(world) if n.state is State.READY]
        assert [(n.email, n.data) for n in usable] == [(BEN, "work;")]
        world.command("release", ANA)
        world.run_for(timedelta(hours=2))
        assert [(n.email, n.data) for n in notebooks_of(world)] == [(BEN, "work;")]
