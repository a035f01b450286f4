"""Announcements: at least once, always under the same id, without delaying anything."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.domain.contracts.announcements import Announcement, News
from shared.domain.environment import Environment
from shared.domain.status import Phase
from shared.ports import NotPublished
from shared.services.announce import Announcer, cloud_event
from tests.support.builders import (
    ANA,
    KEY,
    NOW,
    a_record,
    after,
    calls_of,
    minutes,
    ready_world,
)
from tests.support.grouped_fields import replace
from tests.support.memory_store import MemoryStore
from tests.support.simulation.announced import news_of
from tests.support.simulation.world import Crash, World

ITEM = Announcement(number=7, news=News.READY, at=NOW, email=ANA, profile="full")


class Publisher:
    """Remembers what it took; refuses if it should."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.refuses = False

    def publish(self, topic: str, messages: Any) -> None:
        if self.refuses:
            raise NotPublished("scripted")
        self.taken += [(topic, message) for message in messages]


class Stage:
    """One record with something in its outbox."""

    def __init__(self, *items: Announcement) -> None:
        self.store, self.publisher = MemoryStore(), Publisher()
        self.announcer = Announcer(
            store=self.store, publisher=self.publisher, topic="environment-events", project="demo"
        )
        self.saved = a_record(outbox=items, due_at=after(1), announced=len(items))
        self.version = self.store.save(self.saved, None, ())

    @property
    def record(self) -> Environment:
        stored = self.store.load(KEY)
        assert stored is not None
        return stored.environment


# On the wire


def test_an_announcement_is_a_cloud_event() -> None:
    event = json.loads(msgspec.json.encode(cloud_event("demo", KEY, ITEM)))
    assert event == {
        "specversion": "1.0",
        "id": f"{KEY}-7",
        "source": f"/projects/demo/environments/{KEY}",
        "type": "benchkeeper.environment.ready",
        "subject": KEY,
        "time": "2026-05-04T12:00:00Z",
        "datacontenttype": "application/json",
        "data": {"email": ANA, "key": KEY, "news": "ready", "profile": "full"},
    }


def test_an_announcement_contains_every_known_field() -> None:
    item = Announcement(
        number=8,
        news=News.SUSPENDED,
        at=NOW,
        email=ANA,
        profile="full",
        notebook="https://nb.example.com",
        snapshot="snapshots/s1",
        reason="<b>retired</b>",
        effective_at=after(days=14),
    )
    data = json.loads(msgspec.json.encode(cloud_event("demo", KEY, item)))["data"]
    assert data == {
        "email": ANA,
        "key": KEY,
        "news": "suspended",
        "profile": "full",
        "notebook": "https://nb.example.com",
        "snapshot": "snapshots/s1",
        "reason": "<b>retired</b>",
        "effective_at": "2026-05-18T12:00:00Z",
    }


def test_an_item_becomes_the_same_message_at_every_publication() -> None:
    assert cloud_event("demo", KEY, ITEM) == cloud_event("demo", KEY, ITEM)


@pytest.mark.parametrize("news", list(News))
def test_the_type_of_the_event_names_the_news(news: News) -> None:
    item = msgspec.structs.replace(ITEM, news=news)
    assert cloud_event("demo", KEY, item).type == f"benchkeeper.environment.{news.value}"


# Publishing


def test_published_items_leave_the_outbox_and_the_due_time_stays() -> None:
    stage = Stage(ITEM, msgspec.structs.replace(ITEM, number=8))
    stage.announcer.hand_on(stage.saved, stage.version, after(days=3))
    assert [topic for topic, _ in stage.publisher.taken] == ["environment-events"] * 2
    ids = [msgspec.json.decode(message)["id"] for _, message in stage.publisher.taken]
    assert ids == [f"{KEY}-7", f"{KEY}-8"]
    assert (stage.record.outbox.waiting, stage.record.status.due_at) == ((), after(days=3))
    assert stage.record.outbox.count == 2, "the numbers go on"


def test_an_empty_outbox_causes_no_call() -> None:
    stage = Stage()
    stage.announcer.hand_on(stage.saved, stage.version, None)
    assert stage.publisher.taken == []
    assert stage.record == stage.saved


