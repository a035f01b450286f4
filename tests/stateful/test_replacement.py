"""A notebook is replaced, whatever happens meanwhile: its work is kept, exactly once.

Both reasons are tried: its owner's address changed, and an admin orders `recreate`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.status import Phase
from tests.support.builders import ANA, minutes
from tests.support.fake_drivers import Thing
from tests.support.simulation.rules.cloud import ended_in
from tests.support.simulation.world import GRACE, Crash, World

BEN = "ben@example.com"
WORK = "a week's work;"
LATE = "and what was done later;"
LONG = timedelta(hours=3)

Reason = Callable[[World], None]


def rename(world: World) -> None:
    """The owner's address changes."""
    world.join(BEN, previous_email=ANA, event_id="rename")


def recreate(world: World) -> None:
    """An admin orders `recreate`."""
    world.command("recreate", ANA, event_id="recreate")


REASONS = pytest.mark.parametrize("reason", [rename, recreate])
# Time after the reason: during stop, snapshot, creation, restore and deletion.
MOMENTS = pytest.mark.parametrize("wait", [0, 0.3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12])


def at_work() -> World:
    """Ana has everything, and has worked in it."""
    world = World()
    world.join(ANA)
    world.run_for(minutes(5))
    world.cloud.work(the_notebook(world), WORK)
    return world


def the_notebook(world: World) -> Thing:
    """The only one."""
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    return notebook


def has_their_work(world: World, email: str) -> None:
    """Whether the person has one notebook, another than before, with all of their work."""
    record = world.record(email)
    assert (record.status.phase, record.person.email) == (Phase.READY, email)
    notebook = the_notebook(world)
    assert (notebook.state, notebook.data, notebook.email) == (State.READY, WORK, email)
    assert [r.superseded for r in record.resources if r.kind is Kind.WORKBENCH] == [False]


def work_late(world: World, superseded: Thing) -> None:
    """The owner starts a superseded notebook by hand, and works in it."""
    world.cloud.start_by_hand(superseded)
    world.cloud.work(superseded, LATE)


def is_saved_and_gone(world: World, superseded: Thing) -> None:
    """The superseded notebook was deleted, and its late work is in a snapshot."""
    assert superseded.died is not None
    assert LATE in "".join(t.data for t in world.cloud.alive(Kind.SNAPSHOT))


def owner_after(reason: Reason) -> str:
    return BEN if reason is rename else ANA


def never_without_a_copy(world: World) -> None:
    """During the replacement, the work is in a notebook or in a complete snapshot."""
    whole = [t for t in world.cloud.alive() if t.data == WORK and t.was_ready]
    assert whole, "the work is nowhere"


@REASONS
def test_a_replacement_ends_with_a_successor_that_has_the_work(reason: Reason) -> None:
    world = at_work()
    first = the_notebook(world)
    reason(world)
    world.run_for(minutes(30))
    has_their_work(world, owner_after(reason))
    assert re.fullmatch(rf"{first.name}-[a-z2-7]{{6}}", the_notebook(world).name)
    restored = next(h.at for h in world.cloud.happenings if h.what == "restored")
    assert first.died is not None
    assert first.died > restored


@pytest.mark.slow
@REASONS
@pytest.mark.parametrize("how", ["crash", "refused", "unanswered"])
def test_a_fault_at_any_write_or_call_does_not_change_the_result(reason: Reason, how: str) -> None:
    plain = at_work()
    before = plain.points.total()
    reason(plain)
    plain.run_for(minutes(30))
    points = plain.points.total() - before
    assert points > 90
    for index in range(points):
        world, hits = at_work(), [0]
        struck: list[str] = []
        world.trap = _fault(index, how, hits, struck)
        _until_it_is_taken(world, reason)
        for _ in range(180):
            world.pass_time(minutes(1))
            _survives(world, world.minute)
            never_without_a_copy(world)
        has_their_work(world, owner_after(reason))
        assert struck or how != "crash", f"nothing happened at {index}"


