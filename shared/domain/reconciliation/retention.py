"""Which snapshots are taken before a notebook is deleted, how long they are kept, and which one is
restored into a new notebook. Pure.

A snapshot is a resource of the record: created, observed, and deleted when it has expired. If the
terms ask for a snapshot, the notebook is not deleted before it is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.manifests.snapshot import data_disk, snapshot_manifest, snapshot_name
from shared.domain.reconciliation.desired_state import Goal
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.replacement import holds_work, must_be_replaced
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Backoff, Data, Resource, Retention

# How long the snapshot of a replaced notebook is kept if the profile asks for no snapshots.
KEEP_AFTER_REPLACEMENT = timedelta(days=30)

# If the deletion does not follow its snapshot within this time (it was rejected, or a hold came in
# between), another snapshot is taken: somebody may have worked in the notebook between two
# observations.
_DELETE_WITHIN = timedelta(hours=1)


def must_be_saved(environment: Environment, notebook: Resource) -> bool:
    """Whether a notebook, or the disk of one, may be deleted only if its data is in a snapshot."""
    if notebook.kind is Kind.DISK:
        return bool(notebook.data.saved_in)
    if notebook.kind is not Kind.WORKBENCH or not holds_work(notebook):
        return False
    return environment.terms.keep_seconds > 0 or _is_replaced(environment, notebook)


def _is_replaced(environment: Environment, notebook: Resource) -> bool:
    """Whether it has, or will have, a successor that needs its data."""
    stays = notebook.superseded and not environment.leaving
    return stays or must_be_replaced(environment, notebook)


def is_saved(environment: Environment, notebook: Resource) -> bool:
    """Whether a complete snapshot holds the data as it is now."""
    snapshot = environment.resource(f"{Kind.SNAPSHOT}/{notebook.data.saved_in}")
    return snapshot is not None and snapshot.state is State.READY


def with_snapshots(draft: Draft, goals: Mapping[str, Goal]) -> None:
    """Add a snapshot to the record for each notebook that needs one before its deletion."""
    now = draft.now
    for notebook in draft.record.resources:
        if _has_lost_its_disk(draft.record, notebook):
            draft.put(notebook, replace(notebook, observe_at=now))
        if not _needs_snapshot(draft.record, notebook, goals.get(notebook.id), now):
            continue
        slot = f"{now:%Y%m%d-%H%M%S}"
        if draft.record.resource(f"{Kind.SNAPSHOT}/{slot}") is not None:
            continue  # a snapshot of the same second has this name: try again at the next run
        snapshot = Resource(
            kind=Kind.SNAPSHOT,
            slot=slot,
            name=snapshot_name(notebook.name, draft.record.key, slot),
            retention=Retention(source=notebook.name, expires_at=now + _keep(draft.record)),
            data=Data(handed_over=notebook.data.handed_over),
        )
        draft.put(notebook, replace(notebook, data=replace(notebook.data, saved_in=slot)))
        draft.record = draft.record.with_resource(snapshot)


def _has_lost_its_disk(environment: Environment, notebook: Resource) -> bool:
    """Whether its snapshot failed because the disk is gone: the notebook may be gone, too."""
    if not notebook.kind.holds_data or not notebook.data.saved_in:
        return False
    snapshot = environment.resource(f"{Kind.SNAPSHOT}/{notebook.data.saved_in}")
    problem = snapshot.backoff.problem if snapshot is not None else None
    return problem is not None and problem.code == "NOT_FOUND"


def _needs_snapshot(
    environment: Environment, notebook: Resource, goal: Goal | None, now: datetime
) -> bool:
    if notebook.kind is not Kind.WORKBENCH:
        return False
    replaced = _is_replaced(environment, notebook)
    for_successor = replaced and not notebook.data.handed_over
    if goal is not Goal.ABSENT and not (goal is Goal.STOPPED and for_successor):
        return False
    at_rest = notebook.state in (State.STOPPED, State.BROKEN) and notebook.in_flight is None
    if not at_rest or not must_be_saved(environment, notebook):
        return False
    snapshot = environment.resource(f"{Kind.SNAPSHOT}/{notebook.data.saved_in}")
    if snapshot is None:
        return True
    waits = notebook.backoff.retry_at is not None and notebook.backoff.retry_at > now
    if for_successor or waits or notebook.may_still(Step.DELETE):
        return False
    complete_at = snapshot.usage.ready_since if snapshot.state is State.READY else None
    return complete_at is not None and now - complete_at > _DELETE_WITHIN


def snapshot_manifests(environment: Environment) -> dict[str, Manifest]:
    """The manifests of the snapshots in the record that don't exist yet, by resource id."""
    return {
        r.id: snapshot_manifest(environment, r)
        for r in environment.resources
        if r.kind is Kind.SNAPSHOT and r.state is State.ABSENT
    }


def retained_since_complete(
    environment: Environment, before: Resource, after: Resource, now: datetime
) -> Resource:
    """``after``; the time for which a snapshot is kept starts when it is complete."""
    complete = after.state is State.READY and before.state is not State.READY
    if after.kind is not Kind.SNAPSHOT or not complete or after.retention.expires_at is None:
        return after
    return replace(
        after,
        retention=replace(
            after.retention, expires_at=max(after.retention.expires_at, now + _keep(environment))
        ),
    )