def test_items_that_pubsub_refused_stay_for_the_next_tick(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage(ITEM)
    stage.publisher.refuses = True
    stage.announcer.hand_on(stage.saved, stage.version, None)
    assert stage.record == stage.saved
    [line] = caplog.records
    assert vars(line)["action"] == "announce.failed"
    assert line.levelname == "WARNING"


def test_after_a_conflict_the_newer_record_stays_and_publishes_again() -> None:
    stage = Stage(ITEM)
    other = replace(stage.saved, problem="changed meanwhile")
    stage.store.save(other, stage.version, ())
    stage.announcer.hand_on(stage.saved, stage.version, None)
    assert stage.record == other
    assert len(stage.publisher.taken) == 1


# With the whole of converge


def test_every_phase_is_announced_in_order() -> None:
    world = ready_world()
    world.leave(ANA)
    world.run_for(timedelta(days=14), every=timedelta(hours=1))
    world.run_for(minutes(15))
    world.join(ANA)
    world.run_for(minutes(10))
    assert news_of(world) == ["ready", "suspended", "removed", "restored", "ready"]
    assert world.topics.news[0]["data"]["notebook"].startswith("https://")
    assert "/snapshots/" in world.topics.news[2]["data"]["snapshot"]
    ids = [event["id"] for event in world.topics.news]
    assert ids == [f"{KEY}-{n}" for n in range(1, 6)]


def test_while_pubsub_refuses_work_continues_and_nothing_is_lost() -> None:
    world = World()
    world.topics.refuses = True
    world.join(ANA)
    world.run_for(minutes(5))
    assert world.record(ANA).status.phase is Phase.READY
    world.leave(ANA)
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.SUSPENDED
    assert news_of(world) == []
    world.topics.refuses = False
    world.run_for(minutes(2))
    assert news_of(world) == ["ready", "suspended"]
    assert world.record(ANA).outbox.waiting == ()
    assert world.record(ANA).status.due_at == world.record(ANA).removal_at


def test_after_a_crash_the_same_items_are_published_again() -> None:
    world = World()
    world.join(ANA)

    def die_when_emptying(point: str) -> None:
        if point == "before:save" and world.topics.news:
            world.trap = None
            raise Crash

    world.trap = die_when_emptying
    with pytest.raises(Crash):
        world.run_for(minutes(5))
    world.run_for(minutes(5))
    assert news_of(world) == ["ready", "ready"]
    assert {event["id"] for event in world.topics.news} == {f"{KEY}-1"}


def test_an_announcement_costs_one_more_save() -> None:
    world = World()
    world.join(ANA)
    world.pass_time(minutes(2))
    assert calls_of(world, lambda: world.converge.run(KEY))["save"] == 2
    assert news_of(world) == ["ready"]
    assert calls_of(world, lambda: world.converge.run(KEY))["save"] == 1


def test_a_concurrent_leave_publishes_what_was_waiting() -> None:
    world = World()
    world.join(ANA)
    world.pass_time(minutes(2))
    saves: list[str] = []

    def cross(point: str) -> None:
        if point == "before:save":
            saves.append(point)
            if len(saves) == 2:
                world.trap = None
                world.leave(ANA)

    world.trap = cross
    world.converge.run(KEY)
    assert len(saves) == 2
    world.run_for(minutes(10))
    assert news_of(world)[-1] == "suspended"
    assert news_of(world).count("ready") >= 1
    ready = {e["id"] for e in world.topics.news if e["data"]["news"] == "ready"}
    assert ready == {f"{KEY}-1"}


def test_hold_and_release_are_announced_with_their_reasons() -> None:
    world = ready_world()
    world.command("hold", ANA, reason="a lawsuit")
    world.pass_time(minutes(1))
    world.command("release", ANA, reason="settled")
    announced = [(e["data"]["news"], e["data"].get("reason")) for e in world.topics.news[1:]]
    assert announced == [("held", "a lawsuit"), ("released", "settled")]


def test_a_scheduled_event_is_announced_with_its_time_of_effect() -> None:
    world = World()
    world.join(ANA, effective_at="2026-04-01T08:00:00+02:00")
    [event] = world.topics.news
    assert event["data"]["news"] == "scheduled"
    assert event["data"]["effective_at"] == "2026-04-01T08:00:00+02:00"
