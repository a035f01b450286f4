"""Changes by others: the owner stops the notebook, somebody removes its labels.

Records that are lost are here, too; what others delete is in ``test_deleted_by_others.py``.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Health, Phase
from tests.support.builders import ANA, minutes
from tests.support.simulation.announced import newest_announcement, news_of
from tests.support.simulation.notebook import WORK, notebook_of
from tests.support.simulation.world import GRACE, MASTERS, PROFILES, World

# Stopped by its owner or idle shutdown


@pytest.mark.parametrize("change", [{}, {"team": "other"}, {"profile": "lean"}])
def test_a_repeated_join_does_not_start_a_stopped_notebook(
    ready: World, change: dict[str, str]
) -> None:
    notebook_of(ready).state = State.STOPPED  # its owner, or idle shutdown
    ready.join(ANA, **change)
    ready.run_for(timedelta(hours=1))
    assert (notebook_of(ready).state, ready.cloud.counts["workbench.start"]) == (State.STOPPED, 0)
    assert ready.record(ANA).status.phase is Phase.READY
    machine = "e2-standard-2" if "profile" in change else "e2-standard-4"
    assert notebook_of(ready).body["gceSetup"]["machineType"] == machine


def test_a_return_starts_a_notebook_that_its_owner_had_stopped(
    ready: World,
) -> None:
    notebook_of(ready).state = State.STOPPED
    ready.leave(ANA)
    ready.run_for(minutes(5))
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert (notebook_of(ready).state, ready.record(ANA).status.phase) == (State.READY, Phase.READY)


def test_ready_with_a_stopped_notebook_is_announced_with_its_link(ready: World) -> None:
    notebook_of(ready).state = State.STOPPED
    ready.join(ANA, team="other")
    ready.run_for(minutes(10))
    assert newest_announcement(ready, "ready")["notebook"].startswith("https://")


# Lost records


def test_a_leave_without_a_record_finds_and_stops_the_notebook_at_once(ready: World) -> None:
    ready.store._environments.clear()
    ready.leave(ANA)
    assert notebook_of(ready).state is State.STOPPING
    ready.run_for(timedelta(days=29), every=timedelta(hours=6))
    assert (ready.record(ANA).status.phase, notebook_of(ready).data) == (Phase.SUSPENDED, WORK)
    ready.run_for(timedelta(days=2), every=timedelta(hours=1))
    assert ready.record(ANA).status.phase is Phase.REMOVED
    assert [t.data for t in ready.cloud.alive()] == [WORK], "its snapshot"


def test_a_found_notebook_that_others_delete_is_announced_as_lost(
    ready: World,
) -> None:
    notebook_of(ready).state = State.STOPPED
    ready.store._environments.clear()
    ready.leave(ANA)
    ready.run_for(minutes(10))
    ready.cloud.remove(notebook_of(ready), ready.clock.now(), what="deleted_by_others")
    ready.run_for(timedelta(days=31), every=timedelta(hours=6))
    assert news_of(ready)[-2:] == ["lost", "removed"]


def test_a_scheduled_leave_takes_effect_although_the_profile_is_missing(ready: World) -> None:
    ready.leave(ANA, effective_at=ready.clock.now() + minutes(20))
    ready.profiles.profiles = parse_profiles(PROFILES.replace(b"full", b"fuller"), MASTERS)
    ready.command("retry", ANA)
    record = ready.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.READY, Health.RETRYING)
    ready.run_for(minutes(21))
    assert notebook_of(ready).state is State.STOPPING


def test_a_return_after_a_lost_record_gives_one_notebook_with_the_work(ready: World) -> None:
    ready.store._environments.clear()
    ready.leave(ANA)
    ready.run_for(timedelta(days=1), every=minutes(10))
    ready.join(ANA)
    ready.run_for(timedelta(days=1), every=minutes(10))
    assert (notebook_of(ready).state, notebook_of(ready).data) == (State.READY, WORK)
    assert ready.record(ANA).status.phase is Phase.READY


def test_a_leaver_without_resources_is_removed_after_one_final_search() -> None:
    world = World()
    world.leave(ANA)
    assert world.record(ANA).status.phase is Phase.REMOVED
    assert world.cloud.counts["search.everything"] == 1
    world.run_for(timedelta(days=1), every=minutes(10))
    assert world.cloud.counts["search.everything"] == 1


# Removed labels


def test_a_leavers_notebook_that_lost_its_labels_is_stopped_and_labelled_again(
    ready: World,
) -> None:
    notebook_of(ready).labelled = False
    ready.leave(ANA)
    assert notebook_of(ready).state is State.STOPPING, "their access ends first"
    ready.run_for(minutes(10))
    notebook = notebook_of(ready)
    assert (notebook.state, notebook.labelled) == (State.STOPPED, True)
    assert ready.record(ANA).status.phase is Phase.SUSPENDED
    ready.run_for(GRACE + timedelta(days=1), every=timedelta(hours=1))
    assert ready.record(ANA).status.phase is Phase.REMOVED
    assert [(t.kind, t.data) for t in ready.cloud.alive()] == [(Kind.SNAPSHOT, WORK)]


def test_a_leavers_notebook_that_is_broken_and_lost_its_labels_is_removed(ready: World) -> None:
    notebook_of(ready).labelled = False
    notebook_of(ready).state = State.BROKEN
    ready.leave(ANA)
    ready.run_for(GRACE + timedelta(days=2), every=timedelta(hours=1))
    assert ready.record(ANA).status.phase is Phase.REMOVED
    assert [(t.kind, t.data) for t in ready.cloud.alive()] == [(Kind.SNAPSHOT, WORK)]


def test_a_notebook_that_lost_its_labels_gets_all_of_them_back(ready: World) -> None:
    notebook = notebook_of(ready)
    labels = dict(notebook.body["labels"])
    notebook.labelled, notebook.body = False, {**notebook.body, "labels": {"team": "core"}}
    ready.join(ANA)
    ready.run_for(minutes(10))
    assert (notebook.labelled, notebook.body["labels"]) == (True, labels)
    assert (notebook.state, ready.record(ANA).status.phase) == (State.READY, Phase.READY)


def test_a_notebook_without_labels_and_record_is_found_by_its_name(ready: World) -> None:
    notebook_of(ready).labelled = False
    ready.store._environments.clear()
    ready.leave(ANA)
    ready.run_for(minutes(10))
    notebook = notebook_of(ready)
    assert (notebook.state, notebook.labelled) == (State.STOPPED, True)
    assert ready.record(ANA).status.phase is Phase.SUSPENDED
