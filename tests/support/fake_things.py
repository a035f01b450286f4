"""The parts of a ``FakeCloud``: resources, operations, the log of changes, scripted faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.faults import Problem
from shared.domain.resources.kinds import Kind, State, Step


@dataclass(frozen=True)
class Happening:
    """A change of a resource that took effect.

    ``what``: created, ready (its creation ended well), failed (it ended badly, nothing is left),
    updated, started, stopped, restored, protected, unprotected, worked (somebody wrote data),
    deleted; by others: deleted_by_others, halted, started by hand, unlabelled. ``began``: when the
    operation began that led to it.
    """

    at: datetime
    what: str
    kind: Kind
    name: str
    key: str
    slot: str
    began: datetime


@dataclass
class Thing:
    """One resource as the cloud has it; ``key`` is '' if it has no labels of ours.

    ``born`` and ``died`` bound the time in which it existed; ``was_ready``: whether it was ever
    usable, so that it may hold work. ``body``: the body of the request. ``data``:
    what people wrote into a notebook; of a snapshot, what it holds (it stays readable after death).
    ``source``: of a snapshot, the disk (its name in the API). ``consented``: None where
    nobody needs to. ``linked_at``: from when on it can be opened, once it runs. ``halted_at``:
    when its owner or idle shutdown last stopped it. ``labelled``: whether it carries our labels for
    the person of ``key``. ``size_gb``: of a snapshot, that of the disk it was taken of.
    """

    kind: Kind
    name: str
    slot: str = ""
    key: str = ""
    email: str = ""
    digest: str = ""
    state: State = State.READY
    born: datetime | None = None
    died: datetime | None = None
    was_ready: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    data: str = ""
    source: str = ""
    protected: bool = False
    consented: bool | None = None
    halted_at: datetime | None = None
    linked_at: datetime | None = None
    labelled: bool = True
    size_gb: int = 0


@dataclass
class Operation:
    """A long-running operation; ``error`` is what it will end in.

    ``then`` applies a successful end; if it returns a problem, the operation fails.
    ``step``: None for a change that Google makes on its own (an upgrade).
    """

    name: str
    thing: Thing
    step: Step | None
    began: datetime
    ends: datetime
    before: State
    error: Problem | None = None
    leftover: bool = False
    done: bool = False
    then: Callable[[], Problem | None] = lambda: None


@dataclass
class Failure:
    """A scripted failure of operations; if ``hits`` stays 0, the test has tested nothing."""

    kind: Kind
    step: Step
    problem: Problem
    times: int = 1
    leftover: bool = False  # a failed create leaves a broken thing behind (a snapshot always does)
    hits: int = 0


@dataclass
class Delay:
    """A scripted call that gets no answer and is carried out only ``by`` later."""

    kind: Kind
    step: Step
    by: timedelta
    hits: int = 0


@dataclass
class Slowness:
    """A scripted operation that takes ``lasts`` instead of the usual time."""

    kind: Kind
    step: Step
    lasts: timedelta
    hits: int = 0
