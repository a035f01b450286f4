"""What others do to a person's things: Google, the owner, an admin in the console."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.environment import Health, Phase
from shared.domain.faults import CloudFault, Disposition, Problem
from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources.kinds import Kind, State, Step
from tests.support.builders import ANA, actions_of, minutes, once_at, ready_world
from tests.support.fake_cloud import Thing
from tests.support.simulation.notebook import WORK, notebook_of
from tests.support.simulation.world import GRACE, MASTERS, PROFILES, World

MOVING = [State.CREATING, State.STARTING, State.STOPPING, State.UPDATING]


@pytest.fixture
def ready() -> World:
    """Ana has everything, has worked in it, and all is quiet."""
    world = ready_world()
    world.cloud.work(notebook_of(world), WORK)
    return world


@pytest.fixture
def suspended(ready: World) -> World:
    """Ana has left; the grace period runs."""
    ready.leave(ANA)
    ready.run_for(minutes(10))
    assert ready.record(ANA).phase is Phase.SUSPENDED
    return ready


def news_of(world: World) -> list[str]:
    return [item["data"]["news"] for item in world.topics.news]


def told(world: World, news: str) -> dict[str, Any]:
    """The newest announcement of that kind."""
    found: dict[str, Any] = [n["data"] for n in world.topics.news if n["data"]["news"] == news][-1]
    return found


# States that nobody of us began


@pytest.mark.parametrize("state", MOVING)
def test_a_leavers_access_ends_even_where_somebody_else_left_it_moving(
    ready: World, state: State
) -> None:
    notebook_of(ready).state = state
    ready.leave(ANA)
    ready.run_for(minutes(30))
    assert notebook_of(ready).state is state, "the cloud is at work, as far as anybody knows"
    ready.run_for(minutes(30))
    assert (notebook_of(ready).state, ready.record(ANA).phase) == (State.STOPPED, Phase.SUSPENDED)
    assert "which no step of ours began" in told(ready, "failed")["reason"]


@pytest.mark.parametrize("state", MOVING)
def test_what_is_wanted_and_stuck_is_announced_and_started(ready: World, state: State) -> None:
    notebook_of(ready).state = state
    ready.join(ANA)
    ready.run_for(timedelta(hours=2))
    assert news_of(ready)[-2:] == ["failed", "ready"]
    assert notebook_of(ready).state is State.READY


def test_each_time_others_set_it_moving_is_waited_for_anew(ready: World) -> None:
    for state in (State.STARTING, State.READY):
        notebook_of(ready).state = state
        ready.join(ANA)
        ready.run_for(minutes(20))
    ready.run_for(timedelta(days=2), every=minutes(10))
    notebook_of(ready).state = State.STARTING
    ready.join(ANA)
    ready.run_for(minutes(20))
    notebook_of(ready).state = State.READY
    ready.run_for(minutes(20))
    assert ready.record(ANA).phase is Phase.READY
    assert "failed" not in news_of(ready)


def test_what_stays_stuck_stays_a_problem_that_says_so(ready: World) -> None:
    def refuse(point: str) -> None:
        if point in ("before:workbench.start", "before:workbench.stop"):
            raise CloudFault(Disposition.TEMPORARY, "ABORTED", "another operation is in progress")

    notebook_of(ready).state = State.UPDATING
    ready.trap = refuse
    ready.join(ANA)
    ready.run_for(timedelta(days=2), every=minutes(5))
    record = ready.record(ANA)
    assert (record.phase, record.health) == (Phase.PROVISIONING, Health.QUARANTINED)
    assert "which no step of ours began" in ready.record(ANA).problem


# Operations that ended, and steps without effect


@pytest.mark.parametrize("disposition", [f for f in Disposition if f is not Disposition.FOREIGN])
@pytest.mark.parametrize("step", [Step.CREATE, Step.START, Step.STOP, Step.UPDATE])
def test_an_operation_that_ended_is_over_whatever_it_ended_in(
    disposition: Disposition, step: Step
) -> None:
    world = ready_world() if step is not Step.CREATE else World()
    if step is Step.START:
        world.leave(ANA)
        world.run_for(minutes(5))
    problem = Problem(code="CANCELLED", message="scripted", disposition=disposition)
    failure = world.cloud.fail_operations(Kind.WORKBENCH, step, problem)
    if step is Step.STOP:
        world.leave(ANA)
    else:
        world.join(ANA, cost_center="cc1")
    world.run_for(timedelta(days=2), every=minutes(5))
    assert failure.hits
    done = Phase.SUSPENDED if step is Step.STOP else Phase.READY
    assert world.record(ANA).phase is done


def test_a_zone_without_machines_for_a_start_is_waited_for_never_quarantined(
    suspended: World,
) -> None:
    suspended.cloud.short = set(suspended.cloud.zones)
    suspended.join(ANA)
    suspended.run_for(timedelta(days=2), every=minutes(5))
    record = suspended.record(ANA)
    assert (record.phase, record.health) == (Phase.PROVISIONING, Health.WAITING)
    assert "quarantined" not in news_of(suspended)
    assert "its data is safe" in suspended.record(ANA).problem.lower()
    suspended.cloud.short.clear()
    suspended.run_for(minutes(90))
    assert suspended.record(ANA).phase is Phase.READY


@pytest.mark.parametrize("moves", [{"team": "new"}, {"profile": "lean"}])
def test_a_change_that_is_given_up_and_comes_after_all_is_undone(
    ready: World, moves: dict[str, str]
) -> None:
    """The late call asks for the earlier profile, and is carried out after the newer one."""
    if "profile" in moves:
        notebook_of(ready).state = State.STOPPED
    slow = ready.cloud.slow_down(Kind.WORKBENCH, Step.UPDATE, minutes(50))
    before = dict(notebook_of(ready).body)
    ready.join(ANA, **moves)
    assert slow.hits
    ready.pass_time(timedelta(seconds=20))
    ready.join(ANA)
    ready.run_for(timedelta(hours=12), every=minutes(5))
    assert notebook_of(ready).body == before
    assert ready.record(ANA).phase is Phase.READY


@pytest.mark.parametrize("step", [Step.DELETE, Step.STOP, Step.START, Step.UPDATE])
def test_an_operation_that_never_ends_is_said_to_and_stays_the_reason(
    ready: World, step: Step
) -> None:
    if step is Step.START:
        ready.leave(ANA)
        ready.run_for(minutes(5))
    slow = ready.cloud.slow_down(Kind.WORKBENCH, step, timedelta(days=99))
    if step is Step.DELETE:
        ready.leave(ANA, immediate=True)
    elif step is Step.STOP:
        ready.leave(ANA)
    else:
        ready.join(ANA, team="new")
    ready.run_for(timedelta(hours=1))
    assert slow.hits
    assert f"{step} has not ended in 40 minutes" in ready.record(ANA).problem
    ready.run_for(timedelta(hours=4))
    assert f"{step} has not ended in 40 minutes" in ready.record(ANA).problem


def test_a_leavers_access_ends_though_a_restore_takes_hours(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    slow = ready.cloud.slow_down(Kind.WORKBENCH, Step.RESTORE, timedelta(hours=2))
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert slow.hits
    ready.leave(ANA)
    ready.run_for(minutes(60))
    assert "restore has not ended in" in ready.record(ANA).problem
    stops = ready.cloud.counts["workbench.stop"]
    assert stops > 1, "refused while the restore runs, and asked again"
    ready.run_for(timedelta(hours=3))
    assert notebook_of(ready).state is State.STOPPED
    ready.run_for(timedelta(hours=9))
    assert ready.record(ANA).phase is Phase.SUSPENDED


def test_a_stop_that_hangs_for_days_is_announced_once_and_asked_for_every_hour(
    ready: World,
) -> None:
    ready.cloud.slow_down(Kind.WORKBENCH, Step.STOP, timedelta(days=9))
    ready.leave(ANA)
    ready.run_for(timedelta(days=5), every=minutes(5))
    assert news_of(ready) == ["ready", "failed", "quarantined"]
    ready.run_for(timedelta(days=4, hours=2), every=minutes(5))
    assert notebook_of(ready).state is State.STOPPED
    assert ready.record(ANA).phase is Phase.SUSPENDED


# Deleted by hand


def test_a_notebook_deleted_before_its_snapshot_is_a_loss_that_is_told(suspended: World) -> None:
    cloud = suspended.cloud
    cloud.remove(notebook_of(suspended), suspended.clock.now(), what="vandalised")
    suspended.run_for(GRACE + timedelta(days=1), every=timedelta(hours=1))
    record = suspended.record(ANA)
    assert record.phase is Phase.REMOVED
    assert "was deleted by somebody else" in record.problem
    assert news_of(suspended)[-2:] == ["lost", "removed"]
    assert "is lost" in told(suspended, "lost")["reason"]


def test_a_snapshot_deleted_before_a_return_is_a_loss_that_is_told(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
    ready.cloud.remove(snapshot, ready.clock.now(), what="vandalised")
    ready.join(ANA)
    ready.run_for(minutes(30))
    assert (ready.record(ANA).phase, notebook_of(ready).data) == (Phase.READY, "")
    assert snapshot.name in ready.record(ANA).problem
    assert news_of(ready)[-2:] == ["lost", "ready"]


def test_a_snapshot_deleted_while_its_data_is_awaited_is_a_loss_that_is_told(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    ready.join(ANA)
    [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
    ready.cloud.remove(snapshot, ready.clock.now(), what="vandalised")
    ready.run_for(timedelta(days=1), every=minutes(5))
    assert ready.record(ANA).phase is Phase.READY
    assert snapshot.name in ready.record(ANA).problem
    assert "lost" in news_of(ready)


def test_a_loss_is_shown_until_the_next_event(ready: World) -> None:
    ready.cloud.remove(notebook_of(ready), ready.clock.now(), what="vandalised")
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert "was deleted by somebody else" in ready.record(ANA).problem
    assert "resource.lost" in actions_of(ready)
    assert ready.record(ANA).phase is Phase.READY
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert ready.record(ANA).problem == ""


def test_invariant_7_a_snapshot_is_looked_at_just_before_the_disk_goes(ready: World) -> None:
    def refuse(point: str) -> None:
        if point == "before:workbench.delete":
            raise CloudFault(Disposition.TEMPORARY, "RESOURCE_EXHAUSTED", "quota")

    ready.trap = refuse
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
    ready.cloud.remove(snapshot, ready.clock.now(), what="vandalised")
    ready.trap = None
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert ready.record(ANA).phase is Phase.REMOVED
    assert [t.data for t in ready.cloud.alive(Kind.SNAPSHOT)] == [WORK]


def test_invariant_7_a_copy_that_took_longer_than_it_is_to_be_kept_is_kept_all_the_same(
    ready: World,
) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(3))
    [operation] = [o for o in ready.cloud.operations.values() if o.thing.kind is Kind.SNAPSHOT]
    operation.ends += timedelta(days=100)  # the profile keeps it for 90
    ready.run_for(timedelta(days=189), every=timedelta(hours=6))
    assert ready.record(ANA).phase is Phase.REMOVED
    assert [t.data for t in ready.cloud.alive(Kind.SNAPSHOT)] == [WORK]
    ready.run_for(timedelta(days=3), every=timedelta(hours=6))
    assert ready.cloud.alive() == []


def test_a_snapshot_does_not_expire_while_its_data_is_waited_for(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    [snapshot] = [r for r in ready.record(ANA).resources if r.kind is Kind.SNAPSHOT]
    assert snapshot.retention.expires_at is not None
    ready.pass_time(snapshot.retention.expires_at - ready.clock.now() - timedelta(hours=1))
    for zone in ("us-central1-a", "us-central1-b"):
        until = ready.clock.now() + timedelta(days=1)
        ready.store.report_shortage(f"{zone}/e2-standard-4", until)
    ready.restart_and_wait()
    ready.join(ANA)
    ready.run_for(timedelta(days=3), every=minutes(10))
    assert (ready.record(ANA).phase, notebook_of(ready).data) == (Phase.READY, WORK)
    assert ready.cloud.alive(Kind.SNAPSHOT) == [], "and after that it goes"


def test_a_restore_that_found_something_missing_is_repeated_while_the_snapshot_is_there(
    ready: World,
) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    problem = Problem(code="NOT_FOUND", message="instances/vm", disposition=Disposition.PERMANENT)
    failure = ready.cloud.fail_operations(Kind.WORKBENCH, Step.RESTORE, problem)
    ready.join(ANA)
    ready.run_for(minutes(20))
    assert failure.hits
    assert (ready.record(ANA).phase, notebook_of(ready).data) == (Phase.READY, WORK)
    assert not {"lost", "quarantined"} & set(news_of(ready))


def test_who_leaves_again_before_their_data_was_restored_keeps_it_as_long_as_promised(
    ready: World,
) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    for zone in ("us-central1-a", "us-central1-b"):
        until = ready.clock.now() + timedelta(days=1)
        ready.store.report_shortage(f"{zone}/e2-standard-4", until)
    ready.restart_and_wait()
    ready.join(ANA)
    ready.run_for(minutes(30))
    ready.leave(ANA)
    ready.run_for(timedelta(days=89), every=timedelta(hours=12))
    assert [t.data for t in ready.cloud.alive()] == [WORK]
    ready.run_for(timedelta(days=3), every=timedelta(hours=12))
    assert ready.cloud.alive() == []
    assert ready.record(ANA).due_at is None


def test_a_snapshot_that_is_gone_when_it_is_needed_delays_nobody(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    ready.join(ANA)
    [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
    ready.cloud.remove(snapshot, ready.clock.now(), what="vandalised")
    ready.run_for(minutes(5))
    assert ready.record(ANA).phase is Phase.READY
    assert news_of(ready)[-2:] == ["lost", "ready"]


def test_a_notebook_that_consent_was_asked_of_in_vain_is_looked_at(ready: World) -> None:
    def unknown(point: str) -> None:
        if point == "before:workbench.consented":
            raise CloudFault(Disposition.PERMANENT, "NOT_FOUND", "no such instance")

    ready.trap = unknown
    ready.cloud.remove(notebook_of(ready), ready.clock.now(), what="vandalised")
    ready.run_for(timedelta(hours=3), every=minutes(1))
    assert notebook_of(ready).state is State.READY, "made anew"
    assert "lost" in news_of(ready)


# Stopped by its owner or idle shutdown


@pytest.mark.parametrize("change", [{}, {"team": "other"}, {"profile": "lean"}])
def test_a_join_that_is_sent_again_wakes_nobody(ready: World, change: dict[str, str]) -> None:
    notebook_of(ready).state = State.STOPPED  # its owner, or idle shutdown
    ready.join(ANA, **change)
    ready.run_for(timedelta(hours=1))
    assert (notebook_of(ready).state, ready.cloud.counts["workbench.start"]) == (State.STOPPED, 0)
    assert ready.record(ANA).phase is Phase.READY
    machine = "e2-standard-2" if "profile" in change else "e2-standard-4"
    assert notebook_of(ready).body["gceSetup"]["machineType"] == machine


def test_who_comes_back_has_it_running_though_they_had_stopped_it_themselves(
    ready: World,
) -> None:
    notebook_of(ready).state = State.STOPPED
    ready.leave(ANA)
    ready.run_for(minutes(5))
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert (notebook_of(ready).state, ready.record(ANA).phase) == (State.READY, Phase.READY)


def test_ready_of_a_sleeping_notebook_is_announced_with_its_link(ready: World) -> None:
    notebook_of(ready).state = State.STOPPED
    ready.join(ANA, team="other")
    ready.run_for(minutes(10))
    assert told(ready, "ready")["notebook"].startswith("https://")


# Lost records


def test_who_leaves_without_a_record_is_looked_for_and_stopped_at_once(ready: World) -> None:
    ready.store._environments.clear()
    ready.leave(ANA)
    assert notebook_of(ready).state is State.STOPPING
    ready.run_for(timedelta(days=29), every=timedelta(hours=6))
    assert (ready.record(ANA).phase, notebook_of(ready).data) == (Phase.SUSPENDED, WORK)
    ready.run_for(timedelta(days=2), every=timedelta(hours=1))
    assert ready.record(ANA).phase is Phase.REMOVED
    assert [t.data for t in ready.cloud.alive()] == [WORK], "its snapshot"


def test_what_was_found_asleep_and_is_deleted_by_others_is_a_loss_that_is_told(
    ready: World,
) -> None:
    notebook_of(ready).state = State.STOPPED
    ready.store._environments.clear()
    ready.leave(ANA)
    ready.run_for(minutes(10))
    ready.cloud.remove(notebook_of(ready), ready.clock.now(), what="vandalised")
    ready.run_for(timedelta(days=31), every=timedelta(hours=6))
    assert news_of(ready)[-2:] == ["lost", "removed"]


def test_what_was_announced_takes_effect_though_the_profile_is_gone(ready: World) -> None:
    ready.leave(ANA, effective_at=ready.clock.now() + minutes(20))
    ready.profiles.profiles = parse_profiles(PROFILES.replace(b"full", b"fuller"), MASTERS)
    ready.order("retry", ANA)
    record = ready.record(ANA)
    assert (record.phase, record.health) == (Phase.READY, Health.RETRYING)
    ready.run_for(minutes(21))
    assert notebook_of(ready).state is State.STOPPING


def test_who_returns_after_that_has_one_notebook_with_their_work(ready: World) -> None:
    ready.store._environments.clear()
    ready.leave(ANA)
    ready.run_for(timedelta(days=1), every=minutes(10))
    ready.join(ANA)
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert (notebook_of(ready).state, notebook_of(ready).data) == (State.READY, WORK)
    assert ready.record(ANA).phase is Phase.READY


def test_of_whom_there_never_was_anything_is_removed_after_one_look_everywhere() -> None:
    world = World()
    world.leave(ANA)
    assert world.record(ANA).phase is Phase.REMOVED
    assert world.cloud.counts["search.everything"] == 1
    world.run_for(timedelta(days=1), every=minutes(10))
    assert world.cloud.counts["search.everything"] == 1


# Labels taken off


def test_a_leavers_notebook_that_lost_its_labels_is_stopped_and_labelled_again(
    ready: World,
) -> None:
    notebook_of(ready).labelled = False
    ready.leave(ANA)
    assert notebook_of(ready).state is State.STOPPING, "their access ends first"
    ready.run_for(minutes(10))
    notebook = notebook_of(ready)
    assert (notebook.state, notebook.labelled) == (State.STOPPED, True)
    assert ready.record(ANA).phase is Phase.SUSPENDED
    ready.run_for(GRACE + timedelta(days=1), every=timedelta(hours=1))
    assert ready.record(ANA).phase is Phase.REMOVED
    assert [(t.kind, t.data) for t in ready.cloud.alive()] == [(Kind.SNAPSHOT, WORK)]


def test_a_leavers_notebook_that_is_broken_and_lost_its_labels_is_removed(ready: World) -> None:
    notebook_of(ready).labelled = False
    notebook_of(ready).state = State.BROKEN
    ready.leave(ANA)
    ready.run_for(GRACE + timedelta(days=2), every=timedelta(hours=1))
    assert ready.record(ANA).phase is Phase.REMOVED
    assert [(t.kind, t.data) for t in ready.cloud.alive()] == [(Kind.SNAPSHOT, WORK)]


def test_a_notebook_that_lost_its_labels_gets_all_of_them_back(ready: World) -> None:
    notebook = notebook_of(ready)
    labels = dict(notebook.body["labels"])
    notebook.labelled, notebook.body = False, {**notebook.body, "labels": {"team": "core"}}
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert (notebook.labelled, notebook.body["labels"]) == (True, labels)
    assert (notebook.state, ready.record(ANA).phase) == (State.READY, Phase.READY)


def test_what_lost_its_labels_and_its_record_is_found_by_its_name(ready: World) -> None:
    notebook_of(ready).labelled = False
    ready.store._environments.clear()
    ready.leave(ANA)
    ready.run_for(minutes(10))
    notebook = notebook_of(ready)
    assert (notebook.state, notebook.labelled) == (State.STOPPED, True)
    assert ready.record(ANA).phase is Phase.SUSPENDED


# Disks that outlived their notebook

DISK = "projects/demo/zones/us-central1-a/disks/nb-{}-data-workspace"


def left_behind(world: World) -> Thing:
    """A data disk of Ana's that stays when her notebook is deleted."""
    key = world.record(ANA).key
    disk = Thing(kind=Kind.DISK, name=DISK.format(key), key=key)
    world.cloud.add(disk)
    return disk


