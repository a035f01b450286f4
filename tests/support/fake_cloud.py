"""A cloud in memory: what exists, which operations run, and everything that ever happened.

It knows nothing of drivers, records or events; ``fake_drivers`` implements the port on it. It
records every creation and deletion, so that invariants can be checked over time, and what people
wrote into their notebooks, so that a test can check whether any of it was lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import itemgetter

from shared.domain.faults import CloudFault, Disposition, Problem
from shared.domain.manifests.snapshot import data_disk
from shared.domain.reconciliation.placement import zone_of
from shared.domain.resources.kinds import Kind, State, Step
from shared.ports import Clock
from tests.support.fake_things import Delay, Failure, Happening, Operation, Slowness, Thing

__all__ = ["Delay", "Failure", "FakeCloud", "Happening", "Operation", "Slowness", "Thing"]

# A creation that takes longer no longer takes a place from others; a little less than the policy's
# 40 minutes, because the clocks of two workers differ.
STUCK_AFTER = timedelta(minutes=38)
REQUEST_MEMORY = timedelta(hours=1)  # a request id is forgotten after that, as in the cloud

_ENDS = {
    Step.CREATE: (State.READY, "ready"),
    Step.START: (State.READY, "started"),
    Step.STOP: (State.STOPPED, "stopped"),
}
_CHANGES = {  # steps that keep the state: without the operation, no observation shows them
    Step.UPDATE: "updated",
    Step.RESTORE: "restored",
    Step.PROTECT: "protected",
    Step.UNPROTECT: "unprotected",
}


@dataclass
class FakeCloud:
    """All resources of all kinds.

    ``on_call`` is called with ``before:workbench.create`` before a call has any effect and with
    ``after:workbench.create`` once it has; whatever it raises (a ``CloudFault``, a crash) is what
    the caller gets. Observations are calls too (``workbench.observe``, ``search.everything``).
    ``short``: the zones without machines; ``zones``: all zones.
    ``older_ended``: notebooks of the older kinds can't be created any more, as at Google.
    ``link_delay``: how long after its start a notebook gets its link.
    ``most_creating``: the largest number of notebooks that were being created at once, those that
    were stuck not counted.
    ``overwritten``: notebooks whose data was lost by a restore, and that data.
    ``keep_disks``: data disks stay when their notebook is deleted.
    """

    clock: Clock
    operation_time: timedelta = timedelta(seconds=90)
    on_call: Callable[[str], None] | None = None
    zones: tuple[str, ...] = ("us-central1-a", "us-central1-b", "us-central1-c")
    short: set[str] = field(default_factory=set)
    older_ended: bool = False
    keep_disks: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    happenings: list[Happening] = field(default_factory=list)
    ever: list[Thing] = field(default_factory=list)  # all that was ever created, in order
    things: dict[tuple[Kind, str], Thing] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    delays: list[Delay] = field(default_factory=list)
    slow: list[Slowness] = field(default_factory=list)
    link_delay: timedelta = timedelta()
    most_creating: int = 0
    overwritten: list[tuple[str, str]] = field(default_factory=list)
    _running: dict[str, Operation] = field(default_factory=dict)
    _landing: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)
    _requests: dict[tuple[Kind, str, Step, str], tuple[datetime, str]] = field(default_factory=dict)
    _serial: int = 0
    _landing_at: datetime | None = None

    def now(self) -> datetime:
        """The time; while a late call lands, the moment of its landing."""
        return self._landing_at or self.clock.now()

    # Time

    def settle(self) -> None:
        """Carry out all late calls and end all operations that are due, in order."""
        if not self._landing and not self._running:
            return
        now = self.now()
        landing = sorted((late for late in self._landing if late[0] <= now), key=itemgetter(0))
        for late in landing:
            self._landing.remove(late)
            self._end_what_is_due(late[0])
            self._landing_at = late[0]
            self._land(late[1])
            self._landing_at = None
        self._end_what_is_due(now)

    def _end_what_is_due(self, now: datetime) -> None:
        due = [o for o in self._running.values() if o.ends <= now]
        for operation in sorted(due, key=lambda o: o.ends):
            operation.done = True
            del self._running[operation.name]
            self._end(operation)

    @staticmethod
    def _land(call: Callable[[], object]) -> None:
        try:
            call()
        except CloudFault:
            return  # rejected; nobody waits for the answer

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

    # What tests do and ask

    def alive(self, kind: Kind | None = None) -> list[Thing]:
        """What exists now, of one kind or of all."""
        self.settle()
        return [t for t in self.things.values() if kind in (None, t.kind)]

    def add_foreign(self, kind: Kind, name: str) -> Thing:
        """Something of somebody else, under a name that may be one of ours."""
        thing = Thing(kind=kind, name=name, was_ready=True)
        self.add(thing)
        return thing

    def fail_operations(
        self, kind: Kind, step: Step, problem: Problem, *, times: int = 1, leftover: bool = False
    ) -> Failure:
        """Let the next ``times`` operations of this step end in ``problem``."""
        failure = Failure(kind, step, problem, times, leftover)
        self.failures.append(failure)
        return failure

    def delay(self, kind: Kind, step: Step, by: timedelta) -> Delay:
        """The next call of this step gets no answer, and is carried out only ``by`` later."""
        delay = Delay(kind, step, by)
        self.delays.append(delay)
        return delay

    def slow_down(self, kind: Kind, step: Step, lasts: timedelta) -> Slowness:
        """The next operation of this step takes ``lasts``."""
        slowness = Slowness(kind, step, lasts)
        self.slow.append(slowness)
        return slowness

    def upgrade(self, thing: Thing, state: State, lasts: timedelta) -> None:
        """Google changes ``thing`` itself for a while; then it is as before."""
        self._serial += 1
        name, now = f"operations/upgrade-{self._serial}", self.now()
        operation = Operation(name, thing, None, now, now + lasts, before=thing.state)
        self.operations[name] = self._running[name] = operation
        thing.state = state

    def end_soon(self, by: timedelta) -> None:
        """End every operation at ``by`` from now at the latest, and drop all scripted faults."""
        latest = self.now() + by
        for operation in self._running.values():
            operation.ends = min(operation.ends, latest)
        for failure in self.failures:
            failure.times = failure.hits
        self.delays = [delay for delay in self.delays if delay.hits]
        self.slow = [slowness for slowness in self.slow if slowness.hits]
        self.short.clear()
        self.link_delay = timedelta()

    def halt(self, thing: Thing) -> None:
        """Its owner, or idle shutdown, stops a notebook that runs."""
        assert thing.state is State.READY
        thing.state, thing.halted_at = State.STOPPED, self.now()
        self.note(thing, "halted", self.now())

    def start_by_hand(self, thing: Thing) -> None:
        """Its owner starts a notebook by hand."""
        assert thing.state is State.STOPPED
        thing.state, thing.halted_at = State.READY, None
        self.note(thing, "started by hand", self.now())

    def work(self, thing: Thing, text: str) -> None:
        """Somebody writes ``text`` into their notebook, which must be running."""
        assert thing.state is State.READY, f"nobody can work in a {thing.state} notebook"
        thing.data += text
        self.note(thing, "worked", self.now())

    def start_use(self, kind: Kind, name: str, key: str, email: str) -> Thing:
        """Somebody starts a session or a cluster from their template; ``name`` is its full name.

        ``email``: the owner, or the person on whose credentials a cluster runs; '' if none.
        """
        thing = Thing(kind=kind, name=name, slot=name, key=key, email=email, was_ready=True)
        self.add(thing)
        return thing

    # What drivers do

    def put_back(self, thing: Thing, data: str) -> None:
        """A restore: ``data`` replaces the data of ``thing``."""
        if not data.startswith(thing.data):
            self.overwritten.append((thing.name, thing.data))
        thing.data = data

    def last_restore(self, thing: Thing) -> Operation | None:
        """The last restore of ``thing``, unless it failed."""
        restores = (o for o in self.operations.values() if o.step is Step.RESTORE)
        last = max((o for o in restores if o.thing is thing), key=lambda o: o.began, default=None)
        return None if last is None or last.error is not None else last

    def add(self, thing: Thing) -> None:
        """Create ``thing``."""
        thing.born = self.now()
        self.things[thing.kind, thing.name] = thing
        self.ever.append(thing)
        self.note(thing, "created", thing.born)

    def remove(
        self, thing: Thing, at: datetime, *, what: str = "deleted", began: datetime | None = None
    ) -> None:
        """Delete ``thing``."""
        del self.things[thing.kind, thing.name]
        thing.died = at
        self.note(thing, what, at, began)
        if thing.kind is Kind.WORKBENCH and self.keep_disks:
            disk = Thing(Kind.DISK, data_disk(thing.name), key=thing.key, data=thing.data)
            self.add(replace(disk, email=thing.email, labelled=thing.labelled))

    def note(self, thing: Thing, what: str, at: datetime, began: datetime | None = None) -> None:
        """Record what happened."""
        happening = Happening(at, what, thing.kind, thing.name, thing.key, thing.slot, began or at)
        self.happenings.append(happening)

    def begin(
        self,
        thing: Thing,
        step: Step,
        request_id: str,
        lasts: timedelta,
        then: Callable[[], Problem | None] = lambda: None,
    ) -> Operation:
        """Start an operation on ``thing``, which ends as scripted."""
        self._serial += 1
        name, now = f"operations/{step}-{self._serial}", self.now()
        failure = self._scripted(thing.kind, step)
        problem = failure.problem if failure else self._shortage(thing, step)
        operation = self.operations[name] = Operation(
            name=name,
            thing=thing,
            step=step,
            began=now,
            ends=now + self._lasts(thing.kind, step, lasts),
            before=thing.state,
            error=problem,
            leftover=failure.leftover if failure else False,
            then=then,
        )
        self._running[name] = operation
        if step not in _CHANGES:
            thing.state = step.moving
        if step is Step.CREATE and thing.kind is Kind.WORKBENCH:
            running = self._running.values()
            making = [
                o
                for o in running
                if o.step is step and o.thing.kind is thing.kind and now - o.began < STUCK_AFTER
            ]
            self.most_creating = max(self.most_creating, len(making))
        self._requests[thing.kind, thing.name, step, request_id] = (now, name)
        return operation

    def repeated(self, kind: Kind, name: str, step: Step, request_id: str) -> Operation | None:
        """The operation that the same request began, while the cloud remembers the request id."""
        at, operation = self._requests.get((kind, name, step, request_id), (None, ""))
        if at is None or self.now() - at > REQUEST_MEMORY:
            return None
        return self.operations.get(operation)

    def running(self, thing: Thing | None) -> Operation | None:
        """The newest operation that runs on ``thing``, if there is one."""
        at_work = [o for o in self._running.values() if o.thing is thing]
        return at_work[-1] if at_work else None

    def busy(self, thing: Thing) -> bool:
        """Whether an operation runs on ``thing``."""
        return self.running(thing) is not None

    def lands_late(self, kind: Kind, step: Step, call: Callable[[], object]) -> bool:
        """Whether ``call`` is scripted to be late; if so, it is scheduled."""
        for delay in self.delays:
            if (delay.kind, delay.step) == (kind, step) and not delay.hits:
                delay.hits += 1
                self._landing.append((self.now() + delay.by, call))
                return True
        return False

    def _lasts(self, kind: Kind, step: Step, usual: timedelta) -> timedelta:
        for slowness in self.slow:
            if (slowness.kind, slowness.step) == (kind, step) and not slowness.hits:
                slowness.hits += 1
                return slowness.lasts
        return usual

    def _scripted(self, kind: Kind, step: Step) -> Failure | None:
        for failure in self.failures:
            if (failure.kind, failure.step) == (kind, step) and failure.hits < failure.times:
                failure.hits += 1
                return failure
        return None

    def _shortage(self, thing: Thing, step: Step) -> Problem | None:
        zone = zone_of(thing.name)
        if step not in (Step.CREATE, Step.START) or zone not in self.short:
            return None
        return Problem(
            code="STOCK_OUT",
            message=f"the zone {zone} does not have enough resources available",
            disposition=Disposition.STOCK_OUT,
            elsewhere=tuple(z for z in self.zones if z not in self.short),
        )

    def _end(self, operation: Operation) -> None:
        thing, step = operation.thing, operation.step
        if thing.died is not None:
            return  # deleted meanwhile; a resource of its name is another one
        if step is None:
            thing.state = operation.before
            return
        operation.error = operation.error or operation.then()
        if operation.error is not None:
            left = operation.leftover or thing.kind is Kind.SNAPSHOT
            if step is Step.CREATE and not left:
                self.remove(thing, operation.ends, what="failed")
            elif step not in _CHANGES:
                thing.state = State.BROKEN if step is Step.CREATE else operation.before
            return
        if step is Step.DELETE:
            self.remove(thing, operation.ends, began=operation.began)
            return
        if step in _CHANGES:
            what = _CHANGES[step]
        else:
            thing.state, what = _ENDS[step]
            thing.linked_at = operation.ends + self.link_delay
        thing.was_ready = thing.was_ready or thing.state is State.READY
        self.note(thing, what, operation.ends, operation.began)
