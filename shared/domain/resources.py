"""One thing a person has in the cloud: what it is, what we last saw of it, what is under way.

Three shapes are kept apart. A ``Want`` is what the profile says should be there; an
``Observation`` is what the cloud says is there; a ``Resource`` is our memory of it in the record.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from shared.domain.faults import Problem


class Kind(StrEnum):
    """The kinds of resource a profile can ask for."""

    WORKBENCH = "workbench"
    SESSION_TEMPLATE = "session-template"
    CLUSTER_TEMPLATE = "cluster-template"

    @property
    def holds_data(self) -> bool:
        """Whether a person's work lives in it: such a thing is stopped first, deleted late."""
        return self is Kind.WORKBENCH


class State(StrEnum):
    """What was last seen. A template that exists is READY; a notebook is READY when it runs."""

    ABSENT = "absent"
    CREATING = "creating"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    DELETING = "deleting"
    BROKEN = "broken"  # it exists, but in no state it can be used or brought back from
    FOREIGN = "foreign"  # something is there under our name that is not ours

    @property
    def is_moving(self) -> bool:
        """Whether the cloud is still at work on it, so that all we can do is look again."""
        return self in (State.CREATING, State.STOPPING, State.STARTING, State.DELETING)


class Step(StrEnum):
    """What converge can do to one resource."""

    CREATE = "create"
    UPDATE = "update"
    START = "start"
    STOP = "stop"
    DELETE = "delete"

    @property
    def moving(self) -> State:
        """What a resource is while the cloud carries this step out."""
        return _MOVING[self]


_MOVING = {
    Step.CREATE: State.CREATING,
    Step.UPDATE: State.READY,  # templates only, and at once
    Step.START: State.STARTING,
    Step.STOP: State.STOPPING,
    Step.DELETE: State.DELETING,
}


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as the profile asks for it.

    ``name`` is the full resource name in the first place to try; ``places`` are all of them in
    order (zones for a notebook, one entry for the rest), as the same full name in each.
    ``body`` is the API-shaped request body (or, for a cluster template, the parsed YAML).
    ``digest`` changes when the body does.
    """

    kind: Kind
    slot: str
    places: tuple[str, ...]
    body: dict[str, Any]
    digest: str

    @property
    def id(self) -> str:
        """``kind/slot``: unique within one person's environment."""
        return self.kind + "/" + self.slot


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud answered when asked about one resource.

    ``operation``: the long-running operation still at work, or ''. ``problem``: why the operation
    we had started came to nothing, or why we could not look (then ``state`` is None).
    ``link`` opens the notebook in a browser. ``detail`` says in words what
    is odd about what is there.
    """

    state: State | None
    operation: str = ""
    problem: Problem | None = None
    link: str = ""
    detail: str = ""


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """Our memory of one resource, as part of the record.

    ``under_way`` is saved *before* the call is made, so a crash leaves a trace: an intention with
    no ``operation`` means that we do not know whether the call got through, and must look.
    ``serial`` counts the steps that came to an end; with the step it makes the request id, so an
    uncertain call is repeated under the same id and a new step never is.
    ``was_ready``: it was seen in use since it was made. ``stillborn``: its creation ended in an
    error and left this behind, so nobody can ever have worked in it.
    ``look_at``: when to ask the cloud again. ``retry_at``: before when not to try the next step.
    """

    kind: Kind
    slot: str
    name: str
    state: State = State.ABSENT
    place: int = 0
    under_way: Step | None = None
    operation: str = ""
    since: datetime | None = None
    serial: int = 0
    attempts: int = 0
    look_at: datetime | None = None
    retry_at: datetime | None = None
    problem: Problem | None = None
    digest: str = ""
    was_ready: bool = False
    stillborn: bool = False
    link: str = ""

    @property
    def id(self) -> str:
        """``kind/slot``: unique within one person's environment."""
        return self.kind + "/" + self.slot
