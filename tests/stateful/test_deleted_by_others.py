"""What others deleted: notebooks, snapshots, and disks that outlived their notebook."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.faults import CloudFault, Disposition, Problem
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.status import Phase
from tests.support.builders import ANA, actions_of, minutes, once_at
from tests.support.fake_cloud import Thing
from tests.support.simulation.announced import newest_announcement, news_of
from tests.support.simulation.notebook import WORK, notebook_of
from tests.support.simulation.world import GRACE, World

# Deleted by hand


def test_a_notebook_deleted_before_its_snapshot_is_announced_as_lost(suspended: World) -> None:
    cloud = suspended.cloud
    cloud.remove(notebook_of(suspended), suspended.clock.now(), what="deleted_by_others")
    suspended.run_for(GRACE + timedelta(days=1), every=timedelta(hours=1))
    record = suspended.record(ANA)
    assert record.status.phase is Phase.REMOVED
    assert "was deleted by somebody else" in record.status.problem
    assert news_of(suspended)[-2:] == ["lost", "removed"]
    reason = newest_announcement(suspended, "lost")["reason"]
    assert reason.endswith("all work in it is lost, since there is no snapshot")


def test_the_announcement_of_a_loss_names_the_snapshot_that_is_left(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
    ready.join(ANA)
    ready.run_for(minutes(30))
    ready.cloud.remove(notebook_of(ready), ready.clock.now(), what="deleted_by_others")
    ready.command("retry", ANA)
    reason = newest_announcement(ready, "lost")["reason"]
    assert reason.endswith(f"work since the snapshot {snapshot.name} is lost")


def test_a_snapshot_deleted_before_a_return_is_announced_as_lost(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
    ready.cloud.remove(snapshot, ready.clock.now(), what="deleted_by_others")
    ready.join(ANA)
    ready.run_for(minutes(30))
    assert (ready.record(ANA).status.phase, notebook_of(ready).data) == (Phase.READY, "")
    assert snapshot.name in ready.record(ANA).status.problem
    assert news_of(ready)[-2:] == ["lost", "ready"]


def test_a_snapshot_deleted_during_the_return_is_announced_as_lost(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    ready.join(ANA)
    [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
    ready.cloud.remove(snapshot, ready.clock.now(), what="deleted_by_others")
    ready.run_for(timedelta(days=1), every=minutes(5))
    assert ready.record(ANA).status.phase is Phase.READY
    assert snapshot.name in ready.record(ANA).status.problem
    assert "lost" in news_of(ready)


def test_a_loss_is_shown_until_the_next_event(ready: World) -> None:
    ready.cloud.remove(notebook_of(ready), ready.clock.now(), what="deleted_by_others")
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert "was deleted by somebody else" in ready.record(ANA).status.problem
    assert "resource.lost" in actions_of(ready)
    assert ready.record(ANA).status.phase is Phase.READY
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert ready.record(ANA).status.problem == ""


def test_invariant_7_a_snapshot_is_observed_just_before_the_disk_is_deleted(ready: World) -> None:
    def refuse(point: str) -> None:
        if point == "before:workbench.delete":
            raise CloudFault(Disposition.TEMPORARY, "RESOURCE_EXHAUSTED", "quota")

    ready.trap = refuse
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
    ready.cloud.remove(snapshot, ready.clock.now(), what="deleted_by_others")
    ready.trap = None
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert ready.record(ANA).status.phase is Phase.REMOVED
    assert [t.data for t in ready.cloud.alive(Kind.SNAPSHOT)] == [WORK]


def test_invariant_7_retention_starts_when_the_snapshot_is_complete(
    ready: World,
) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(3))
    [operation] = [o for o in ready.cloud.operations.values() if o.thing.kind is Kind.SNAPSHOT]
    operation.ends += timedelta(days=100)  # the profile keeps it for 90
    ready.run_for(timedelta(days=189), every=timedelta(hours=6))
    assert ready.record(ANA).status.phase is Phase.REMOVED
    assert [t.data for t in ready.cloud.alive(Kind.SNAPSHOT)] == [WORK]
    ready.run_for(timedelta(days=3), every=timedelta(hours=6))
    assert ready.cloud.alive() == []


def test_a_snapshot_does_not_expire_while_its_data_is_needed(ready: World) -> None:
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
    assert (ready.record(ANA).status.phase, notebook_of(ready).data) == (Phase.READY, WORK)
    assert ready.cloud.alive(Kind.SNAPSHOT) == [], "and then it is deleted"


def test_a_restore_that_ended_in_not_found_is_repeated_if_the_snapshot_exists(
    ready: World,
) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    problem = Problem(code="NOT_FOUND", message="instances/vm", disposition=Disposition.PERMANENT)
    failure = ready.cloud.fail_operations(Kind.WORKBENCH, Step.RESTORE, problem)
    ready.join(ANA)
    ready.run_for(minutes(20))
    assert failure.hits
    assert (ready.record(ANA).status.phase, notebook_of(ready).data) == (Phase.READY, WORK)
    assert not {"lost", "quarantined"} & set(news_of(ready))


def test_a_leave_before_the_restore_keeps_the_snapshot_as_long_as_promised(
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
    assert ready.record(ANA).status.due_at is None


def test_a_missing_snapshot_does_not_delay_ready(ready: World) -> None:
    ready.leave(ANA, immediate=True)
    ready.run_for(minutes(30))
    ready.join(ANA)
    [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
    ready.cloud.remove(snapshot, ready.clock.now(), what="deleted_by_others")
    ready.run_for(minutes(5))
    assert ready.record(ANA).status.phase is Phase.READY
    assert news_of(ready)[-2:] == ["lost", "ready"]


def test_a_notebook_whose_consent_check_failed_is_observed(ready: World) -> None:
    def unknown(point: str) -> None:
        if point == "before:workbench.consented":
            raise CloudFault(Disposition.PERMANENT, "NOT_FOUND", "no such instance")

    ready.trap = unknown
    ready.cloud.remove(notebook_of(ready), ready.clock.now(), what="deleted_by_others")
    ready.run_for(timedelta(hours=3), every=minutes(1))
    assert notebook_of(ready).state is State.READY, "recreated"
    assert "lost" in news_of(ready)


# Disks that outlived their notebook

DISK = "projects/demo/zones/us-central1-a/disks/nb-{}-data-workspace"


def left_behind(world: World) -> Thing:
    """A data disk of Ana's that stays when her notebook is deleted."""
    key = world.record(ANA).key
    disk = Thing(kind=Kind.DISK, name=DISK.format(key), key=key)
    world.cloud.add(disk)
    return disk


