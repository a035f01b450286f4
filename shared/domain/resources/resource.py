"""One resource of a person in the record: what was last seen, what is under way.

Three shapes are kept apart. A ``Manifest`` is what the profile says should be there; an
``Observation`` is what the cloud says is there; a ``Resource`` is its state in the record.
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
    """A call whose answer was lost: the cloud may carry it out at any moment before ``until``."""

    step: Step
    until: datetime


class InFlight(msgspec.Struct, frozen=True, kw_only=True):
    """A step of ours under way: since when, and as which long-running operation.

    It is saved *before* the call is made, so a crash leaves a trace: a step with no ``operation``
    means that we do not know whether the call got through, and must look.
    """

    step: Step
    since: datetime
    operation: str = ""


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """What failed: how often in a row, why, and before when the next try is not made."""

    failures: int = 0
    retry_at: datetime | None = None
    problem: Problem | None = None


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """How the creation of a resource went, or goes on.

    ``tried``: the places that had no capacity in this round, so that the next one is another.
    ``queued_at``: since when it waits for its turn. ``failed``: it ended in an error and left this
    behind, so nobody can ever have worked in it.
    """

    tried: tuple[str, ...] = ()
    queued_at: datetime | None = None
    failed: bool = False


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody may have used it.

    ``was_ready``: it was seen in use since it was created, and ``ready_since`` when first.
    """

    was_ready: bool = False
    ready_since: datetime | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How what is there compares with the profile.

    ``digest``: of the manifest it was last found to match, or brought to; '' to compare again.
    ``written``: the labels, metadata and tags that we have put on it (``manifests.written``).
    ``drift``: how it was last seen to differ; None where that was not compared.
    """

    digest: str = ""
    written: tuple[str, ...] = ()
    drift: Drift | None = None


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How the owner of a notebook gets to it.

    ``link``: where it opens, or will once it runs again. ``consented``: whether its owner has
    opened it and consented, None where that isn't known; ``consent_check_at``: when to ask for that
    again. ``start_owed``: it is to run when it should be present; not set when its owner or idle
    shutdown has stopped it.
    """

    link: str = ""
    consented: bool | None = None
    consent_check_at: datetime | None = None
    start_owed: bool = False


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the data of a notebook, or of a disk that one has left behind.

    ``restore_from``: the snapshot (full name) whose data is still to go into it. ``saved_in``: the
    slot of the snapshot that holds its data as it is now; '' once it has run. ``handed_over``: of a
    superseded notebook, its data is in its successor. ``protected``: against deletion, as last
    seen; ``protected_by_us``: because of a hold.
    """

    restore_from: str = ""
    saved_in: str = ""
    handed_over: bool = False
    protected: bool = False
    protected_by_us: bool = False


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Of which notebook (full name) a snapshot is, and when it may go."""

    source: str = ""
    expires_at: datetime | None = None


class Workloads(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions or clusters last seen of a person, and how many there were besides."""

    items: tuple[Item, ...] = ()
    more: int = 0


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """Our memory of one resource, as part of the record.

    ``generation`` counts the resources of one kind and slot that replaced one another; it is part
    of a notebook's name from the second on. ``superseded``: another one takes its place
    (``replacement``). ``recreate``: an admin wants it replaced. ``owner``: the address it was
    created for, '' before that; ``key``: the key in its labels, where that is not the record's.
    ``goal``: where it should get to, as last decided; None before that. ``labelled``: whether it
    carries our labels, as last seen.
    ``serial`` counts the steps that came to an end; with the step it makes the request id, so an
    uncertain call is repeated under the same id and a new step never is.
    ``unconfirmed``: calls whose answer was lost. Until a look that is later than all of them,
    nothing that contradicts them is begun and nothing is settled.
    ``observe_at``: when to ask the cloud again. ``moving_since``: since when it has been seen in a
    transitional state, or running without a link, though no step of ours is under way.
    ``timed_out``: that, or its creation, has taken so long that it is given up.
    ``size_gb``: how large a disk a snapshot needs, or what is to be restored into a notebook; 0:
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
        """The resource to be observed at that time (None: not by itself), without any back-off."""
        return replace(self, observe_at=at, backoff=replace(self.backoff, retry_at=None))

    def to_retry(self, at: datetime) -> Resource:
        """The resource to be observed and tried at that time, as if it had not failed before."""
        backoff = replace(self.backoff, failures=0, retry_at=None)
        return replace(self, observe_at=at, backoff=backoff)

    @property
    def step(self) -> Step | None:
        """The step of ours under way, if there is one."""
        return self.in_flight.step if self.in_flight is not None else None

    @property
    def operation(self) -> str:
        """The operation of the step under way; '' if there is none, or none that is known."""
        return self.in_flight.operation if self.in_flight is not None else ""

    @property
    def since(self) -> datetime | None:
        """Since when the step of ours is under way."""
        return self.in_flight.since if self.in_flight is not None else None

    @property
    def id(self) -> str:
        """``kind/slot``, of a superseded one with its generation: unique in one record."""
        id = self.kind + "/" + self.slot
        return f"{id}~{self.generation}" if self.superseded else id

    @property
    def unconfirmed_until(self) -> datetime | None:
        """When the last of the calls whose answer was lost can no longer take effect."""
        return max((call.until for call in self.unconfirmed), default=None)

    def may_still(self, step: Step) -> bool:
        """Whether a call of ``step`` whose answer was lost may still be carried out."""
        return any(call.step is step for call in self.unconfirmed)
