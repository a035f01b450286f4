"""The kinds of resource, their states, the steps that change them, and their goals."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The kinds of resource."""

    WORKBENCH = "workbench"
    SESSION_TEMPLATE = "session-template"
    CLUSTER_TEMPLATE = "cluster-template"
    MANAGED_NOTEBOOK = "managed-notebook"  # Notebooks v1 runtimes, an older kind
    DATAPROC_HUB = "dataproc-hub"  # Notebooks v1 instances with the hub's container, an older kind
    SESSION = "session"  # all Spark sessions the person started from their templates
    CLUSTER = "cluster"  # all clusters the person started from their templates
    SNAPSHOT = "snapshot"  # of a notebook's data disk
    DISK = "disk"  # left behind by a deleted notebook: found by a search, never created

    @property
    def holds_data(self) -> bool:
        """Whether it is a notebook, which holds a person's work: stopped first, deleted last."""
        return self in _NOTEBOOKS

    @property
    def is_workload(self) -> bool:
        """Whether it stands for workloads: the person starts them, converge only ends them."""
        return self in _WORKLOADS


_NOTEBOOKS = (Kind.WORKBENCH, Kind.MANAGED_NOTEBOOK, Kind.DATAPROC_HUB)
_WORKLOADS = (Kind.SESSION, Kind.CLUSTER)
TEMPLATES = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)


class State(StrEnum):
    """The state of a resource as last observed.

    READY: a template that exists, a notebook that runs. A ``session`` or ``cluster`` stands for all
    of a person's together, and is READY if any of them runs.
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
    BROKEN = "broken"  # it exists, but can't be used
    FOREIGN = "foreign"  # the name belongs to a resource that is not ours

    @property
    def is_moving(self) -> bool:
        """Whether the cloud is changing it: until that ends, it can only be observed."""
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
    RESTORE = "restore"  # put a snapshot's data into a notebook
    PROTECT = "protect"  # set deletion protection
    UNPROTECT = "unprotect"  # lift deletion protection
    LABEL = "label"  # put our labels back after somebody removed them
    DELETE = "delete"

    @property
    def moving(self) -> State:
        """The state of a resource while the cloud carries out this step."""
        return _MOVING[self]

    @property
    def is_hidden(self) -> bool:
        """Whether the observed state doesn't show that the cloud is carrying out this step."""
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
    """Where a resource should be."""

    PRESENT = "present"
    STOPPED = "stopped"  # kept, but not running
    ABSENT = "absent"
    UNMANAGED = "unmanaged"  # not changed: started by the person, or kept by a hold
