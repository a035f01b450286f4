"""The driver port in memory, for tests that need thousands of runs and a crash at any point.

It behaves as the real drivers do on Google Cloud (``tests/contract/test_drivers.py`` holds both to
the same contract) and remembers every life and death, so that invariants can be checked over time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.faults import CloudFault, Fate, Problem
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from shared.ports import Clock

REQUEST_MEMORY = timedelta(hours=1)  # a request id is forgotten after that, as in the cloud

_ENDS = {
    Step.CREATE: (State.READY, "ready"),
    Step.START: (State.READY, "started"),
    Step.STOP: (State.STOPPED, "stopped"),
}


@dataclass(frozen=True)
class Happening:
    """Something that really happened to a thing.

    ``what``: created, ready (its creation ended well), failed (it ended badly, nothing is left),
    updated, started, stopped, deleted.
    """

    at: datetime
    what: str
    kind: Kind
    name: str
    key: str
    slot: str


@dataclass
class Thing:
    """One resource as the cloud has it; ``key`` is '' for one that nobody labelled.

    ``born`` and ``died`` bound the time in which it existed; ``was_ready``: whether it ever could
    be used, so that somebody's work may be in it.
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


@dataclass
class Operation:
    """A long-running operation; ``error`` is what it will end in."""

    name: str
    thing: Thing
    step: Step
    ends: datetime
    before: State
    error: Problem | None = None
    leftover: bool = False
    done: bool = False


@dataclass
class Failure:
    """A scripted end of operations; ``hits`` must not stay 0, or the test proved nothing."""

    kind: Kind
    step: Step
    problem: Problem
    times: int = 1
    leftover: bool = False  # a failed create leaves a broken thing behind
    hits: int = 0


@dataclass
class FakeCloud:
    """All things of all kinds.

    ``on_call`` is called with ``before:workbench.create`` before a call has any effect and with
    ``after:workbench.create`` once it has; whatever it raises (a ``CloudFault``, a crash) is what
    the caller gets. Looks are calls too (``workbench.observe``).
    """

    clock: Clock
    operation_time: timedelta = timedelta(seconds=90)
    on_call: Callable[[str], None] | None = None
    counts: Counter[str] = field(default_factory=Counter)
    happenings: list[Happening] = field(default_factory=list)
    ever: list[Thing] = field(default_factory=list)  # all that was ever made, in order
    things: dict[tuple[Kind, str], Thing] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    _running: dict[str, Operation] = field(default_factory=dict)
    _requests: dict[tuple[Kind, str, Step, str], tuple[datetime, str]] = field(default_factory=dict)
    _serial: int = 0

    def settle(self) -> None:
        """Let every operation that is due come to its end, in the order of their ends."""
        now = self.clock.now()
        due = [o for o in self._running.values() if o.ends <= now]
        for operation in sorted(due, key=lambda o: o.ends):
            operation.done = True
            del self._running[operation.name]
            self._end(operation)

    def alive(self, kind: Kind | None = None) -> list[Thing]:
        """What exists now, of one kind or of all."""
        self.settle()
        return [t for t in self.things.values() if kind in (None, t.kind)]

    def add_foreign(self, kind: Kind, name: str) -> Thing:
        """Something of somebody else, under a name that we may come to want."""
        thing = Thing(kind=kind, name=name, was_ready=True)
        self.add(thing)
        return thing

    def fail_operations(
        self, kind: Kind, step: Step, problem: Problem, *, times: int = 1, leftover: bool = False
    ) -> Failure:
        """Make the next ``times`` operations of this step end in ``problem``."""
        failure = Failure(kind, step, problem, times, leftover)
        self.failures.append(failure)
        return failure

    @contextmanager
    def call(self, method: str) -> Iterator[None]:
        """One remote call: counted, with its hooks around the effect."""
        self.counts[method] += 1
        if self.on_call is not None:
            self.on_call(f"before:{method}")
        self.settle()
        yield
        if self.on_call is not None:
            self.on_call(f"after:{method}")

    def add(self, thing: Thing) -> None:
        """A thing comes into being."""
        thing.born = self.clock.now()
        self.things[thing.kind, thing.name] = thing
        self.ever.append(thing)
        self.tell(thing, "created", thing.born)

    def remove(self, thing: Thing, at: datetime, *, what: str = "deleted") -> None:
        """A thing ceases to be."""
        del self.things[thing.kind, thing.name]
        thing.died = at
        self.tell(thing, what, at)

    def tell(self, thing: Thing, what: str, at: datetime) -> None:
        """Remember what happened."""
        self.happenings.append(Happening(at, what, thing.kind, thing.name, thing.key, thing.slot))

    def begin(self, thing: Thing, step: Step, request_id: str, lasts: timedelta) -> Operation:
        """Start an operation on ``thing``, which ends as scripted."""
        self._serial += 1
        name = f"operations/{step}-{self._serial}"
        failure = self._scripted(thing.kind, step)
        operation = self.operations[name] = Operation(
            name=name,
            thing=thing,
            step=step,
            ends=self.clock.now() + lasts,
            before=thing.state,
            error=failure.problem if failure else None,
            leftover=failure.leftover if failure else False,
        )
        self._running[name] = operation
        thing.state = step.moving
        self._requests[thing.kind, thing.name, step, request_id] = (self.clock.now(), name)
        return operation

    def repeated(self, kind: Kind, name: str, step: Step, request_id: str) -> Operation | None:
        """The operation this very request began earlier, if the cloud still remembers it."""
        at, operation = self._requests.get((kind, name, step, request_id), (None, ""))
        if at is None or self.clock.now() - at > REQUEST_MEMORY:
            return None
        return self.operations.get(operation)

    def busy(self, thing: Thing) -> bool:
        """Whether an operation is at work on ``thing``."""
        return any(operation.thing is thing for operation in self._running.values())

    def _scripted(self, kind: Kind, step: Step) -> Failure | None:
        for failure in self.failures:
            if (failure.kind, failure.step) == (kind, step) and failure.hits < failure.times:
                failure.hits += 1
                return failure
        return None

    def _end(self, operation: Operation) -> None:
        thing, step = operation.thing, operation.step
        if operation.error is None:
            if step is Step.DELETE:
                self.remove(thing, operation.ends)
                return
            thing.state, what = _ENDS[step]
            thing.was_ready = thing.was_ready or thing.state is State.READY
            self.tell(thing, what, operation.ends)
        elif step is Step.CREATE and not operation.leftover:
            self.remove(thing, operation.ends, what="failed")
        else:
            thing.state = State.BROKEN if step is Step.CREATE else operation.before


