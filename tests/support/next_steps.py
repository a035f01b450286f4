"""The next step of one resource, for tests that name only what they are about."""

from __future__ import annotations

from typing import Any

from shared.domain.commands.holds import Hold
from shared.domain.environment import Environment
from shared.domain.reconciliation.desired_state import Goal
from shared.domain.reconciliation.next_step import next_step
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Drift, Manifest
from shared.domain.resources.resource import Resource
from tests.support.builders import NOW, a_record
from tests.support.grouped_fields import a_resource, replace

UP, DOWN, GONE, STAY = Goal.PRESENT, Goal.STOPPED, Goal.ABSENT, Goal.UNMANAGED
NB, TEMPLATE, SNAPSHOT, SESSION = (
    Kind.WORKBENCH,
    Kind.CLUSTER_TEMPLATE,
    Kind.SNAPSHOT,
    Kind.SESSION,
)
HOLD = Hold(at=NOW, reason="a lawsuit", by="legal@example.com")
LABELS = Drift(in_place=("label team",))
MACHINE = Drift(at_rest=("machine type small -> large",))
DISK = Drift(never=("data disk GB 100 -> 200",))


def manifest(kind: Kind = NB, digest: str = "d1") -> Manifest:
    """What the profile asks for, in one of two zones."""
    return Manifest(
        kind=kind, slot="main", places=("zone-a/nb", "zone-b/nb"), body={}, digest=digest
    )


def thing(state: State, kind: Kind = NB, **more: Any) -> Resource:
    """A resource in that state, as the profile asks for it."""
    made = a_resource(kind=kind, slot="main", name="zone-a/nb", state=state, digest="d1")
    return replace(made, **more)


def step_of(
    resource: Resource,
    goal: Goal,
    *,
    wanted: Manifest | None = None,
    record: Environment | None = None,
    seen: bool = True,
    snapshot_seen: bool = True,
) -> Step | None:
    """The next step of ``resource`` towards ``goal``, in Ana's record or in ``record``."""
    environment = (record or a_record()).with_resource(resource)
    wanted = wanted or manifest(resource.kind)
    return next_step(
        environment, resource, goal, wanted, NOW, seen=seen, snapshot_seen=snapshot_seen
    )
