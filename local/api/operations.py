"""Long-running operations on the cloud's clock.

An operation starts with its end time and with functions that apply or undo its effect; no thread
waits for it. Code that reads or changes state enters `settled()` first, which ends all due
operations in the order of their end times. One lock guards the operations and the resources that
they change. This module must not know what an operation does.
"""

import heapq
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from local.api.store import Collection, Filter
from local.clock import Clock
from local.errors import ApiError

Json = dict[str, Any]

# AIP-155 leaves the time to the service; Google's services keep request ids for at least an hour.
REQUEST_ID_LIFETIME = timedelta(minutes=60)


@dataclass
class Operation:
    """One operation. `succeed` applies its effect and returns the response; `fail` undoes it."""

    name: str
    verb: str
    target: str
    begun: datetime
    ends: datetime
    succeed: Callable[[datetime], Json]  # with the end time
    fail: Callable[[datetime], None]
    describe: Callable[["Operation"], Json]  # its metadata, in the form of the service
    error: ApiError | None = None  # the error it ends with
    response: Json | None = None
    done: bool = False
    cancelled: bool = False

    def to_json(self) -> Json:
        """google.longrunning.Operation."""
        shown: Json = {"name": self.name, "metadata": self.describe(self), "done": self.done}
        if self.done and self.error is not None:
            shown["error"] = self.error.to_status()
        elif self.done:
            shown["response"] = self.response
        return shown


class Operations:
    """The operations of one API, by full name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._by_name: dict[str, Operation] = {}
        self._names = Collection()  # for sorting and paging
        self._due: list[tuple[datetime, int, Operation]] = []
        self._order = count()
        self._busy: dict[str, Operation] = {}
        self._requests: dict[tuple[str, str], tuple[datetime, str, str]] = {}

    @contextmanager
    def settled(self, at: datetime | None = None) -> Iterator[datetime]:
        """End all due operations, then hold the lock; yields the time.

        `at`: use this time, which must be past, instead of the clock's; for effects of operations
        of another API that ended then.
        """
        with self._lock:
            now = self._clock.now() if at is None else at
            while self._due and self._due[0][0] <= now:
                self._end(heapq.heappop(self._due)[2])
            yield now

    def begin(self, operation: Operation) -> Operation:
        """Start an operation, inside `settled()`; one with no duration ends at once."""
        self._by_name[operation.name] = operation
        self._names.add(operation.name, {"name": operation.name})
        if operation.ends <= operation.begun:
            self._end(operation)
        else:
            heapq.heappush(self._due, (operation.ends, next(self._order), operation))
            self._busy[operation.target] = operation
        return operation

    def get(self, name: str) -> Operation:
        operation = self._by_name.get(name)
        if operation is None:
            raise ApiError.not_found(name)
        return operation

    def page(
        self, prefix: str, size: int, token: str, wanted: Filter = lambda _: True
    ) -> tuple[list[Json], str]:
        def fits(entry: Json) -> bool:
            return wanted(self._by_name[entry["name"]].to_json())

        names, following = self._names.page(prefix, size, token, fits)
        return [self._by_name[entry["name"]].to_json() for entry in names], following

    def cancel(self, name: str) -> None:
        """End it now as CANCELLED; an operation that is done stays as it is."""
        operation = self.get(name)
        if operation.done:
            return
        operation.cancelled = True
        operation.error = ApiError("CANCELLED", "Operation was cancelled.")
        operation.ends = self._clock.now()
        self._end(operation)

    def delete(self, name: str) -> None:
        """Delete the record only; the operation goes on, as documented for google.longrunning."""
        self.get(name)
        del self._by_name[name]
        self._names.remove(name)

    def under_way(self) -> int:
        """How many are not done; a target has at most one."""
        return len(self._busy)

    def busy_with(self, target: str) -> Operation | None:
        """The unfinished operation on `target`, if there is one."""
        return self._busy.get(target)

    def repeated(self, scope: str, request_id: str, target: str) -> Operation | None:
        """The operation started with `request_id` in the last hour; 400 if on another target."""
        if not request_id:
            return None
        known = self._requests.get((scope, request_id))
        if known is None or self._clock.now() - known[0] > REQUEST_ID_LIFETIME:
            return None
        _, first_target, name = known
        if first_target != target:
            raise ApiError.invalid(
                "Invalid request", [f"requestId: was already used for {first_target}"]
            )
        return self._by_name.get(name)

    def remember(self, scope: str, request_id: str, operation: Operation) -> None:
        """Store the operation for `repeated`."""
        if request_id:
            known = (operation.begun, operation.target, operation.name)
            self._requests[scope, request_id] = known

    def _end(self, operation: Operation) -> None:
        if operation.done:
            return  # cancelled before its end
        operation.done = True
        if self._busy.get(operation.target) is operation:
            del self._busy[operation.target]
        if operation.error is None:
            operation.response = operation.succeed(operation.ends)
        else:
            operation.fail(operation.ends)


def operation_id(now: datetime) -> str:
    """An id in the form of Google's regional services: operation-MILLISECONDS-HEX."""
    return f"operation-{int(now.timestamp() * 1000)}-{uuid.uuid4().hex}"
