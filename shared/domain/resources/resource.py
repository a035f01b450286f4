"""One resource of a person in the record: what was last observed, what is in progress.

A ``Manifest`` is what the profile asks for, an ``Observation`` is what the cloud reported, and a
``Resource`` is what the record knows about it.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from shared.domain.faults import Problem
from shared.domain.resources.kinds import Goal, Kind, State, Step
from shared.domain.resources.manifest import Drift
from shared.domain.resources.observation import Item


class LostCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose answer was lost: the cloud may still carry it out until ``until``."""

    step: Step
    until: datetime


class InFlight(msgspec.Struct, frozen=True, kw_only=True):
    """A step of ours in progress: since when, and as which long-running operation.

    It is saved before the call, in case of a crash: without an ``operation``, it isn't known
    whether the call was made, so the resource is observed first.
    """

    step: Step
    since: datetime
    operation: str = ""


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How often a resource failed in a row, why, and when to try again."""

    failures: int = 0
    retry_at: datetime | None = None
    problem: Problem | None = None


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a resource's creation.

    ``tried``: the places that had no capacity, since the first place was tried.
    ``queued_at``: since when it waits for its turn. ``failed``: the creation failed and left a
    broken resource, in which nobody can have worked.
    """

    tried: tuple[str, ...] = ()
    queued_at: datetime | None = None
    failed: bool = False


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody may have used a resource.

    ``was_ready``: it was observed as usable since it was created; ``ready_since``: when first.
    """

    was_ready: bool = False
    ready_since: datetime | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a resource compares with its manifest.

    ``digest``: of the manifest that it was last found to match, or was updated to; '': compare
    again. ``written``: the labels, metadata and tags that we set on it (``manifests.written``).
    ``drift``: the differences last observed; None if it was not compared. ``fingerprint``: of the
    resource as it was last observed, whatever the manifest; '': not known.
    """

    digest: str = ""
    written: tuple[str, ...] = ()
    drift: Drift | None = None
    fingerprint: str = ""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How the owner of a notebook can use it.

    ``link``: opens it while it runs. ``consented``: whether its owner has opened it and consented;
    None if that isn't known. ``consent_check_at``: when to check that again.
    ``start_owed``: it must be started if its goal is *present*; False if its owner or idle shutdown
    has stopped it.
    """

    link: str = ""
    consented: bool | None = None
    consent_check_at: datetime | None = None
    start_owed: bool = False


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a notebook, or of a disk that a notebook left behind.

    ``restore_from``: the snapshot (full name) that is still to be restored into it. ``saved_in``:
    the slot of the snapshot that holds its data as it is now; '' once it has run again.
    ``handed_over``: of a superseded notebook: its successor has the data it is to have; of a
    snapshot: it was taken of such a notebook. ``protected``: deletion
    protection was on when last observed; ``protected_by_us``: we set it, for a hold.
    """

    restore_from: str = ""
    saved_in: str = ""
    handed_over: bool = False
    protected: bool = False
    protected_by_us: bool = False


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """From which notebook (full name) a snapshot was taken, and when it may be deleted."""

    source: str = ""
    expires_at: datetime | None = None


class Workloads(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions or clusters of a person as last observed, and how many others there were."""

    items: tuple[Item, ...] = ()
    more: int = 0


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """What the record knows about one resource.

    ``generation``: counts the resources of one kind and slot that replaced one another; from the
    second on, a notebook's name is made with it. ``superseded``: it has a successor
    (``replacement``). ``recreate``: an admin ordered that it be replaced. ``owner``: the address
    for which it was created, '' before that. ``key``: the key in its labels, if not the record's.
    ``goal``: where it should be, as last decided; None before that. ``labelled``: whether it had
    our labels when last observed.
    ``serial``: counts the steps that ended. The request id is made from it and the step, so that an
    uncertain call is repeated under the same id, and every new step has a new one.
    ``unconfirmed``: calls whose answer was lost. Until they can no longer be carried out and the
    resource was observed after that, no step that contradicts them starts and nothing is settled.
    ``observe_at``: when to observe it again. ``moving_since``: since when it has been in a
    transitional state, or running without a link, without a step of ours in progress.
    ``timed_out``: that, or its creation, took too long and is no longer waited for.
    ``size_gb``: the disk size that a snapshot, or the data to restore into a notebook, needs; 0:
    not known.
    """

    kind: Kind
    slot: str
    name: str
    generation: int = 1
    superseded: bool = False
    recreate: bool = False
    owner: str = ""
    key: str = ""
    state: State = State.ABSENT
    goal: Goal | None = None
    labelled: bool = True
    in_flight: InFlight | None = None
    serial: int = 0
    unconfirmed: tuple[LostCall, ...] = ()
    backoff: Backoff = Backoff()
    observe_at: datetime | None = None
    moving_since: datetime | None = None
    timed_out: bool = False
    creation: Creation = Creation()
    usage: Usage = Usage()
    settings: Settings = Settings()
    size_gb: int = 0
    access: Access = Access()
    data: Data = Data()
    retention: Retention = Retention()
    workload: Workloads = Workloads()

    def to_observe(self, at: datetime | None) -> Resource:
        """The resource with its next observation ``at`` that time (None: none) and no back-off."""
        return replace(self, observe_at=at, backoff=replace(self.backoff, retry_at=None))

    def to_retry(self, at: datetime) -> Resource:
        """The resource with its next observation ``at`` that time, as if it had never failed."""
        backoff = replace(self.backoff, failures=0, retry_at=None)
        return replace(self, observe_at=at, backoff=backoff)

    @property
    def step(self) -> Step | None:
        """The step of ours in progress, if there is one."""
        return self.in_flight.step if self.in_flight is not None else None

    @property
    def operation(self) -> str:
        """The operation of the step in progress; '' if there is none, or it is not known."""
        return self.in_flight.operation if self.in_flight is not None else ""

    @property
    def since(self) -> datetime | None:
        """Since when the step of ours is in progress."""
        return self.in_flight.since if self.in_flight is not None else None

    @property
    def id(self) -> str:
        """``kind/slot``, with the generation if it is superseded: unique in one record."""
        id = self.kind + "/" + self.slot
        return f"{id}~{self.generation}" if self.superseded else id

    @property
    def unconfirmed_until(self) -> datetime | None:
        """From when on none of the calls whose answer was lost can still take effect."""
        return max((call.until for call in self.unconfirmed), default=None)

    def may_still(self, step: Step) -> bool:
        """Whether a call of ``step`` whose answer was lost may still be carried out."""
        return any(call.step is step for call in self.unconfirmed)