def test_a_disk_whose_data_a_snapshot_holds_is_removed_with_its_notebook(ready: World) -> None:
    disk = left_behind(ready)
    ready.leave(ANA, immediate=True)
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert ready.record(ANA).phase is Phase.REMOVED
    assert disk.died is not None
    assert [t.data for t in ready.cloud.alive()] == [WORK]


def test_a_disk_that_may_hold_the_only_copy_is_named_and_left(ready: World) -> None:
    ready.cloud.remove(notebook_of(ready), ready.clock.now(), what="vandalised")
    disk = left_behind(ready)
    ready.leave(ANA, immediate=True)
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert (ready.record(ANA).phase, disk.died) == (Phase.REMOVED, None)
    scan = ready.record(ANA).leavings[-1].scan
    assert scan is not None
    assert [line for line in scan.leftovers if disk.name in line]


def test_a_disk_stays_when_the_snapshot_it_could_go_for_is_gone(ready: World) -> None:
    disk = left_behind(ready)
    ready.leave(ANA, immediate=True)

    def vandalise() -> None:
        [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
        ready.cloud.remove(snapshot, ready.clock.now(), what="vandalised")

    hit = once_at(ready, "after:search.everything", vandalise)
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert hit
    assert (ready.record(ANA).phase, disk.died) == (Phase.REMOVED, None)
