"""Scripted faults: which requests fail, at which point, how, and how often they did.

A test scripts a fault, runs, and checks `hits`: a fault without hits tested nothing. This module
selects and counts; `Cloud.call` applies.
"""

import threading
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from local.errors import CODES, ApiError

BEFORE, AFTER, OPERATION, LATE = "before", "after", "operation", "late"
_WHEN = (BEFORE, AFTER, OPERATION, LATE)
_COUNTED = {"id", "hits", "seen", "late_outcomes"}
NEVER = "never"


@dataclass(slots=True)
class Fault:
    """One scripted fault; `service` and `method` may be patterns such as "*" or "instances.*"."""

    id: str
    service: str = "*"
    method: str = "*"
    match: str = ""  # substring of the target; "": any target
    # "before": the request isn't applied; "after": applied, its answer is lost; "operation": its
    # long-running operation is changed; "late": its answer is lost, it is applied later.
    when: str = BEFORE
    error: dict[str, Any] | None = None  # {"status": "UNAVAILABLE", "message": "…", "http": 503}
    delay_seconds: float = 0.0  # real seconds
    late_seconds: float = 0.0  # of the cloud's clock, until the request is applied
    operation_seconds: float | str | None = None  # duration of the operation; "never": no end
    drop: bool = False  # close the connection without an answer
    skip: int = 0  # number of matching requests to leave alone first
    times: int | None = None  # then how many to hit; None: all
    hits: int = 0
    seen: int = 0
    late_outcomes: list[str] = field(default_factory=list)  # of the delayed requests so far

    def matches(self, service: str, method: str, target: str) -> bool:
        return (
            fnmatchcase(service, self.service)
            and fnmatchcase(method, self.method)
            and self.match in target
        )

    def count_match(self) -> bool:
        """Count a matching request; True if the fault applies to it."""
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True

    def to_error(self) -> ApiError | None:
        if self.error is None:
            return None
        return ApiError(
            self.error["status"],
            self.error.get("message", f"Scripted fault {self.id}"),
            self.error.get("details"),
            self.error.get("http"),
        )

    def operation_end(self, begun: datetime, takes: timedelta) -> datetime:
        """When an operation that normally takes `takes` ends; for "never" the latest datetime."""
        if self.operation_seconds is None:
            return begun + takes
        if isinstance(self.operation_seconds, str):
            return datetime.max.replace(tzinfo=UTC)
        return begun + timedelta(seconds=self.operation_seconds)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._made = 0

    def add(self, spec: dict[str, Any]) -> Fault:
        """Script a fault from its JSON form; ApiError INVALID_ARGUMENT if that is not valid."""
        violations = _violations(spec)
        if violations:
            raise ApiError.invalid("Invalid fault: " + "; ".join(violations), violations)
        with self._lock:
            self._made += 1
            fault = Fault(id=f"fault-{self._made}", **spec)
            self._faults[fault.id] = fault
            return fault

    def take(self, service: str, method: str, target: str, when: str) -> Fault | None:
        """The first fault that applies to this request at this point; counts the hit."""
        with self._lock:
            for fault in self._faults.values():
                matches = fault.when == when and fault.matches(service, method, target)
                if matches and fault.count_match():
                    return fault
        return None

    def list(self) -> list[Fault]:
        with self._lock:
            return list(self._faults.values())

    def remove(self, fault_id: str) -> None:
        with self._lock:
            if self._faults.pop(fault_id, None) is None:
                raise ApiError.not_found(f"faults/{fault_id}")

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()


def _violations(spec: dict[str, Any]) -> list[str]:
    allowed = {field.name for field in fields(Fault)} - _COUNTED
    found = [f"{key}: unknown field" for key in spec if key not in allowed]
    for key in ("service", "method", "match"):
        if not isinstance(spec.get(key, ""), str):
            found.append(f"{key}: must be a string")
    if spec.get("when", BEFORE) not in _WHEN:
        found.append(f"when: must be one of {', '.join(_WHEN)}")
    if not _number(spec.get("delay_seconds", 0)):
        found.append("delay_seconds: must be a number, 0 or more")
    found += _time_violations(spec)
    if not _count(spec.get("skip", 0)):
        found.append("skip: must be a whole number, 0 or more")
    if spec.get("times") is not None and not _count(spec["times"]):
        found.append("times: must be a whole number, 0 or more, or null")
    if not isinstance(spec.get("drop", False), bool):
        found.append("drop: must be true or false")
    return found + _error_violations(spec)


def _time_violations(spec: dict[str, Any]) -> list[str]:
    """Check `late_seconds` and `operation_seconds`; each is for one kind of fault only."""
    found = []
    late, takes = spec.get("late_seconds", 0), spec.get("operation_seconds")
    if not _number(late) or (late == 0) is (spec.get("when") == LATE):
        found.append('late_seconds: must be a number above 0 when "when" is "late", else left out')
    if takes is not None and (
        spec.get("when") != OPERATION or not (takes == NEVER or _number(takes))
    ):
        found.append(
            'operation_seconds: must be a number or "never", only when "when" is "operation"'
        )
    return found


def _error_violations(spec: dict[str, Any]) -> list[str]:
    error = spec.get("error")
    if error is None:
        if spec.get("when") == OPERATION:
            slow = spec.get("operation_seconds") is not None
            return [] if slow else ["error: an operation needs one, or operation_seconds"]
        if spec.get("when") == LATE:
            return [] if spec.get("drop", True) else ["error: a late answer needs one, or a drop"]
        if not spec.get("drop") and not spec.get("delay_seconds"):
            return ["error: a fault needs an error, a drop or a delay_seconds"]
        return []
    if not isinstance(error, dict):
        return ["error: must be an object"]
    found = [
        f"error.{key}: unknown field"
        for key in error
        if key not in ("status", "message", "http", "details")
    ]
    if error.get("status") not in CODES:
        found.append(f"error.status: must be one of {', '.join(CODES)}")
    if not isinstance(error.get("message", ""), str):
        found.append("error.message: must be a string")
    http = error.get("http", 500)
    if not _count(http) or not 400 <= http <= 599:
        found.append("error.http: must be a number from 400 to 599")
    if not isinstance(error.get("details", []), list):
        found.append("error.details: must be a list")
    return found


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
