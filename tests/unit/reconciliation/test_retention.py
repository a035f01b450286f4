"""Snapshots of deleted notebooks: when one is started, and when it leaves the record.

How it gets into a successor is in ``test_replacement.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.manifests.snapshot import data_disk
from shared.domain.names import resource_id
from shared.domain.reconciliation.desired_state import Goal
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.retention import (
    KEEP_AFTER_REPLACEMENT,
    can_be_dropped,
    is_saved,
    must_be_saved,
    newest_snapshot,
    retained_since_complete,
    snapshot_manifests,
    snapshot_of_disk,
    to_restore,
    with_snapshots,
)
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import LostCall, Resource
from tests.support.builders import ANA, KEY, NOW, a_notebook, a_record, after
from tests.support.grouped_fields import a_resource, replace

NOTEBOOK = "projects/demo/locations/us-central1-a/instances/nb"
SLOT = "20260504-120000"
NAME = f"projects/demo/global/snapshots/{resource_id('sn', KEY, SLOT)}"
ID = f"snapshot/{SLOT}"
DAY = 86400


def notebook(state: State = State.STOPPED, **changes: Any) -> Resource:
    return a_notebook(state, name=NOTEBOOK, **changes)


def snapshot(state: State = State.READY, slot: str = "s1", **changes: Any) -> Resource:
    made = a_resource(kind=Kind.SNAPSHOT, slot=slot, name=f"snapshots/{slot}", state=state)
    return replace(made, **changes)


def leaver(*resources: Resource, **changes: Any) -> Environment:
    return a_record(*resources, verb=Verb.LEAVE, **{"keep_seconds": 90 * DAY} | changes)


def replaced(*resources: Resource, **changes: Any) -> Environment:
    """The record of a present person whose notebook was created for another address."""
    made = (replace(r, owner="a.old@example.com") for r in resources)
    return a_record(*made, **{"keep_seconds": 0} | changes)


def past(state: State = State.STOPPED, **changes: Any) -> Resource:
    """A notebook that has a successor."""
    return notebook(state, superseded=True, **changes)


GOING = (LostCall(step=Step.DELETE, until=after(1)),)


def copied(minute: float, state: State = State.READY, **changes: Any) -> tuple[Resource, Resource]:
    """A notebook and its snapshot, which was first seen complete at that minute."""
    return notebook(saved_in="s1", **changes), snapshot(state, ready_since=after(minute))


def was_handed_over(minute: float) -> tuple[Resource, Resource]:
    """A superseded notebook whose successor has its data, and its snapshot of that minute."""
    return past(saved_in="s1", handed_over=True), snapshot(ready_since=after(minute))


def snapshotted(record: Environment, goals: Mapping[str, Goal], now: datetime = NOW) -> Environment:
    """The record after a snapshot was started for each notebook that needs one."""
    draft = Draft(record, now)
    with_snapshots(draft, goals)
    return draft.record


def begun(record: Environment, goal: Goal = Goal.ABSENT) -> bool:
    """Whether a snapshot of the notebook is started now."""
    return snapshotted(record, {r.id: goal for r in record.resources}) != record


@pytest.mark.parametrize(
    ("record", "goal", "starts", "because"),
    [
        (leaver(notebook()), Goal.ABSENT, True, "it is at rest and about to go"),
        (leaver(notebook(State.BROKEN)), Goal.ABSENT, True, "its disk may be whole"),
        (leaver(notebook(State.READY)), Goal.ABSENT, False, "it is stopped first"),
        (leaver(notebook(State.ABSENT)), Goal.ABSENT, False, "there is nothing to keep"),
        (leaver(notebook(State.FOREIGN)), Goal.ABSENT, False, "it isn't ours"),
        (leaver(notebook(State.STOPPING)), Goal.ABSENT, False, "it isn't at rest yet"),
        (leaver(notebook(State.BROKEN, failed=True)), Goal.ABSENT, False, "nobody worked in it"),
        (leaver(notebook(step=Step.PROTECT)), Goal.ABSENT, False, "something is under way"),
        (leaver(notebook(), keep_seconds=0), Goal.ABSENT, False, "the profile asks for none"),
        (leaver(*copied(-60)), Goal.ABSENT, False, "it was copied within the hour"),
        (leaver(*copied(-61)), Goal.ABSENT, True, "somebody may have worked in it since"),
        (leaver(*copied(-61)), Goal.STOPPED, False, "it doesn't go yet"),
        (leaver(*copied(-61, retry_at=after(1))), Goal.ABSENT, False, "it doesn't go just now"),
        (leaver(*copied(-61, retry_at=NOW)), Goal.ABSENT, True, "it is tried again now"),
        (leaver(*copied(-61, unconfirmed=GOING)), Goal.ABSENT, False, "it may be going already"),
        (
            leaver(*copied(-61, State.BROKEN)),
            Goal.ABSENT,
            False,
            "that copy has to be complete first",
        ),
        (replaced(*copied(-61)), Goal.STOPPED, False, "its successor took long"),
        (replaced(*copied(-61)), Goal.ABSENT, False, "its successor waits for that copy"),
        (a_record(*was_handed_over(-60)), Goal.ABSENT, False, "it was copied within the hour"),
        (a_record(*was_handed_over(-61)), Goal.ABSENT, True, "it may have been used since"),
        (a_record(*was_handed_over(-61)), Goal.STOPPED, False, "a hold keeps it"),
        (leaver(notebook()), Goal.STOPPED, False, "the grace period still runs"),
        (leaver(notebook()), Goal.UNMANAGED, False, "it stays"),
        (leaver(notebook()), Goal.PRESENT, False, "it is wanted again"),
        (replaced(notebook()), Goal.STOPPED, True, "its successor waits for it"),
        (replaced(notebook(restore_from="s")), Goal.STOPPED, False, "its data is in that one"),
        (replaced(notebook(State.READY)), Goal.STOPPED, False, "it is stopped first"),
        (a_record(past()), Goal.STOPPED, True, "the snapshot of it was deleted by somebody else"),
        (a_record(past(handed_over=True)), Goal.STOPPED, False, "its data is in its successor"),
        (a_record(past(handed_over=True)), Goal.ABSENT, True, "it was started again meanwhile"),
        (
            leaver(notebook(saved_in="s1"), snapshot(State.CREATING)),
            Goal.ABSENT,
            False,
            "there is one on its way",
        ),
        (
            leaver(notebook(saved_in="s0"), snapshot()),
            Goal.ABSENT,
            True,
            "the one it had was removed by somebody else",
        ),
        (
            leaver(notebook(), snapshot()),
            Goal.ABSENT,
            True,
            "since an older one was taken it has run again",
        ),
    ],
)
def test_when_a_snapshot_is_started(
    record: Environment, goal: Goal, starts: bool, because: str
) -> None:
    assert begun(record, goal) is starts, because


def test_no_other_kind_is_snapshotted() -> None:
    older = Resource(
        kind=Kind.DATAPROC_HUB, slot="old", name="p/z/instances/x", state=State.STOPPED
    )
    record = leaver(older)
    assert snapshotted(record, {older.id: Goal.ABSENT}) == record


def test_a_new_snapshot_says_its_source_and_how_long_it_is_kept() -> None:
    record = snapshotted(leaver(notebook()), {"workbench/main": Goal.ABSENT})
    kept, made = record.resource("workbench/main"), record.resource(ID)
    assert kept is not None
    assert kept.data.saved_in == SLOT
    assert made == a_resource(
        kind=Kind.SNAPSHOT, slot=SLOT, name=NAME, source=NOTEBOOK, expires_at=after(days=90)
    )
    assert not begun(record), "one is enough"


def test_two_notebooks_removed_in_the_same_second_have_their_own_snapshots() -> None:
    """The final search may find several at once; each has its own work."""
    other = replace(notebook(), slot="found-1", name=NOTEBOOK.replace("-a/", "-b/"))
    goals = {"workbench/main": Goal.ABSENT, other.id: Goal.ABSENT}
    record = snapshotted(leaver(notebook(), other), goals)
    record = snapshotted(record, goals, NOW + timedelta(seconds=1))
    taken = {r.slot: r.retention.source for r in record.resources if r.kind is Kind.SNAPSHOT}
    books = [r for r in record.resources if r.kind is Kind.WORKBENCH]
    assert {book.name: taken[book.data.saved_in] for book in books} == {
        b.name: b.name for b in books
    }


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(0, KEEP_AFTER_REPLACEMENT), (7 * DAY, timedelta(days=7))],
    ids=["own", "profile"],
)
def test_a_copy_of_a_superseded_notebook_is_kept_whatever_the_profile_says(
    keep: int, kept: timedelta
) -> None:
    record = replaced(notebook(), keep_seconds=keep)
    record = snapshotted(record, {"workbench/main": Goal.STOPPED})
    made = record.resource(ID)
    assert made is not None
    assert made.retention.expires_at == NOW + kept


def test_the_manifest_of_a_snapshot_follows_from_the_record_alone() -> None:
    record = snapshotted(leaver(notebook()), {"workbench/main": Goal.ABSENT})
    manifests = snapshot_manifests(record)
    assert list(manifests) == [ID]
    assert manifests[ID].places == (NAME,)
    disk = "projects/demo/zones/us-central1-a/disks/nb-data-workspace"
    assert manifests[ID].body["sourceDisk"] == disk


@pytest.mark.parametrize(
    ("notebook", "record", "must"),
    [
        (notebook(), leaver(), True),
        (notebook(), leaver(keep_seconds=0), False),
        (notebook(owner="a.old@example.com"), a_record(), True),
        (notebook(owner=ANA), a_record(), False),
        (notebook(recreate=True), a_record(), True),
        (notebook(recreate=True, restore_from="s"), a_record(), False),
        (past(), a_record(), True),
        (past(), leaver(keep_seconds=0), False),
        (notebook(restore_from="s"), leaver(), False),
        (notebook(failed=True), leaver(), False),
        (notebook(), a_record(keep_seconds=1), True),
        (Resource(kind=Kind.DATAPROC_HUB, slot="main", name="n"), leaver(), False),
    ],
)
def test_notebooks_whose_data_must_be_saved(
    notebook: Resource, record: Environment, must: bool
) -> None:
    assert must_be_saved(record, notebook) is must


@pytest.mark.parametrize("state", list(State))
def test_data_is_saved_only_by_a_complete_snapshot(state: State) -> None:
    record = leaver(notebook(saved_in="s1"), snapshot(state))
    assert is_saved(record, record.resources[0]) is (state is State.READY)


@pytest.mark.parametrize(
    ("state", "source", "found"),
    [
        (State.READY, NOTEBOOK, True),
        (State.CREATING, NOTEBOOK, False),
        (State.BROKEN, NOTEBOOK, False),
        (State.READY, NOTEBOOK + "-2", False),
    ],
)
def test_a_leftover_disk_is_saved_by_a_complete_snapshot_of_it(
    state: State, source: str, found: bool
) -> None:
    kept = snapshot(state, source=source)
    assert (snapshot_of_disk(leaver(kept), data_disk(NOTEBOOK)) == kept) is found


# Forgetting


@pytest.mark.parametrize(
    ("before", "after_look", "notebook_has", "goal", "forgotten", "because"),
    [
        (State.DELETING, State.ABSENT, "", Goal.ABSENT, True, "its time was over, and it is gone"),
        (
            State.DELETING,
            State.ABSENT,
            "s1",
            Goal.ABSENT,
            True,
            "even if a notebook still names it",
        ),
        (State.READY, State.DELETING, "", Goal.ABSENT, False, "it isn't gone yet"),
        (State.READY, State.READY, "", Goal.PRESENT, False, "it is there"),
        (State.ABSENT, State.ABSENT, "s1", Goal.PRESENT, False, "it is still to be taken"),
        (State.ABSENT, State.ABSENT, "", Goal.PRESENT, True, "the notebook it was for runs again"),
        (State.ABSENT, State.ABSENT, "s2", Goal.PRESENT, True, "the notebook has another one"),
        (State.READY, State.BROKEN, "s1", Goal.PRESENT, False, "it can be seen, however it is"),
        (State.READY, State.FOREIGN, "s1", Goal.PRESENT, False, "people should read of it"),
    ],
)
def test_when_a_snapshot_leaves_the_record(
    before: State,
    after_look: State,
    notebook_has: str,
    goal: Goal,
    forgotten: bool,
    because: str,
) -> None:
    seen = snapshot(after_look)
    record = leaver(notebook(saved_in=notebook_has), seen)
    assert can_be_dropped(snapshot(before), seen, record, goal) is forgotten, because


def test_a_complete_snapshot_that_is_missing_was_deleted_by_somebody_else() -> None:
    """It is not taken again under its name: it would hold other data."""
    seen = snapshot(State.ABSENT)
    record = leaver(notebook(saved_in="s1"), seen)
    assert can_be_dropped(snapshot(State.READY, was_ready=True), seen, record, Goal.PRESENT)
    assert not can_be_dropped(snapshot(State.CREATING), seen, record, Goal.PRESENT)


def test_a_snapshot_in_progress_stays_in_the_record() -> None:
    seen = snapshot(State.ABSENT, step=Step.CREATE)
    assert not can_be_dropped(snapshot(), seen, leaver(notebook(), seen), Goal.ABSENT)


FORGOTTEN = (Kind.SNAPSHOT, Kind.DISK)


@pytest.mark.parametrize("kind", [k for k in Kind if k not in FORGOTTEN])
def test_only_snapshots_and_disks_leave_the_record(kind: Kind) -> None:
    gone = Resource(kind=kind, slot="s1", name="n")
    assert not can_be_dropped(gone, gone, leaver(gone), Goal.ABSENT)


@pytest.mark.parametrize(
    ("disk", "kept", "forgotten"),
    [
        (State.READY, State.READY, False),
        (State.READY, None, True),
        (State.READY, State.ABSENT, True),
        (State.ABSENT, State.READY, True),
    ],
)
def test_a_disk_leaves_the_record_when_it_or_its_snapshot_is_absent(
    disk: State, kept: State | None, forgotten: bool
) -> None:
    found = a_resource(kind=Kind.DISK, slot="found", name="d", state=disk, saved_in="s1")
    record = leaver(found) if kept is None else leaver(found, snapshot(kept))
    assert can_be_dropped(found, found, record, Goal.ABSENT) is forgotten


# Coming back


@pytest.mark.parametrize(
    ("snapshots", "newest"),
    [
        ((), ""),
        ((snapshot(slot="20260101-000000"),), "snapshots/20260101-000000"),
        (
            (snapshot(slot="20260301-000000"), snapshot(slot="20260101-000000")),
            "snapshots/20260301-000000",
        ),
        (
            (snapshot(State.CREATING, slot="20260301-000000"), snapshot(slot="20260101-000000")),
            "snapshots/20260101-000000",
        ),
        ((snapshot(State.BROKEN),), ""),
        ((snapshot(step=Step.DELETE),), ""),
    ],
    ids=["none", "one", "the newer one", "a complete one", "a broken one", "one on its way out"],
)
def test_a_return_restores_the_newest_complete_snapshot(
    snapshots: tuple[Resource, ...], newest: str
) -> None:
    record = a_record(notebook(State.ABSENT), *snapshots)
    assert newest_snapshot(record) == to_restore(record) == newest


def test_how_long_a_snapshot_is_kept_counts_from_when_it_is_complete() -> None:
    begun = a_resource(kind=Kind.SNAPSHOT, slot="s", name="s", expires_at=after(days=1))
    complete = replace(begun, state=State.READY)
    record = a_record(begun, keep_seconds=86400)
    kept = retained_since_complete(record, begun, complete, after(60))
    assert kept.retention.expires_at == after(60, days=1)
    assert retained_since_complete(record, complete, complete, after(99)) == complete