def _keep(environment: Environment) -> timedelta:
    return timedelta(seconds=environment.terms.keep_seconds) or KEEP_AFTER_REPLACEMENT


def can_be_dropped(before: Resource, after: Resource, environment: Environment, goal: Goal) -> bool:
    """Whether a snapshot that doesn't exist can be dropped from the record.

    It expired and was deleted; or somebody else deleted it after it was complete; or it was never
    created, because its notebook runs again. A disk is dropped if it, or its snapshot, is gone.
    """
    if after.kind is Kind.DISK:
        relied_on = environment.resource(f"{Kind.SNAPSHOT}/{after.data.saved_in}")
        lost = bool(after.data.saved_in) and (relied_on is None or relied_on.state is State.ABSENT)
        return after.in_flight is None and (after.state is State.ABSENT or lost)
    if after.kind is not Kind.SNAPSHOT or after.in_flight is not None:
        return False
    if after.state is not State.ABSENT:
        return False
    if goal is not Goal.PRESENT or before.usage.was_ready:
        return True
    return all(r.data.saved_in != after.slot for r in environment.resources)


def with_source_to_check(
    environment: Environment, notebook: Resource, now: datetime
) -> tuple[Environment, Resource]:
    """Observe the snapshot after a restore failed with "not found": another thing may be missing.

    A snapshot that is no longer in the record can't be observed; then the notebook is used without
    its data.
    """
    if notebook.backoff.problem is None or notebook.backoff.problem.code != "NOT_FOUND":
        return environment, notebook
    for snapshot in environment.resources:
        if snapshot.name == notebook.data.restore_from:
            return environment.with_resource(replace(snapshot, observe_at=now)), notebook
    without = replace(notebook, data=replace(notebook.data, restore_from=""))
    return environment, without.to_observe(now)


def without_source(environment: Environment, snapshot: Resource, now: datetime) -> Environment:
    """The record in which no notebook is to be restored from ``snapshot``, which is gone."""
    for notebook in environment.resources:
        if snapshot.kind is Kind.SNAPSHOT and notebook.data.restore_from == snapshot.name:
            freed = replace(
                notebook,
                data=replace(notebook.data, restore_from=""),
                backoff=Backoff(),
                observe_at=now,
            )
            environment = environment.with_resource(freed)
    return environment


def lost_work(environment: Environment, before: Resource, after: Resource) -> str:
    """Which of the person's work somebody else deleted, in words; '' if none."""
    if (
        before.data.restore_from
        and not after.data.restore_from
        and after.backoff.problem is not None
    ):
        return (
            f"{before.data.restore_from}, which was to be restored, no longer exists: "
            f"{after.name} starts without its data"
        )
    ours = before.step in (Step.DELETE, Step.CREATE) or before.may_still(Step.DELETE)
    if after.state is not State.ABSENT or not before.usage.was_ready or ours:
        return ""
    if before.kind is Kind.WORKBENCH:
        return _lost_notebook(environment, before)
    if before.kind is Kind.SNAPSHOT:
        awaited = any(r.data.restore_from == before.name for r in environment.resources)
        without = ", before its data was restored" if awaited else ""
        return f"the snapshot {before.name} was deleted by somebody else{without}"
    return ""


def _lost_notebook(environment: Environment, notebook: Resource) -> str:
    text = f"{notebook.name} was deleted by somebody else"
    if is_saved(environment, notebook):
        return f"{text}; its data is in a snapshot"
    newest = newest_snapshot(environment)
    if not newest:
        return f"{text}; all work in it is lost, since there is no snapshot"
    return f"{text}; work since the snapshot {newest} is lost"


def to_restore(environment: Environment) -> str:
    """The full name of the snapshot to restore into a new notebook, or ''."""
    return newest_snapshot(environment)


def snapshot_of_disk(environment: Environment, disk: str) -> Resource | None:
    """The newest complete snapshot of the data disk called ``disk``, if the record has one."""
    complete = [
        r
        for r in environment.resources
        if r.kind is Kind.SNAPSHOT
        and r.state is State.READY
        and data_disk(r.retention.source) == disk
    ]
    return max(complete, key=lambda r: r.slot, default=None)


def newest_snapshot(environment: Environment) -> str:
    """The full name of the newest complete snapshot of the record, or ''.

    One of a superseded notebook whose data was handed over counts only if there is no other.
    """
    complete = [
        r
        for r in environment.resources
        if r.kind is Kind.SNAPSHOT and r.state is State.READY and r.in_flight is None
    ]
    newest = max(complete, key=lambda r: (not r.data.handed_over, r.slot), default=None)
    return newest.name if newest is not None else ""


def size_to_restore(environment: Environment, notebook: Resource, snapshot: str) -> int:
    """The disk size in GB that ``snapshot`` (its full name) needs; 0 if that isn't known."""
    own = next((r for r in environment.resources if r.name == snapshot), None)
    return own.size_gb if own is not None else notebook.size_gb
