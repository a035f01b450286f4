"""One cloud: its clock, call log, faults, quotas and accounts, and the checks on every API request.

Every handler enters `Cloud.call` exactly once per request, so that permissions, faults, quotas and
the call log work the same for REST and gRPC. It must not know any service's resources.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local.clock import Clock
from local.cloud.calls import Call, CallLog
from local.cloud.delayed_requests import DelayedRequests
from local.cloud.faults import AFTER, BEFORE, LATE, OPERATION, Fault, Faults
from local.cloud.quotas import Quotas
from local.cloud.shortages import Shortages
from local.errors import ApiError, ConnectionDropped
from local.iam.accounts import Accounts
from local.iam.callers import caller
from local.iam.denials import denial
from local.iam.permissions import When

# Default duration of operations, in seconds of the cloud's clock.
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
    """The request being served, with what is logged about it at the end."""

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
    older_notebooks: bool = False  # True: Notebooks v1 accepts creation, as Google did until 2025
    proxy_seconds: float = 0.0  # of the clock, from ACTIVE until proxyUri is set
    operation_seconds: float | None = None  # for every operation; None: per verb
    verb_seconds: dict[str, float] = field(default_factory=lambda: dict(VERB_SECONDS))

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.project)
        self.delayed_requests = DelayedRequests(self.clock)
        self.clock.after_advance(self.delayed_requests.run_due)

    @contextmanager
    def call(self, service: str, method: str, target: str, *conditions: When) -> Iterator[None]:
        """Check and log one API request; the ``with`` body does its work.

        Applies permissions, scripted faults, latency and quotas. ``conditions``: those the request
        meets under which further permissions are needed. With a "before" fault the body doesn't
        run; with an "after" fault it runs, and the answer is replaced; with a "late" fault the
        answer is replaced now and the whole request runs later. Raises ApiError or
        ConnectionDropped; sleeps only for latency and the delays of faults.
        """
        if self.delayed_requests.running:
            yield  # already logged, and its fault applied, when it arrived
            return
        self.delayed_requests.run_due()
        call = _OpenCall(service, method, target, self.clock.now(), caller())
        _open_call.set(call)
        outcome = "INTERNAL"  # any exception other than the two below is a bug of ours
        try:
            if self.latency_seconds:
                time.sleep(self.latency_seconds)
            self._authorise(call, conditions)
            self._apply_fault(call, BEFORE)
            self._delay(call)
            self.quotas.check_request(service, self.clock.now())
            yield
            self._apply_fault(call, AFTER)
            outcome = "OK"
        except ApiError as error:
            outcome = error.status
            raise
        except ConnectionDropped:
            outcome = "DROPPED"
            raise
        finally:
            # Not reset(token): a streaming call may end in a different thread.
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
        """When this request's operation ends, and the error of a scripted fault, if any.

        `takes`: its duration unless a scripted fault sets another.
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

    def _authorise(self, call: _OpenCall, conditions: Collection[When]) -> None:
        method = f"{call.service}.{call.method}"
        call.lacks = self.accounts.lacking(call.caller, method, call.target, conditions)
        if call.lacks is not None:
            raise denial(method, call.lacks, self.accounts.email(call.caller), call.target)

    def _apply_fault(self, call: _OpenCall, when: str) -> None:
        fault = self.faults.take(call.service, call.method, call.target, when)
        if fault is None:
            return
        call.fault = fault.id
        _raise_fault(fault)

    def _delay(self, call: _OpenCall) -> None:
        fault = self.faults.take(call.service, call.method, call.target, LATE)
        if fault is None:
            return
        call.fault = fault.id
        moment = call.at + timedelta(seconds=fault.late_seconds)
        self.delayed_requests.schedule(moment, fault.late_outcomes.append)
        _raise_fault(fault)
        raise ConnectionDropped(fault.id)


def _raise_fault(fault: Fault) -> None:
    if fault.delay_seconds:
        time.sleep(fault.delay_seconds)
    if fault.drop:
        raise ConnectionDropped(fault.id)
    error = fault.to_error()
    if error is not None:
        raise error
