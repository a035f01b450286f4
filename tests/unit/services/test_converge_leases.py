"""Concurrent workers: a lease, compare-and-swap, and nothing done twice or lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.faults import CloudFault, Disposition
from shared.domain.names import person_key
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.status import Phase
from shared.services.converged import Converged
from tests.support.builders import ANA, KEY, actions_of, calls_of, hold_lease, minutes, once_at
from tests.support.simulation.world import Crash, World

BEN = "ben@example.com"


@pytest.fixture
def world() -> World:
    return World()


def test_a_record_under_another_workers_lease_is_left_to_it(world: World) -> None:
    world.join(ANA)
    hold_lease(world)
    world.pass_time(minutes(2))
    ends: list[Converged] = []
    calls = calls_of(world, lambda: ends.append(world.converge.run(KEY)))
    assert (ends, calls) == ([Converged.BUSY], {"load": 1})


def test_a_lease_that_ran_out_is_taken_over(world: World) -> None:
    world.join(ANA)
    hold_lease(world)
    world.pass_time(world.policy.lease)
    assert world.converge.run(KEY) is Converged.DONE
    assert world.record(ANA).lease is None
    assert world.record(ANA).status.phase is Phase.READY


def test_a_worker_whose_claim_conflicts_does_nothing(world: World) -> None:
    world.join(ANA)
    world.pass_time(minutes(2))
    hit = once_at(world, "before:save", lambda: world.leave(ANA))
    before = world.cloud.counts["workbench.stop"]
    assert world.converge.run(KEY) is Converged.BUSY
    assert hit
    assert world.cloud.counts["workbench.stop"] == before + 1, "the leave's own, not a second one"


def test_while_a_worker_acts_the_record_is_due_at_the_end_of_its_lease(world: World) -> None:
    """Wherever it dies, the tick finds the record when the lease is over."""
    seen = []
    once_at(world, "before:workbench.create", lambda: seen.append(world.record(ANA)))
    world.join(ANA)
    [record] = seen
    assert record.lease is not None
    assert record.status.due_at == record.lease.until == world.clock.now() + world.policy.lease
    assert all(r.step is Step.CREATE for r in record.resources), "saved before it is done"
    assert world.record(ANA).lease is None, "and given back afterwards"


@pytest.mark.parametrize("point", ["before:workbench.create", "after:workbench.create"])
def test_invariant_1_the_step_of_a_dead_worker_is_found_and_finished_once(
    world: World, point: str
) -> None:
    def die() -> None:
        raise Crash

    hit = once_at(world, point, die)
    with pytest.raises(Crash):
        world.join(ANA)
    assert hit
    world.run_for(world.policy.lease + minutes(10))
    assert world.record(ANA).status.phase is Phase.READY
    lives = [h.what for h in world.cloud.happenings if h.kind is Kind.WORKBENCH]
    assert lives == ["created", "ready"]


def test_invariant_1_a_create_without_an_answer_is_repeated_with_its_request_id(
    world: World,
) -> None:
    def lost() -> None:
        raise CloudFault(Disposition.UNCERTAIN, "UNAVAILABLE", "the connection broke")

    hit = once_at(world, "after:workbench.create", lost)
    world.join(ANA)
    assert hit
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.READY
    assert len([h for h in world.cloud.happenings if h.what == "created"]) == 3, "one of each"


@pytest.mark.parametrize("point", ["before:workbench.create", "after:workbench.create"])
def test_a_leave_before_the_results_are_saved_loses_neither(world: World, point: str) -> None:
    """The save of the results is beaten; they are put onto the newer record, and it is obeyed."""
    hit = once_at(world, point, lambda: world.leave(ANA, event_id="leave"))
    world.join(ANA, event_id="join")
    assert hit
    record = world.record(ANA)
    assert record.events.in_force is not None
    assert record.events.in_force.verb is Verb.LEAVE
    notebook = record.resource("workbench/main")
    assert notebook is not None
    assert notebook.operation, "what the create had answered was not lost"
    assert "resource.creating" in actions_of(world)
    world.run_for(minutes(10))
    assert [t.state for t in world.cloud.alive()] == [State.STOPPED]
    assert world.record(ANA).status.phase is Phase.SUSPENDED


def test_a_worker_whose_lease_was_taken_over_leaves_the_record_alone(world: World) -> None:
    """It paused beyond its lease; the other observes first, and creates nothing twice."""

    def overtaken() -> None:
        world.pass_time(world.policy.lease)
        world.minute()

    hit = once_at(world, "after:workbench.create", overtaken)
    world.join(ANA)
    assert hit
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.READY
    created = [h for h in world.cloud.happenings if h.what == "created"]
    assert len(created) == 3


def test_a_worker_that_lost_its_lease_overwrites_nothing(world: World) -> None:
    def overtaken() -> None:
        world.pass_time(world.policy.lease)
        hold_lease(world)

    hit = once_at(world, "after:workbench.create", overtaken)
    world.join(ANA)
    assert hit
    lease = world.record(ANA).lease
    assert lease is not None
    assert lease.token == "another"
    assert all(r.step is Step.CREATE for r in world.record(ANA).resources)


@pytest.mark.parametrize(
    ("missing", "is_begun"),
    [(timedelta(), True), (timedelta(seconds=1), False)],
    ids=["it just fits", "a second too long"],
)
def test_a_call_that_could_end_after_the_lease_is_not_started(
    world: World, missing: timedelta, is_begun: bool
) -> None:
    """The first step takes so long that the lease has hardly room for the next one."""
    points: list[str] = []

    def slow(point: str) -> None:
        points.append(point)
        if points.count("after:session-template.create") == 1 and point.startswith("after:session"):
            world.pass_time(world.policy.lease - world.policy.call_deadline + missing)

    world.trap = slow
    world.join(ANA)
    slept = points.index("after:session-template.create")
    meanwhile = points[slept + 1 : points.index("before:save", slept)]
    assert ("before:cluster-template.create" in meanwhile) is is_begun
    assert ("before:workbench.create" in meanwhile) is is_begun
    world.run_for(minutes(10))
    assert world.record(ANA).status.phase is Phase.READY, (
        "what wasn't begun is begun under a fresh lease"
    )


def test_a_new_event_at_every_save_is_finished_by_the_tick(world: World) -> None:
    """One run takes a limited number of rounds; the next tick continues with what is left over."""
    flips = 0

    def change_of_heart(point: str) -> None:
        nonlocal flips
        if point == "before:workbench.create" or (point == "before:save" and 0 < flips < 20):
            flips += 1
            world.trap = None
            verb = world.join if flips % 2 else world.leave
            world.pass_time(timedelta(milliseconds=1))
            verb(ANA)
            world.trap = change_of_heart

    world.trap = change_of_heart
    world.join(ANA)
    world.trap = None
    assert flips == 20
    world.leave(ANA)
    assert world.record(ANA).lease is None
    actions = [entry.action for entry in world.store.history(KEY, 1000)]
    assert "resource.creating" in actions, "the results of the last round are noted"
    world.run_for(minutes(5))
    assert world.record(ANA).status.phase is Phase.SUSPENDED
    assert [t.state for t in world.cloud.alive()] == [State.STOPPED]


def test_the_tick_publishes_exactly_the_records_that_are_due(world: World) -> None:
    world.join(ANA)
    world.run_for(minutes(5))
    world.join(BEN)
    world.pass_time(minutes(1))
    world.tick.run()
    assert world.topics.waiting == [{"key": person_key(BEN)}]


def test_the_tick_reads_all_pages(world: World) -> None:
    people = [f"p{n}@example.com" for n in range(1100)]
    for email in people:
        world.join(email, effective_at=world.clock.now() + minutes(1))
    world.pass_time(minutes(1))
    assert world.tick.run() == len(people)
    assert sorted(body["key"] for body in world.topics.waiting) == sorted(map(person_key, people))
