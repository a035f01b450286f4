"""One cloud: its clock, log, faults and accounts, and the gate every API request passes.

`Cloud.call` is that gate. Each face opens it exactly once per request, so that permissions, faults,
quotas and the call log mean the same for REST and gRPC. It must not know any service's resources.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local.clock import Clock
from local.cloud.calls import Call, CallLog
from local.cloud.delayed_requests import Landings
from local.cloud.faults import AFTER, BEFORE, LATE, OPERATION, Fault, Faults
from local.cloud.quotas import Quotas
from local.cloud.shortages import Shortages
from local.errors import ApiError, ConnectionDropped
from local.iam.accounts import Accounts
from local.iam.callers import caller
from local.iam.denials import denial
from local.iam.permissions import When

# How long operations take unless the settings say otherwise, in seconds of the cloud's clock.
VERB_SECONDS = {
    "create": 90.0,
    "start": 40.0,
    "stop": 30.0,
    "delete": 40.0,
    "update": 20.0,
    "reset": 40.0,
    "restore": 60.0,
    "snapshot": 60.0,
}


@dataclass
class _OpenCall:
    """The request being served; remembers which fault shaped it until it is logged."""

    service: str
    method: str
    target: str
    at: datetime
    caller: str
    lacks: str | None = None
    fault: str | None = None


_open_call: ContextVar[_OpenCall | None] = ContextVar("open_call", default=None)


@dataclass
class Cloud:
    project: str = "demo"
    clock: Clock = field(default_factory=Clock)
    calls: CallLog = field(default_factory=CallLog)
    faults: Faults = field(default_factory=Faults)
    quotas: Quotas = field(default_factory=Quotas)
    shortages: Shortages = field(default_factory=Shortages)
    latency_seconds: float = 0.0  # real seconds, before every answer
    older_notebooks: bool = False  # be the Google of 2023: Notebooks v1 still creates
    proxy_seconds: float = 0.0  # of the clock, from ACTIVE until an instance has its proxyUri
    operation_seconds: float | None = None  # one number for every operation; None = per verb
    verb_seconds: dict[str, float] = field(default_factory=lambda: dict(VERB_SECONDS))

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.project)
        self.landings = Landings(self.clock)
        self.clock.after_advance(self.landings.land_due)

    @contextmanager
    def call(self, service: str, method: str, target: str, *given: When) -> Iterator[None]:
        """Serve one API request: what its caller may do, faults, latency and quota around the body,
        and its log entry. ``given``: what it brings along that needs further permissions.

        A "before" fault keeps the body from running; an "after" fault lets it run and then spoils
        the answer; a "late" one spoils it now and has the whole request carried out later. Raises
        ApiError or ConnectionDropped; sleeps only for latency and fault delays.
        """
        if self.landings.landing:
            yield  # it was logged, and its fault applied, when it arrived
            return
        self.landings.land_due()
        call = _OpenCall(service, method, target, self.clock.now(), caller())
        _open_call.set(call)
        outcome = "INTERNAL"  # whatever escapes that is neither of the two below is our own bug
        try:
            if self.latency_seconds:
                time.sleep(self.latency_seconds)
            self._authorise(call, given)
            self._strike(call, BEFORE)
            self._postpone(call)
            self.quotas.check_request(service, self.clock.now())
            yield
            self._strike(call, AFTER)
            outcome = "OK"
        except ApiError as error:
            outcome = error.status
            raise
        except ConnectionDropped:
            outcome = "DROPPED"
            raise
        finally:
            # Not reset(token): a streaming call may end in another thread than it began in.
            _open_call.set(None)
            self.calls.record(
                Call(
                    0, call.at, service, method, target, outcome,
                    call.fault, call.caller, call.lacks,
                )
            )  # fmt: skip

    def operation_course(
        self, service: str, method: str, target: str, begun: datetime, takes: timedelta
    ) -> tuple[datetime, ApiError | None]:
        """When this request's operation ends, and the error that a fault makes it end in.

        `takes`: its length when no scripted fault says otherwise.
        """
        fault = self.faults.take(service, method, target, OPERATION)
        if fault is None:
            return begun + takes, None
        call = _open_call.get()
        if call is not None:
            call.fault = fault.id
        return fault.operation_end(begun, takes), fault.to_error()

    def operation_time(self, verb: str) -> timedelta:
        """How long an operation of this verb takes on the cloud's clock."""
        seconds = self.operation_seconds
        return timedelta(seconds=self.verb_seconds[verb] if seconds is None else seconds)

    def _authorise(self, call: _OpenCall, given: Collection[When]) -> None:
        method = f"{call.service}.{call.method}"
        call.lacks = self.accounts.lacking(call.caller, method, call.target, given)
        if call.lacks is not None:
            raise denial(method, call.lacks, self.accounts.email(call.caller), call.target)

    def _strike(self, call: _OpenCall, when: str) -> None:
        fault = self.faults.take(call.service, call.method, call.target, when)
        if fault is None:
            return
        call.fault = fault.id
        _apply(fault)

    def _postpone(self, call: _OpenCall) -> None:
        fault = self.faults.take(call.service, call.method, call.target, LATE)
        if fault is None:
            return
        call.fault = fault.id
        self.landings.later(call.at + timedelta(seconds=fault.late_seconds), fault.landed.append)
        _apply(fault)
        raise ConnectionDropped(fault.id)


def _apply(fault: Fault) -> None:
    if fault.delay_seconds:
        time.sleep(fault.delay_seconds)
    if fault.drop:
        raise ConnectionDropped(fault.id)
    error = fault.to_error()
    if error is not None:
        raise error
