"""A retry for everybody whose record shows a problem."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from shared.domain.commands.decision import Outcome
from shared.domain.names import person_key
from shared.domain.projections.entry import Entry
from shared.domain.status import Health, Phase
from shared.ports import Filter, NotPublished, Page
from shared.services import bulk_retry
from tests.support.builders import ANA, BEN, a_message, minutes
from tests.support.grouped_fields import replace
from tests.support.simulation.world import World
from tests.support.stored import settled

CLEO = "cleo@example.com"
ZONES = {"us-central1-a", "us-central1-b"}


def short_of(*people: str) -> World:
    """These people wait for capacity, after some failures; there is some, and none is missed."""
    world = World()
    world.cloud.short = set(ZONES)
    for email in people:
        world.join(email)
    world.run_for(minutes(20))
    assert {world.record(email).status.problem_codes for email in people} == {("STOCK_OUT",)}
    world.cloud.short = set()
    world.pass_time(minutes(31))  # for so long, the zones without capacity are remembered
    return world


def retry(world: World, problem: str = "STOCK_OUT", **fields: Any) -> str:
    return world.command("retry", problem=problem, **{"reason": "zones are back"} | fields)


def orders_of(world: World, email: str) -> list[Entry]:
    history = world.store.history(person_key(email), 1000)
    return [entry for entry in reversed(history) if entry.action.startswith("order.")]


def test_everybody_with_the_problem_is_retried_and_it_stands_in_their_history() -> None:
    world = short_of(ANA, BEN)
    world.join(CLEO, profile="lean")
    assert retry(world, by="kim@example.com", event_id="INC-7") == Outcome.APPLIED
    world.deliver_orders()
    for email in (ANA, BEN):
        [order] = orders_of(world, email)
        assert order.action == "order.applied"
        assert order.text == "retry by kim@example.com (zones are back)"
        assert order.event_id == f"INC-7/{person_key(email)}"
    assert orders_of(world, CLEO) == []
    world.run_for(minutes(5))
    for email in (ANA, BEN):
        status = world.record(email).status
        assert (status.phase, status.health, status.problem_codes) == (
            Phase.READY, Health.OK, (),
        )  # fmt: skip
    assert world.store.count(Filter(problem="STOCK_OUT")) == 0


def test_the_command_itself_is_in_nobodys_history_and_reads_one_page() -> None:
    world = short_of(ANA)
    history = world.store.history(person_key(ANA), 1000)
    world.points.clear()
    retry(world)
    assert world.store.history(person_key(ANA), 1000) == history
    assert world.points == {}, "it loads and saves no record"
    assert len(world.topics.orders) == 1


@pytest.mark.parametrize("source", [None, "ops"])
def test_a_command_that_is_delivered_again_does_nothing_twice(source: str | None) -> None:
    world = short_of(ANA)
    message = a_message(
        msgspec.json.encode(
            {"action": "retry", "problem": "STOCK_OUT", "reason": "x", "source": source}
        ),
        topic="admin-events",
    )
    world.deliver(message)
    world.deliver(message)
    first, second = world.topics.orders
    assert first == second
    world.deliver_orders()
    actions = [order.action for order in orders_of(world, ANA)]
    assert actions == ["order.applied", "order.duplicate"]


def test_what_the_sender_said_is_in_each_command() -> None:
    world = short_of(ANA)
    retry(world, event_id="INC-7", source="ops", by="kim", occurred_at="2026-03-01T08:00:00Z")
    [order] = map(msgspec.json.decode, world.topics.orders)
    assert order == {
        "action": "retry",
        "key": person_key(ANA),
        "event_id": f"INC-7/{person_key(ANA)}",
        "source": "ops",
        "by": "kim",
        "reason": "zones are back",
        "occurred_at": "2026-03-01T08:00:00Z",
    }


@pytest.mark.parametrize(("longer", "whole"), [(0, True), (1, False)])
def test_an_id_stays_readable_as_long_as_it_fits(longer: int, whole: bool) -> None:
    world = short_of(ANA)
    key = person_key(ANA)
    event_id = "x" * (200 - len(key) - 1 + longer)
    retry(world, event_id=event_id)
    [order] = map(msgspec.json.decode, world.topics.orders)
    assert (order["event_id"] == f"{event_id}/{key}") is whole
    assert order["event_id"].endswith(f"/{key}")


def test_a_long_id_stays_an_id_and_is_another_one_for_each_person() -> None:
    world = short_of(ANA, BEN)
    retry(world, event_id="x" * 200)
    ids = {msgspec.json.decode(data)["event_id"] for data in world.topics.orders}
    assert len(ids) == 2
    assert all(len(id) <= 200 for id in ids)
    world.deliver_orders()
    assert world.store.parked(10).items == ()
    assert len(orders_of(world, ANA)) == len(orders_of(world, BEN)) == 1


def many(world: World, count: int) -> list[str]:
    for number in range(count):
        record = settled(f"p{number}", problem_codes=("INTERNAL",), due_at=None, lease=None)
        world.store.save(replace(record, holds=()), None, ())
    return [f"p{number}@example.com" for number in range(count)]


def test_it_goes_on_page_by_page_until_everybody_is_retried(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bulk_retry, "_PAGE", 3)
    caplog.set_level(logging.INFO)
    world = World()
    people = many(world, 8)
    retry(world, "INTERNAL", event_id="INC-7", by="kim")
    assert len(world.topics.orders) == 3 + 1
    following = msgspec.json.decode(world.topics.orders[-1])
    assert following.pop("after")
    assert following == {
        "action": "retry",
        "problem": "INTERNAL",
        "event_id": "INC-7",
        "by": "kim",
        "reason": "zones are back",
        "occurred_at": "2026-03-01T09:00:00Z",
    }
    world.deliver_orders()
    for email in people:
        assert [order.event_id for order in orders_of(world, email)] == [
            f"INC-7/{person_key(email)}"
        ]
    lines = [vars(r) for r in caplog.records if vars(r).get("action") == "order.bulk"]
    assert [(line["count"], line["problem"]) for line in lines] == [
        (3, "INTERNAL"), (3, "INTERNAL"), (2, "INTERNAL"),
    ]  # fmt: skip
    assert [line["message"].endswith("goes on with the next ones") for line in lines] == [
        True, True, False,
    ]  # fmt: skip


def test_a_page_that_is_empty_by_now_is_not_an_unknown_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_retry, "_PAGE", 1)
    world = World()
    many(world, 2)
    retry(world, "INTERNAL")
    following = world.topics.orders.pop()
    for record in world.store.page(9).items:
        stored = world.store.load(record.key)
        assert stored is not None
        world.store.save(replace(record, problem_codes=()), stored.version, ())
    assert world.deliver(a_message(following, topic="admin-events")) == Outcome.APPLIED
    assert world.store.parked(9).items == ()


def test_a_first_page_that_cannot_be_read_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.store, "page", lambda *_: Page((), "following"))
    assert retry(world, "INTERNAL") == Outcome.APPLIED
    [order] = map(msgspec.json.decode, world.topics.orders)
    assert (order["problem"], order["after"]) == ("INTERNAL", "following")


def test_a_code_that_nobody_has_is_parked_with_those_that_there_are() -> None:
    world = short_of(ANA)
    assert retry(world, "STOCKOUT") == "unknown-problem"
    [parked] = world.store.parked(9).items
    assert parked.reason == (
        "problem: nobody's record shows 'STOCKOUT' now; did you mean 'STOCK_OUT'? known are: "
        "STOCK_OUT"
    )
    assert world.topics.orders == []


def test_if_nothing_can_be_published_the_message_is_delivered_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = short_of(ANA)

    def refuse(*_: object) -> None:
        raise NotPublished("scripted")

    monkeypatch.setattr(world.topics, "publish", refuse)
    with pytest.raises(NotPublished):
        retry(world)
    assert world.store.parked(9).items == ()