def _fault(index: int, how: str, hits: list[int], struck: list[str]) -> Callable[[str], None]:
    def trap(point: str) -> None:
        hits[0] += 1
        if hits[0] != index + 1:
            return
        when, _, what = point.partition(":")
        if how == "crash":
            struck.append(point)
            raise Crash(point)
        if "." in what and (how == "unanswered") == (when == "after"):
            struck.append(point)
            disposition = Disposition.UNCERTAIN if when == "after" else Disposition.TEMPORARY
            raise CloudFault(disposition, "UNAVAILABLE", f"scripted at {point}")

    return trap


def _survives(world: World, work: Callable[[], object]) -> bool:
    try:
        work()
    except Crash:
        world.topics.waiting.clear()
        world.restart()
        return False
    return True


def _until_it_is_taken(world: World, reason: Reason) -> None:
    """Pub/Sub delivers until it is acknowledged."""
    while not _survives(world, lambda: reason(world)):
        world.pass_time(timedelta(seconds=10))


@REASONS
@MOMENTS
def test_during_a_stock_out_nothing_is_deleted(reason: Reason, wait: float) -> None:
    world = at_work()
    reason(world)
    world.run_for(minutes(wait))
    world.cloud.short = set(world.cloud.zones)
    for _ in range(12):
        world.run_for(minutes(30), every=minutes(5))
        never_without_a_copy(world)
    world.cloud.short = set()
    world.run_for(LONG, every=minutes(5))
    has_their_work(world, owner_after(reason))


@REASONS
@MOMENTS
def test_a_hold_during_the_replacement_keeps_everything_until_the_release(
    reason: Reason, wait: float
) -> None:
    world = at_work()
    reason(world)
    world.run_for(minutes(wait))
    world.command("hold", ANA)
    world.pass_time(minutes(5))  # an operation begun just before can't be called back
    held = len(world.cloud.happenings)
    world.run_for(LONG, every=minutes(5))
    gone = [h for h in world.cloud.happenings[held:] if h.what == "deleted" and h.key]
    assert [h.name for h in gone if h.began > world.clock.now() - LONG] == []
    world.command("release", owner_after(reason))
    world.run_for(LONG, every=minutes(5))
    has_their_work(world, owner_after(reason))


@REASONS
def test_work_done_in_a_superseded_notebook_under_a_hold_is_saved_before_its_deletion(
    reason: Reason,
) -> None:
    """Its owner starts it by hand while the hold keeps it, works, and stops it again."""
    world = at_work()
    superseded = the_notebook(world)
    world.command("hold", ANA)
    reason(world)
    world.run_for(LONG)
    work_late(world, superseded)
    world.cloud.halt(superseded)
    assert world.command("release", owner_after(reason)) == "applied"
    world.run_for(LONG)
    is_saved_and_gone(world, superseded)
    has_their_work(world, owner_after(reason))


@REASONS
def test_work_in_a_superseded_notebook_that_broke_before_its_deletion_is_saved(
    reason: Reason,
) -> None:
    """Its owner starts it by hand, and it breaks before anybody observes it running."""
    world = at_work()
    superseded = the_notebook(world)
    reason(world)
    while len(world.cloud.alive(Kind.WORKBENCH)) == 1:
        world.run_for(minutes(1))
    work_late(world, superseded)
    superseded.state = State.BROKEN
    world.run_for(LONG)
    is_saved_and_gone(world, superseded)
    has_their_work(world, owner_after(reason))


def test_work_in_a_superseded_notebook_whose_data_was_not_restored_yet_is_saved() -> None:
    """She returns, and her address changes before her data is back; her successor gets it."""
    world = at_work()
    world.leave(ANA, immediate=True)
    world.run_for(LONG)
    world.join(ANA)
    world.run_for(minutes(1))
    world.command("hold", ANA)
    rename(world)
    world.run_for(LONG)
    [superseded] = [t for t in world.cloud.alive(Kind.WORKBENCH) if t.state is State.STOPPED]
    assert superseded.data == ""
    work_late(world, superseded)
    assert world.command("release", BEN) == "applied"
    world.run_for(LONG)
    is_saved_and_gone(world, superseded)
    has_their_work(world, BEN)
    history = world.store.history(world.record(BEN).key, 1000)
    assert [e.about for e in history if e.action == "notebook.restored"] == ["workbench/main"]


