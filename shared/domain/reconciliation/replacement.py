"""Replaces a notebook that can't be changed in place by a successor with the same data. Pure.

A notebook is replaced when its owner's address has changed, or when an admin says so. It is
stopped, a snapshot of its data is taken, and then it is *superseded*: it stays in the record
beside its successor, another generation of the same kind and slot. The successor is made from the
profile, gets the data of the snapshot, and only when that is done and it can be used is the
superseded one deleted. Every stage can be read off the record, so any of them may be interrupted.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.manifests.workbench import named_as, successor_id
from shared.domain.reconciliation.changes import NotebookReplaced
from shared.domain.reconciliation.draft import Draft
from shared.domain.resources.kinds import Goal, Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Resource

_AT_REST = (State.STOPPED, State.BROKEN)


def must_be_replaced(environment: Environment, notebook: Resource) -> bool:
    """Whether ``notebook`` is to get a successor; of a leaver nothing is replaced."""
    if notebook.kind is not Kind.WORKBENCH or notebook.superseded or environment.leaving:
        return False
    if notebook.state is State.ABSENT and not notebook.unconfirmed:
        return False  # it is made anew anyway, as it should be now
    if notebook.recreate:
        return True
    if notebook.state is State.FOREIGN:
        return False
    return bool(notebook.owner) and notebook.owner != environment.person.email


def holds_work(notebook: Resource) -> bool:
    """Whether its owner may have worked in it; nobody is told of one before its data is there."""
    return not notebook.creation.failed and not notebook.data.restore_from


def awaits_data(environment: Environment, notebook: Resource) -> bool:
    """Whether the data of one that it replaces is still to come."""
    if notebook.superseded or notebook.kind is not Kind.WORKBENCH:
        return False
    return any(is_source(r) and r.slot == notebook.slot for r in environment.resources)


def usable_link(environment: Environment, notebook: Resource) -> str | None:
    """The URL of ``notebook``; None unless its owner may work in it now.

    Not while data is still to come into it (the restore would overwrite what they write), nor when
    it is about to be stopped, deleted or replaced.
    """
    usable = (
        not environment.leaving
        and not notebook.superseded
        and notebook.state in (State.READY, State.UPDATING)
        and notebook.goal in (None, Goal.PRESENT)
        and not must_be_replaced(environment, notebook)
    )
    to_restore = (
        bool(notebook.data.restore_from)
        or notebook.may_still(Step.RESTORE)
        or awaits_data(environment, notebook)
    )
    return notebook.access.link or None if usable and not to_restore else None


def is_source(notebook: Resource) -> bool:
    """Whether a successor still has to get the data of this one."""
    return notebook.superseded and not notebook.data.handed_over and notebook.kind is Kind.WORKBENCH


def is_replacing(environment: Environment, wanted: Collection[str] | None = None) -> bool:
    """Whether the person has to wait for a successor, or for its data.

    ``wanted``: the ids of what the profile asks for, None where that isn't known.
    """
    return any(
        (must_be_replaced(environment, r) or is_source(r))
        and (wanted is None or f"{r.kind}/{r.slot}" in wanted)
        for r in environment.resources
    )


def may_go(environment: Environment, superseded: Resource) -> bool:
    """Whether a superseded notebook is needed no more: its successor is usable with its data."""
    if not holds_work(superseded):
        return True
    successor = environment.notebook
    if not superseded.data.handed_over or successor is None:
        return False
    usable = successor.state in (State.READY, State.STOPPED) and successor.usage.was_ready
    return usable and not successor.data.restore_from and successor.in_flight is None


def with_successors(draft: Draft, manifests: Collection[Manifest] | None) -> None:
    """Begin a successor for each notebook that is ready to be replaced."""
    draft.record = _with_sources(draft.record, draft.now)
    for notebook in draft.record.resources:
        manifest = next((w for w in manifests or () if w.id == notebook.id), None)
        if manifest is None or not _can_be_superseded(draft.record, notebook):
            continue
        generation = next_generation(draft.record, notebook)
        own_id = successor_id(draft.record.key, notebook.name, generation, draft.now)
        successor = Resource(
            kind=notebook.kind,
            slot=notebook.slot,
            name=named_as(manifest, own_id).places[0],
            generation=generation,
        )
        draft.record = draft.record.without(notebook.id).with_resource(successor)
        if notebook.state is not State.FOREIGN:
            draft.record = draft.record.with_resource(_superseded(notebook, draft.now))
        why = "an admin ordered recreate" if notebook.recreate else "its owner's address changed"
        text = f"{notebook.name} is replaced by {own_id}: {why}"
        draft.note(NotebookReplaced(notebook.id, text))
    draft.record = _with_sources(draft.record, draft.now)


def handed_over(environment: Environment, snapshot: str) -> Environment:
    """The record after the data of ``snapshot`` (its full name) was restored into a successor."""
    for notebook in environment.resources:
        if (
            is_source(notebook)
            and snapshot
            and _complete_snapshot(environment, notebook) == snapshot
        ):
            environment = environment.with_resource(
                replace(notebook, data=replace(notebook.data, handed_over=True))
            )
    return environment


def next_generation(environment: Environment, resource: Resource) -> int:
    """The number of the next one of its kind and slot."""
    same = [
        r.generation
        for r in environment.resources
        if (r.kind, r.slot) == (resource.kind, resource.slot)
    ]
    return max([*same, resource.generation]) + 1


def _can_be_superseded(environment: Environment, notebook: Resource) -> bool:
    if not must_be_replaced(environment, notebook):
        return False
    if notebook.in_flight is not None or notebook.unconfirmed:
        return False
    if notebook.state is State.FOREIGN:
        return True
    if notebook.state not in _AT_REST:
        return False
    if not holds_work(notebook):
        # It is deleted rather, and made again; unless a hold keeps it.
        return environment.held is not None
    return bool(_complete_snapshot(environment, notebook))


def _superseded(notebook: Resource, now: datetime) -> Resource:
    return replace(
        notebook,
        superseded=True,
        access=replace(notebook.access, start_owed=False, consent_check_at=None),
        data=replace(notebook.data, handed_over=not holds_work(notebook)),
        recreate=False,
        creation=replace(notebook.creation, queued_at=None),
        observe_at=now,
    )


def _with_sources(environment: Environment, now: datetime) -> Environment:
    """The record whose successors know what to restore, without what is over."""
    for notebook in environment.resources:
        if not notebook.superseded or notebook.kind is not Kind.WORKBENCH:
            continue
        snapshot = _complete_snapshot(environment, notebook)
        successor = environment.notebook
        waits = successor is not None and successor.in_flight is None
        if is_source(notebook) and snapshot and successor is not None and waits:
            environment = _to_restore(environment, successor, snapshot, now)
        gone = notebook.state in (State.ABSENT, State.FOREIGN)
        if gone and notebook.in_flight is None and not notebook.unconfirmed:
            environment = environment.without(notebook.id)
    return environment


def _to_restore(
    environment: Environment, successor: Resource, snapshot: str, now: datetime
) -> Environment:
    if successor.data.restore_from == snapshot:
        return environment
    look_at = None if successor.state is State.ABSENT else now
    source = next(r for r in environment.resources if r.name == snapshot)
    successor = replace(
        successor,
        data=replace(successor.data, restore_from=snapshot),
        size_gb=source.size_gb,
        observe_at=look_at,
    )
    return environment.with_resource(successor)


def _complete_snapshot(environment: Environment, notebook: Resource) -> str:
    """The full name of the snapshot of its data as it is now; '' unless complete."""
    snapshot = environment.resource(f"{Kind.SNAPSHOT}/{notebook.data.saved_in}")
    complete = snapshot is not None and snapshot.state is State.READY
    return snapshot.name if snapshot is not None and complete else ""