class FakeDriver:
    """One kind of resource on a ``FakeCloud``; notebooks take their time, templates don't."""

    def __init__(self, kind: Kind, cloud: FakeCloud) -> None:
        self.kind = kind
        self._cloud = cloud
        self._slow = kind.holds_data

    def observe(self, resource: Resource, key: str, email: str) -> Observation:
        """As the port says."""
        with self._cloud.call(f"{self.kind}.observe"):
            operation = self._cloud.operations.get(resource.operation)
            if operation is not None and not operation.done:
                return Observation(state=operation.step.moving, operation=operation.name)
            seen = self._judged(resource.name, key, email)
            if operation is None or operation.error is None:
                return seen
            return Observation(state=seen.state, problem=operation.error, detail=seen.detail)

    def create(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """As the port says."""
        with self._cloud.call(f"{self.kind}.create"):
            repeated = self._repeated(resource.name, Step.CREATE, request_id)
            if repeated is not None:
                return repeated
            if self._thing(resource.name) is not None:
                return self._bring(resource, want, key, email)
            thing = Thing(self.kind, resource.name, resource.slot, key, email, want.digest)
            self._cloud.add(thing)
            return self._begin(thing, Step.CREATE, request_id)

    def update(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """As the port says; a notebook is only looked at."""
        if self._slow:
            return self.observe(resource, key, email)
        with self._cloud.call(f"{self.kind}.update"):
            return self._bring(resource, want, key, email)

    def start(self, resource: Resource, request_id: str) -> Observation:
        """As the port says."""
        return self._switch(resource, Step.START, request_id)

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """As the port says."""
        return self._switch(resource, Step.STOP, request_id)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """As the port says."""
        with self._cloud.call(f"{self.kind}.delete"):
            repeated = self._repeated(resource.name, Step.DELETE, request_id)
            if repeated is not None:
                return repeated
            thing = self._thing(resource.name)
            if thing is None:
                return Observation(state=State.ABSENT)
            self._refuse_if_busy(thing)
            if self._slow:
                return self._begin(thing, Step.DELETE, request_id)
            self._cloud.remove(thing, self._cloud.clock.now())
            return Observation(state=State.ABSENT)

    def _switch(self, resource: Resource, step: Step, request_id: str) -> Observation:
        with self._cloud.call(f"{self.kind}.{step}"):
            thing = self._thing(resource.name)
            if thing is None:
                return Observation(state=State.ABSENT)
            if not self._slow:
                return Observation(state=thing.state)
            self._refuse_if_busy(thing)
            if thing.state is State.BROKEN:
                raise CloudFault(Fate.PERMANENT, "FAILED_PRECONDITION", "it has no VM")
            there = State.READY if step is Step.START else State.STOPPED
            return self._begin(thing, step, request_id, at_once=thing.state is there)

    def _begin(
        self, thing: Thing, step: Step, request_id: str, *, at_once: bool = False
    ) -> Observation:
        if not self._slow:
            return Observation(state=thing.state)
        lasts = timedelta() if at_once else self._cloud.operation_time
        operation = self._cloud.begin(thing, step, request_id, lasts)
        return Observation(state=step.moving, operation=operation.name)

    def _repeated(self, name: str, step: Step, request_id: str) -> Observation | None:
        operation = self._cloud.repeated(self.kind, name, step, request_id)
        if operation is None:
            return None
        return Observation(state=step.moving, operation=operation.name)

    def _bring(self, resource: Resource, want: Want, key: str, email: str) -> Observation:
        seen = self._judged(resource.name, key, email)
        thing = self._thing(resource.name)
        changes = thing is not None and seen.state is not State.FOREIGN and not self._slow
        if changes and thing is not None and thing.digest != want.digest:
            thing.digest = want.digest
            self._cloud.tell(thing, "updated", self._cloud.clock.now())
        return seen

    def _judged(self, name: str, key: str, email: str) -> Observation:
        thing = self._thing(name)
        if thing is None:
            return Observation(state=State.ABSENT)
        if thing.key != key or (self._slow and thing.email != email):
            return Observation(state=State.FOREIGN, detail="it is somebody else's")
        if thing.state is State.DELETING:  # the v2 API has no such state: it says DELETED
            return Observation(state=State.BROKEN, detail="DELETED")
        ready = self._slow and thing.state is State.READY
        link = f"https://{name.rpartition('/')[2]}.notebooks.example.com" if ready else ""
        return Observation(state=thing.state, link=link)

    def _thing(self, name: str) -> Thing | None:
        return self._cloud.things.get((self.kind, name))

    def _refuse_if_busy(self, thing: Thing) -> None:
        if self._cloud.busy(thing):
            raise CloudFault(Fate.TEMPORARY, "ABORTED", f"{thing.name} is busy")
