"""Replaces a notebook that can't be changed in place by a successor with the same data. Pure.

Reasons are a new address of its owner, or an admin's ``recreate``. The notebook is stopped and a
snapshot is taken; then it is *superseded* and stays in the record beside its successor, the next
generation of the same kind and slot. It is deleted when the successor has the data and can be used.
The record shows each stage, so that a replacement may be interrupted anywhere.
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
    """Whether ``notebook`` has to get a successor; a leaver's notebooks are not replaced."""
    if notebook.kind is not Kind.WORKBENCH or notebook.superseded or environment.leaving:
        return False
    if notebook.state is State.ABSENT and not notebook.unconfirmed:
        return False  # it will be created as it should be now
    if notebook.recreate:
        return True
    if notebook.state is State.FOREIGN:
        # Somebody else's has the name. As the successor of another one it gets another name.
        return any(r.superseded and r.slot == notebook.slot for r in environment.resources)
    return bool(notebook.owner) and notebook.owner != environment.person.email


def holds_work(notebook: Resource) -> bool:
    """Whether its owner may have worked in it; they can't before its data is restored."""
    return not notebook.creation.failed and not notebook.data.restore_from


def awaits_data(environment: Environment, notebook: Resource) -> bool:
    """Whether it still lacks the data of a notebook that it replaces."""
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
        and (notebook.state is State.READY or _is_updated_while_running(notebook))
        and notebook.goal in (None, Goal.PRESENT)
        and not must_be_replaced(environment, notebook)
    )
    to_restore = (
        bool(notebook.data.restore_from)
        or notebook.may_still(Step.RESTORE)
        or awaits_data(environment, notebook)
    )
    return notebook.access.link or None if usable and not to_restore else None


def _is_updated_while_running(notebook: Resource) -> bool:
    """Whether it is being updated, and was not stopped by us for that."""
    return notebook.state is State.UPDATING and not notebook.access.start_owed


def is_source(notebook: Resource) -> bool:
    """Whether it is superseded and its successor does not have its data yet."""
    return notebook.superseded and not notebook.data.handed_over and notebook.kind is Kind.WORKBENCH


def is_replacing(environment: Environment, wanted: Collection[str] | None = None) -> bool:
    """Whether a replacement has not ended: a successor, or its data, is missing.

    ``wanted``: the ids of what the profile asks for; None if that isn't known.
    """
    return any(
        (must_be_replaced(environment, r) or is_source(r))
        and (wanted is None or f"{r.kind}/{r.slot}" in wanted)
        for r in environment.resources
    )


def may_go(environment: Environment, superseded: Resource) -> bool:
    """Whether a superseded notebook may be deleted: its successor is usable and has its data."""
    if not holds_work(superseded):
        return True
    successor = environment.notebook
    if not superseded.data.handed_over or successor is None:
        return False
    usable = successor.state in (State.READY, State.STOPPED) and successor.usage.was_ready
    return usable and not successor.data.restore_from and successor.in_flight is None


def with_successors(draft: Draft, manifests: Collection[Manifest] | None) -> None:
    """Add a successor to the record for each notebook that is ready to be replaced."""
    draft.record = _with_sources(draft.record, draft.now)
    for notebook in draft.record.resources:
        if not _can_be_superseded(draft.record, notebook):
            continue
        manifest = next((w for w in manifests or () if w.id == notebook.id), None)
        if manifest is None:
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
    """The record after ``snapshot`` (its full name) was restored into a successor."""
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
    """The generation of the next resource of this kind and slot."""
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
        # Without work it is deleted and created again, unless a hold forbids that.
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
    """The record with the snapshot to restore in each successor, without deleted predecessors."""
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
    source = next(r for r in environment.resources if r.name == snapshot)
    successor = replace(
        successor,
        data=replace(successor.data, restore_from=snapshot),
        size_gb=source.size_gb,
        observe_at=successor.observe_at if successor.state is State.ABSENT else now,
    )
    return environment.with_resource(successor)


def _complete_snapshot(environment: Environment, notebook: Resource) -> str:
    """The full name of the snapshot of its data as it is now; '' if there is no complete one."""
    snapshot = environment.resource(f"{Kind.SNAPSHOT}/{notebook.data.saved_in}")
    complete = snapshot is not None and snapshot.state is State.READY
    return snapshot.name if snapshot is not None and complete else ""