def test_a_disk_that_is_saved_in_a_snapshot_is_removed_with_its_notebook(ready: World) -> None:
    disk = left_behind(ready)
    ready.leave(ANA, immediate=True)
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert ready.record(ANA).status.phase is Phase.REMOVED
    assert disk.died is not None
    assert [t.data for t in ready.cloud.alive()] == [WORK]


def test_a_disk_with_the_only_copy_is_listed_and_kept(ready: World) -> None:
    ready.cloud.remove(notebook_of(ready), ready.clock.now(), what="deleted_by_others")
    disk = left_behind(ready)
    ready.leave(ANA, immediate=True)
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert (ready.record(ANA).status.phase, disk.died) == (Phase.REMOVED, None)
    scan = ready.record(ANA).departure.records[-1].scan
    assert scan is not None
    assert [line for line in scan.leftovers if disk.name in line]


def test_a_disk_is_kept_when_its_snapshot_is_missing(ready: World) -> None:
    disk = left_behind(ready)
    ready.leave(ANA, immediate=True)

    def delete_snapshot() -> None:
        [snapshot] = ready.cloud.alive(Kind.SNAPSHOT)
        ready.cloud.remove(snapshot, ready.clock.now(), what="deleted_by_others")

    hit = once_at(ready, "after:search.everything", delete_snapshot)
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert hit
    assert (ready.record(ANA).status.phase, disk.died) == (Phase.REMOVED, None)
