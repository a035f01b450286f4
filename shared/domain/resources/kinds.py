"""The kinds of resource, their states, the steps that change them, and where they should get to."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The kinds of resource: what a profile asks for, what people make of it, what is kept."""

    WORKBENCH = "workbench"
    SESSION_TEMPLATE = "session-template"
    CLUSTER_TEMPLATE = "cluster-template"
    MANAGED_NOTEBOOK = "managed-notebook"  # Notebooks v1 runtimes, an older kind
    DATAPROC_HUB = "dataproc-hub"  # Notebooks v1 instances with the hub's container, likewise
    SESSION = "session"  # all Spark sessions the person started from their templates
    CLUSTER = "cluster"  # all clusters the person started from their templates
    SNAPSHOT = "snapshot"  # of a notebook's data disk
    DISK = "disk"  # left behind by a deleted notebook: never wanted, only found

    @property
    def holds_data(self) -> bool:
        """Whether a person's work lives in it: such a thing is stopped first, deleted late."""
        return self in _NOTEBOOKS

    @property
    def is_workload(self) -> bool:
        """Whether it is what the person made of their templates: found by looking, never made."""
        return self in _USES


_NOTEBOOKS = (Kind.WORKBENCH, Kind.MANAGED_NOTEBOOK, Kind.DATAPROC_HUB)
_USES = (Kind.SESSION, Kind.CLUSTER)


class State(StrEnum):
    """What was last seen. A template that exists is READY; a notebook is READY when it runs.

    For ``session`` and ``cluster``, which are all of a person's at once: READY when some run.
    """

    ABSENT = "absent"
    CREATING = "creating"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    UPDATING = "updating"
    RESTORING = "restoring"
    DELETING = "deleting"
    BROKEN = "broken"  # it exists, but in no state it can be used or brought back from
    FOREIGN = "foreign"  # something is there under our name that is not ours

    @property
    def is_moving(self) -> bool:
        """Whether the cloud is still at work on it, so that all we can do is look again."""
        return self in _MOVES


_MOVES = (
    State.CREATING,
    State.STOPPING,
    State.STARTING,
    State.UPDATING,
    State.RESTORING,
    State.DELETING,
)


class Step(StrEnum):
    """What converge can do to one resource."""

    CREATE = "create"
    UPDATE = "update"
    START = "start"
    STOP = "stop"
    RESTORE = "restore"  # a snapshot's data into a notebook
    PROTECT = "protect"  # against deletion, by whomever
    UNPROTECT = "unprotect"
    LABEL = "label"  # put our labels back after somebody removed them
    DELETE = "delete"

    @property
    def moving(self) -> State:
        """What a resource is while the cloud carries this step out."""
        return _MOVING[self]

    @property
    def is_hidden(self) -> bool:
        """Whether a resource looks as before while the cloud carries this step out."""
        return self in _HIDDEN


_HIDDEN = (Step.UPDATE, Step.RESTORE, Step.PROTECT, Step.UNPROTECT, Step.LABEL)
_MOVING = {
    Step.CREATE: State.CREATING,
    Step.UPDATE: State.UPDATING,
    Step.START: State.STARTING,
    Step.STOP: State.STOPPING,
    Step.RESTORE: State.RESTORING,
    Step.PROTECT: State.UPDATING,
    Step.UNPROTECT: State.UPDATING,
    Step.LABEL: State.UPDATING,
    Step.DELETE: State.DELETING,
}


class Goal(StrEnum):
    """Where one resource should get to."""

    PRESENT = "present"
    STOPPED = "stopped"  # kept, but not running
    ABSENT = "absent"
    UNMANAGED = "unmanaged"  # left alone: the person's own to start and end, or kept by a hold
