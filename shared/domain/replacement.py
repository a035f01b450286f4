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

from shared.domain.environment import Entry, Environment
from shared.domain.resources import Kind, Resource, State, Want

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
    return not (notebook.stillborn or notebook.unused or notebook.restore_from)


def awaits_data(environment: Environment, notebook: Resource) -> bool:
    """Whether the data of one that it replaces is still to come."""
    return not notebook.superseded and any(
        other.kind is notebook.kind and other.slot == notebook.slot and is_source(other)
        for other in environment.resources
    )


def is_source(notebook: Resource) -> bool:
    """Whether a successor still has to get the data of this one."""
    return notebook.superseded and not notebook.handed_over and notebook.kind is Kind.WORKBENCH


def is_replacing(environment: Environment) -> bool:
    """Whether the person has to wait for a successor, or for its data."""
    return any(must_be_replaced(environment, r) or is_source(r) for r in environment.resources)


def may_go(environment: Environment, superseded: Resource) -> bool:
    """Whether a superseded notebook is needed no more: its successor is usable with its data."""
    if not holds_work(superseded):
        return True
    successor = environment.notebook
    if not superseded.handed_over or successor is None:
        return False
    usable = successor.state in (State.READY, State.STOPPED) and successor.was_ready
    return usable and not successor.restore_from and successor.under_way is None


def with_successors(
    environment: Environment, wants: Collection[Want] | None, now: datetime
) -> tuple[Environment, list[Entry]]:
    """The record with a successor for each notebook that is ready to be replaced."""
    entries: list[Entry] = []
    environment = _with_sources(environment, now)
    for notebook in environment.resources:
        want = next((w for w in wants or () if w.id == notebook.id), None)
        if want is None or not _can_be_superseded(environment, notebook):
            continue
        foreign = notebook.state is State.FOREIGN
        generation = next_generation(environment, notebook)
        environment = environment.without(notebook.id)
        successor = Resource(
            kind=notebook.kind,
            slot=notebook.slot,
            name=of_generation(want, generation).places[0],
            generation=generation,
        )
        environment = environment.with_resource(successor)
        if not foreign:
            environment = environment.with_resource(_superseded(notebook, now))
        why = "an admin wants it made anew" if notebook.recreate else "its owner's address changed"
        text = f"{notebook.name} is replaced by {successor.name.rpartition('/')[2]}: {why}"
        entries.append(Entry(at=now, action="notebook.replaced", text=text, about=notebook.id))
    return _with_sources(environment, now), entries


def handed_over(environment: Environment, snapshot: str) -> Environment:
    """The record after the data of ``snapshot`` (its full name) was restored into a successor."""
    for notebook in environment.resources:
        if (
            is_source(notebook)
            and snapshot
            and _complete_snapshot(environment, notebook) == snapshot
        ):
            environment = environment.with_resource(replace(notebook, handed_over=True))
    return environment


def next_generation(environment: Environment, resource: Resource) -> int:
    """The number of the next one of its kind and slot."""
    same = [
        r.generation
        for r in environment.resources
        if (r.kind, r.slot) == (resource.kind, resource.slot)
    ]
    return max([*same, resource.generation]) + 1


def of_generation(want: Want, generation: int) -> Want:
    """``want`` under the names of that generation; the first one's have no number."""
    if generation == 1 or want.kind is not Kind.WORKBENCH:
        return want
    return replace(want, places=tuple(f"{place}-g{generation}" for place in want.places))


def _can_be_superseded(environment: Environment, notebook: Resource) -> bool:
    if not must_be_replaced(environment, notebook):
        return False
    if notebook.under_way is not None or notebook.unconfirmed:
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
        recreate=False,
        start_owed=False,
        handed_over=not holds_work(notebook),
        queued_at=None,
        ask_at=None,
        look_at=now,
    )


def _with_sources(environment: Environment, now: datetime) -> Environment:
    """The record whose successors know what to restore, without what is over."""
    for notebook in environment.resources:
        if not notebook.superseded or notebook.kind is not Kind.WORKBENCH:
            continue
        snapshot = _complete_snapshot(environment, notebook)
        successor = environment.notebook
        waits = successor is not None and successor.under_way is None
        if is_source(notebook) and snapshot and successor is not None and waits:
            environment = _to_restore(environment, successor, snapshot, now)
        gone = notebook.state in (State.ABSENT, State.FOREIGN)
        if gone and notebook.under_way is None and not notebook.unconfirmed:
            environment = environment.without(notebook.id)
    return environment


def _to_restore(
    environment: Environment, successor: Resource, snapshot: str, now: datetime
) -> Environment:
    if successor.restore_from == snapshot:
        return environment
    look_at = None if successor.state is State.ABSENT else now
    source = next(r for r in environment.resources if r.name == snapshot)
    successor = replace(successor, restore_from=snapshot, size_gb=source.size_gb, look_at=look_at)
    return environment.with_resource(successor)


def _complete_snapshot(environment: Environment, notebook: Resource) -> str:
    """The full name of the snapshot of its data as it is now; '' unless complete."""
    snapshot = environment.resource(f"{Kind.SNAPSHOT}/{notebook.snapshot}")
    complete = snapshot is not None and snapshot.state is State.READY
    return snapshot.name if snapshot is not None and complete else ""
