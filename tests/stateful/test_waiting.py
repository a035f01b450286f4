"""What waits or fails: zones, turns, consent, quarantine, Pub/Sub.

Each ends by itself, or when somebody does the one thing that it waits for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from shared.domain.faults import Disposition, Problem
from shared.domain.policy import Policy
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.status import Health, Phase
from shared.ports import NotPublished
from tests.support.builders import ANA, minutes, ready_world
from tests.support.fake_drivers import Thing
from tests.support.simulation.world import GRACE, Topics, World

BEN = "ben@example.com"
DRY, WET = "us-central1-a", "us-central1-b"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ready() -> World:
    """Ana has everything, and all is quiet."""
    return ready_world()


def notebooks(world: World) -> list[Thing]:
    return world.cloud.alive(Kind.WORKBENCH)


def zones_tried(world: World) -> list[str]:
    """The zones of the calls that create notebooks, in order."""
    made = [t for t in world.cloud.ever if t.kind is Kind.WORKBENCH]
    return [thing.name.split("/")[3] for thing in made]


class TestStockOut:
    def test_the_next_zone_is_tried_at_once(self, world: World) -> None:
        world.cloud.short = {DRY}
        world.join(ANA)
        world.run_for(minutes(2))  # 90 s until the first attempt has failed
        assert zones_tried(world) == [DRY, WET]
        world.run_for(minutes(2))
        assert world.record(ANA).status.phase is Phase.READY
        assert "quarantined" not in str(world.topics.news)

    def test_others_do_not_try_the_empty_zone_for_a_while(self, world: World) -> None:
        world.cloud.short = {DRY}
        world.join(ANA)
        world.run_for(minutes(5))
        world.join(BEN)
        assert zones_tried(world) == [DRY, WET, WET]
        world.cloud.short = set()
        world.run_for(world.policy.shortage)
        world.join("cleo@example.com")
        assert zones_tried(world)[-1] == DRY, "it is tried again by those who come later"

    def test_the_shortage_is_known_after_a_restart(self, world: World) -> None:
        world.cloud.short = {DRY}
        world.join(ANA)
        world.run_for(minutes(5))
        world.restart_and_wait()
        world.join(BEN)
        assert zones_tried(world)[-1] == WET

    def test_with_all_zones_empty_it_waits_and_then_succeeds(self, world: World) -> None:
        world.cloud.short = {DRY, WET}
        world.join(ANA)
        world.run_for(minutes(45))
        record = world.record(ANA)
        assert (record.status.phase, record.status.health) == (Phase.PROVISIONING, Health.WAITING)
        assert (
            "no zone of the profile has e2-standard-4 available" in world.record(ANA).status.problem
        )
        assert len(zones_tried(world)) <= 4, "the cloud is not stormed"
        world.cloud.short = set()
        world.run_for(timedelta(hours=2))
        assert world.record(ANA).status.phase is Phase.READY
        assert len(notebooks(world)) == 1

    def test_a_leave_while_waiting_for_capacity_creates_nothing(self, world: World) -> None:
        world.cloud.short = {DRY, WET}
        world.join(ANA)
        world.run_for(minutes(20))
        world.leave(ANA)
        world.cloud.short = set()
        world.run_for(timedelta(hours=3))
        assert (notebooks(world), world.record(ANA).status.phase) == ([], Phase.REMOVED)


class TestStuck:
    def test_a_create_that_hangs_beyond_forty_minutes_is_given_up_and_repeated(
        self, world: World
    ) -> None:
        world.join(ANA)
        [stuck] = notebooks(world)
        [operation] = [o for o in world.cloud.operations.values() if o.thing is stuck]
        operation.ends += timedelta(days=30)
        operation.thing = replace(stuck)  # it runs for ever without an effect
        world.run_for(minutes(39))
        assert (stuck.died, stuck.state) == (None, State.CREATING)
        world.run_for(minutes(30))
        assert stuck.died is not None
        assert world.record(ANA).status.phase is Phase.READY
        assert [t.state for t in notebooks(world)] == [State.READY]

    def test_a_create_that_ends_late_is_accepted(self, world: World) -> None:
        world.join(ANA)
        [slow] = notebooks(world)
        for operation in world.cloud.operations.values():
            operation.ends += timedelta(hours=2)
        world.run_for(timedelta(hours=1))
        told = " ".join(entry.text for entry in world.store.history(world.record(ANA).key, 100))
        assert "has not ended in 40 minutes" in told
        world.run_for(timedelta(hours=8), every=minutes(5))
        assert (notebooks(world), slow.state) == ([slow], State.READY)
        assert world.record(ANA).status.phase is Phase.READY


class TestQuarantine:
    @pytest.fixture
    def failing(self, world: World) -> World:
        """Every creation of a notebook fails for an unknown reason."""
        problem = Problem(code="INTERNAL", message="scripted", disposition=Disposition.TEMPORARY)
        world.cloud.fail_operations(Kind.WORKBENCH, Step.CREATE, problem, times=10_000)
        world.join(ANA)
        return world

    def test_after_eight_failures_only_slow_steps_remain(self, failing: World) -> None:
        while failing.record(ANA).status.health is not Health.QUARANTINED:
            failing.run_for(minutes(1))
        assert failing.record(ANA).status.phase is Phase.PROVISIONING
        assert len(zones_tried(failing)) == failing.policy.attempts
        failing.run_for(timedelta(days=4), every=minutes(10))
        made = [t.born for t in failing.cloud.ever if t.kind is Kind.WORKBENCH]
        slow = [later - at for at, later in pairwise(made[failing.policy.attempts - 1 :])]
        for gap, step in zip(slow, failing.policy.quarantine, strict=False):
            assert step * 3 / 4 <= gap <= step + minutes(20), slow
        assert len(slow) >= len(failing.policy.quarantine)

    def test_it_is_announced_once_with_the_reason(self, failing: World) -> None:
        failing.run_for(timedelta(days=4), every=minutes(10))
        told = [n["data"] for n in failing.topics.news if n["data"]["news"] == "quarantined"]
        assert [told[0]["email"], "scripted" in told[0]["reason"]] == [ANA, True]
        assert len(told) == 1

    @pytest.mark.parametrize("order", ["retry", "release"])
    def test_an_admin_command_ends_quarantine_at_once(self, failing: World, order: str) -> None:
        failing.run_for(timedelta(days=2), every=minutes(10))
        record = failing.record(ANA)
        assert (record.status.phase, record.status.health) == (
            Phase.PROVISIONING,
            Health.QUARANTINED,
        )
        failing.cloud.failures.clear()
        before = len(zones_tried(failing))
        failing.command(order, ANA)
        assert len(zones_tried(failing)) == before + 1
        failing.run_for(minutes(5))
        assert (failing.record(ANA).status.phase, failing.record(ANA).status.problem) == (
            Phase.READY,
            "",
        )

    def test_a_quarantined_person_can_leave(self, failing: World) -> None:
        failing.run_for(timedelta(days=2), every=minutes(10))
        failing.leave(ANA)
        failing.run_for(minutes(10))
        assert (failing.record(ANA).status.phase, failing.cloud.alive()) == (Phase.REMOVED, [])


class TestAdmission:
    PEOPLE = tuple(f"p{number:02}@example.com" for number in range(15))

    def test_joins_beyond_the_limit_queue_in_order_of_arrival(self) -> None:
        world = World(policy=Policy(creations=3))
        for email in self.PEOPLE:
            world.join(email)
            world.pass_time(timedelta(seconds=1))
        for _ in range(60):
            world.run_for(minutes(1))
            at_work = [t for t in notebooks(world) if t.state is State.CREATING]
            assert len(at_work) <= 3
        made = [t.email for t in world.cloud.ever if t.kind is Kind.WORKBENCH]
        assert made == list(self.PEOPLE)
        assert {world.record(email).status.phase for email in self.PEOPLE} == {Phase.READY}

    def test_a_leave_from_the_queue_delays_nobody(self) -> None:
        world = World(policy=Policy(creations=1))
        for email in self.PEOPLE[:4]:
            world.join(email)
            world.pass_time(timedelta(seconds=1))
        world.leave(self.PEOPLE[1])
        world.run_for(minutes(30))
        made = [t.email for t in world.cloud.ever if t.kind is Kind.WORKBENCH]
        assert made == [self.PEOPLE[0], *self.PEOPLE[2:4]]

    def test_leaving_never_waits_for_a_turn(self) -> None:
        world = World(policy=Policy(creations=1))
        world.join(ANA)
        world.run_for(minutes(5))
        for email in self.PEOPLE[:5]:
            world.join(email)
        world.leave(ANA)
        assert world.cloud.counts["workbench.stop"] == 1


class TestConsent:
    def test_consent_is_checked_daily_until_the_owner_gives_it(self, ready: World) -> None:
        asked = ready.cloud.counts
        ready.run_for(minutes(90))
        assert (asked["workbench.consented"], _consent(ready)) == (1, False)
        ready.run_for(timedelta(days=7), every=minutes(10))
        assert asked["workbench.consented"] == 8
        [notebook] = notebooks(ready)
        notebook.consented = True
        ready.run_for(timedelta(days=7), every=minutes(10))
        assert (asked["workbench.consented"], _consent(ready)) == (9, True)
        assert ready.record(ANA).status.due_at is None, "there is nothing more to ask"

    def test_consent_of_a_leaver_is_not_checked_any_more(self, ready: World) -> None:
        ready.leave(ANA)
        ready.run_for(GRACE - timedelta(hours=1), every=timedelta(hours=1))
        assert ready.cloud.counts["workbench.consented"] == 0


class TestAheadOfTime:
    def test_a_scheduled_event_takes_effect_within_a_minute_of_its_time(self, world: World) -> None:
        starts = world.clock.now() + timedelta(days=2, seconds=17)
        ends = starts + timedelta(days=3, seconds=17)
        world.join(ANA, effective_at=starts)
        world.run_for(timedelta(days=3))
        world.leave(ANA, effective_at=ends.astimezone(timezone(timedelta(hours=-7))))
        world.run_for(timedelta(days=3))
        happened = {h.what: h.at for h in world.cloud.happenings if h.kind is Kind.WORKBENCH}
        assert timedelta() <= happened["created"] - starts <= minutes(1)
        left_at = world.record(ANA).departure.left_at
        assert left_at is not None
        assert timedelta() <= left_at - ends <= minutes(1)
        assert world.record(ANA).status.phase is Phase.SUSPENDED

    def test_a_newer_event_replaces_a_scheduled_one(self, ready: World) -> None:
        soon = ready.clock.now() + timedelta(days=1)
        ready.leave(ANA, effective_at=soon)
        ready.pass_time(minutes(1))
        ready.leave(ANA, effective_at=soon + timedelta(days=1))
        ready.run_for(timedelta(hours=30), every=minutes(10))
        assert ready.record(ANA).status.phase is Phase.READY
        ready.join(ANA)
        ready.run_for(timedelta(days=3), every=minutes(10))
        assert (ready.record(ANA).status.phase, ready.record(ANA).events.pending) == (
            Phase.READY,
            (),
        )


class Forgetful(Topics):
    """Accepts announcements, and then raises."""

    def __init__(self) -> None:
        super().__init__()
        self.lapses = 1

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        super().publish(topic, messages)
        if topic != "converge" and self.lapses:
            self.lapses -= 1
            raise NotPublished("scripted")


class TestAnnouncements:
    def test_while_pubsub_refuses_work_continues_and_announcements_wait(self, world: World) -> None:
        world.topics.refuses = True
        world.join(ANA)
        world.run_for(minutes(5))
        world.leave(ANA)
        world.run_for(minutes(5))
        assert world.record(ANA).status.phase is Phase.SUSPENDED
        waiting = world.record(ANA).outbox.waiting
        assert [str(item.news) for item in waiting] == ["ready", "suspended"]

        world.topics.refuses = False
        world.restart()
        world.run_for(minutes(2))
        key = world.record(ANA).key
        assert [n["id"] for n in world.topics.news] == [f"{key}-{i.number}" for i in waiting]
        times = [datetime.fromisoformat(n["time"]) for n in world.topics.news]
        assert times == [item.at for item in waiting], "when it happened, not when it was heard"
        assert world.record(ANA).outbox.waiting == ()

    def test_an_unconfirmed_announcement_is_repeated_under_the_same_id(self, world: World) -> None:
        world.topics = Forgetful()
        world.restart()
        world.join(ANA)
        world.run_for(minutes(10))
        counts = Counter(news["id"] for news in world.topics.news)
        assert list(counts.values()) == [2], "ready: announced twice, with one id"
        first, again = world.topics.news
        assert first == again


def _consent(world: World) -> bool | None:
    notebook = world.record(ANA).notebook
    assert notebook is not None
    return notebook.access.consented