def test_work_in_a_superseded_notebook_that_broke_is_saved_before_its_deletion() -> None:
    """It was not announced yet when the address changed, and so far there was no work in it."""
    world = World()
    world.join(ANA)
    world.run_for(minutes(1))
    world.command("hold", ANA)
    rename(world)
    world.run_for(LONG)
    [superseded] = [t for t in world.cloud.alive(Kind.WORKBENCH) if t.state is State.STOPPED]
    work_late(world, superseded)
    superseded.state = State.BROKEN
    assert world.command("release", BEN) == "applied"
    world.run_for(LONG)
    is_saved_and_gone(world, superseded)


@REASONS
@MOMENTS
@pytest.mark.parametrize("immediate", [True, False])
def test_a_leave_during_the_replacement_ends_it_and_a_return_restores_the_work(
    reason: Reason, wait: float, *, immediate: bool
) -> None:
    world = at_work()
    email = owner_after(reason)
    reason(world)
    world.run_for(minutes(wait))
    world.leave(email, immediate=immediate)
    world.run_for(LONG)
    assert not [t for t in world.cloud.alive(Kind.WORKBENCH) if t.state is not State.STOPPED]
    world.run_for(GRACE, every=timedelta(hours=6))
    world.run_for(LONG)
    assert {t.kind for t in world.cloud.alive()} == {Kind.SNAPSHOT}
    world.join(email)
    world.run_for(LONG)
    has_their_work(world, email)


@REASONS
@MOMENTS
@pytest.mark.parametrize("pause", [0.1, 3])
def test_a_return_within_the_grace_period_continues_the_replacement(
    reason: Reason, wait: float, pause: float
) -> None:
    world = at_work()
    email = owner_after(reason)
    reason(world)
    world.run_for(minutes(wait))
    world.leave(email)
    world.run_for(minutes(pause))
    world.join(email)
    world.run_for(LONG)
    has_their_work(world, email)


@REASONS
@MOMENTS
def test_a_second_reason_during_the_replacement_ends_with_one_notebook(
    reason: Reason, wait: float
) -> None:
    world = at_work()
    reason(world)
    world.run_for(minutes(wait))
    (recreate if reason is rename else rename)(world)
    world.run_for(LONG)
    has_their_work(world, BEN)


@REASONS
@pytest.mark.parametrize("step", [Step.STOP, Step.CREATE, Step.RESTORE, Step.DELETE])
def test_an_operation_that_fails_during_the_replacement_is_repeated(
    reason: Reason, step: Step
) -> None:
    world = at_work()
    failure = world.cloud.fail_operations(Kind.WORKBENCH, step, ended_in("INTERNAL"), leftover=True)
    reason(world)
    world.run_for(timedelta(days=1), every=minutes(5))
    assert failure.hits
    has_their_work(world, owner_after(reason))


@REASONS
@MOMENTS
def test_a_snapshot_deleted_during_the_replacement_is_not_relied_on(
    reason: Reason, wait: float
) -> None:
    world = at_work()
    reason(world)
    world.run_for(minutes(wait))
    first = next(t for t in world.cloud.ever if t.kind is Kind.WORKBENCH)
    snapshots = world.cloud.alive(Kind.SNAPSHOT)
    going = any(o.step is Step.DELETE and not o.done for o in world.cloud.operations.values())
    for snapshot in snapshots:
        world.cloud.remove(snapshot, world.clock.now(), what="deleted_by_others")
    if not snapshots or first.died is not None or going:
        return  # there is nothing to delete yet, or nothing to take another of
    world.run_for(timedelta(days=1), every=minutes(5))
    assert WORK in {t.data for t in world.cloud.alive(Kind.WORKBENCH)}


@REASONS
@MOMENTS
def test_a_replacement_during_the_restore_of_a_return_loses_no_data(
    reason: Reason, wait: float
) -> None:
    world = at_work()
    world.leave(ANA, immediate=True)
    world.run_for(LONG)
    world.join(ANA)
    world.run_for(minutes(wait))
    world.pass_time(timedelta(seconds=1))
    reason(world)
    world.run_for(LONG)
    has_their_work(world, owner_after(reason))
