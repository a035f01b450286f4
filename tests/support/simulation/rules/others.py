"""Changes made by others: deleted resources, removed labels, deletion protection."""

from __future__ import annotations

from shared.domain.resources.kinds import Kind, State
from tests.support.simulation.choices import Choices
from tests.support.simulation.rules.registry import rule
from tests.support.simulation.simulated import SimulatedLife

_LOOSE = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE, Kind.SNAPSHOT)


@rule(3)
def somebody_deletes_something(life: SimulatedLife, choices: Choices) -> None:
    """Somebody deletes a template or a snapshot; the next event creates a template again."""
    things = [t for t in life.world.cloud.alive() if t.kind in _LOOSE and t.key]
    things = [t for t in things if t.state is State.READY]
    if things:
        thing = choices.pick(things)
        life.say(f"somebody deletes {thing.kind} {thing.name.rpartition('/')[2]}")
        life.world.cloud.remove(thing, life.now, what="deleted_by_others")
        life.deleted_by_others[life.who(thing.key), thing.kind] = life.now
        life.changed_by_others(thing)


@rule(1)
def somebody_protects_a_notebook(life: SimulatedLife, choices: Choices) -> None:
    """Somebody sets deletion protection, which we must not lift. It is lifted at the end."""
    things = [t for t in life.notebooks() if not t.protected]
    if things:
        thing = choices.pick(things)
        life.say(f"somebody protects the notebook of {thing.email} against deletion")
        thing.protected = True
        life.protected_by_others.add(thing.name)
        life.changed_by_others(thing)


@rule(2)
def somebody_removes_labels(life: SimulatedLife, choices: Choices) -> None:
    """Somebody replaces all labels, as ``gcloud workbench instances update … --labels=…`` does."""
    things = [t for t in life.notebooks() if t.labelled]
    if things:
        thing = choices.pick(things)
        life.say(f"somebody replaces all labels of the notebook of {thing.email}")
        thing.labelled = False
        thing.body = {**thing.body, "labels": {"team": "core"}}
        life.unlabelled[thing.name] = life.now
        life.changed_by_others(thing)


@rule(1)
def somebody_deletes_a_notebook(life: SimulatedLife, choices: Choices) -> None:
    """Somebody deletes a notebook with its disks."""
    things = life.notebooks()
    if things:
        thing = choices.pick(things)
        life.say(f"somebody deletes the notebook of {thing.email}")
        life.world.cloud.remove(thing, life.now, what="deleted_by_others")
        life.deleted_by_others[life.who(thing.key), thing.kind] = life.now
        life.changed_by_others(thing)
