"""Compute Engine's operations: `compute#operation`, global or of a zone, on the cloud's clock.

They are the common operations told in Compute's words. It must not know what they operate on.

Choice where Google's documents are silent: the answer to a request shows its operation PENDING,
later requests see it RUNNING, then DONE.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.api.discovery import refuse
from local.api.http import Incoming
from local.api.operations import Operation, Operations, operation_id
from local.api.request_ids import request_id_violations
from local.clock import timestamp
from local.cloud import Cloud
from local.compute.errors import not_found, not_ready, operation_fields
from local.compute.listing import Page, listed
from local.compute.names import link, numeric_id
from local.errors import ApiError

Json = dict[str, Any]

_CALLER = "caller@example.com"  # nobody signs in here
_WAIT = timedelta(minutes=2)  # the documented deadline of wait


@dataclass(frozen=True, slots=True)
class Change:
    """A change, before it becomes an operation."""

    kind: str  # operationType
    verb: str  # whose length the settings know
    target: str  # path of what targetLink shows
    target_id: str
    succeed: Callable[[datetime], Json]  # its return is nowhere shown in this API
    fail: Callable[[datetime], None]


@dataclass
class ComputeOperation(Operation):
    """An operation of this API; `target` is what it keeps busy, `change.target` what it shows."""

    change: Change | None = None
    request_id: str = ""
    id: str = ""

    def to_json(self) -> Json:
        assert self.change is not None
        scope, _, _ = self.name.partition("/operations/")
        shown: Json = {
            "kind": "compute#operation",
            "id": self.id,
            "name": self.name.rsplit("/", 1)[1],
            "operationType": self.change.kind,
            "targetLink": link(self.change.target),
            "targetId": self.change.target_id,
            "user": _CALLER,
            "status": "DONE" if self.done else "RUNNING",
            "progress": 100 if self.done else 0,
            "insertTime": timestamp(self.begun),
            "startTime": timestamp(self.begun),
            "selfLink": link(self.name),
        }
        if "/zones/" in scope:
            shown["zone"] = link(scope)
        if self.request_id:
            shown["clientOperationId"] = self.request_id
        if self.done:
            shown["endTime"] = timestamp(self.ends)
        if self.done and self.error is not None:
            shown |= operation_fields(self.error)
        return shown


class ComputeOperations:
    """Every operation of one cloud, with the one way by which one comes to be."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._operations = Operations(cloud.clock)
        self.settled = self._operations.settled

    def change(
        self, incoming: Incoming, method: str, subject: str, begin: Callable[[datetime], Change]
    ) -> Json:
        """Repeat, refuse or begin a change of `subject`, a path that it keeps busy."""
        request_id = incoming.query.get("requestId", "")
        refuse(request_id_violations(request_id))
        scope = scope_of(incoming)
        with self.settled() as now:
            repeated = self._operations.repeated(f"{scope} {method}", request_id, subject)
            if repeated is not None:
                return repeated.to_json()
            self._cloud.quotas.check_operations("compute", self._operations.under_way())
            change = begin(now)
            takes = self._cloud.operation_time(change.verb)
            ends, error = self._cloud.operation_course("compute", method, subject, now, takes)
            operation = ComputeOperation(
                name=f"{scope}/operations/{operation_id(now)}",
                verb=change.verb,
                target=subject,
                begun=now,
                ends=ends,
                succeed=change.succeed,
                fail=change.fail,
                describe=lambda _: {},
                error=error,
                change=change,
                request_id=request_id,
                id=numeric_id(),
            )
            self._operations.begin(operation)
            self._operations.remember(f"{scope} {method}", request_id, operation)
            shown = operation.to_json()
        return shown if operation.done else shown | {"status": "PENDING"}

    def check_idle(self, subject: str) -> None:
        """400 resourceNotReady while an operation is under way on `subject`."""
        if self._operations.busy_with(subject) is not None:
            raise not_ready(subject)

    def spoil(self, subject: str, error: ApiError) -> None:
        """Let the operation under way on `subject` end in `error`, when its time comes."""
        operation = self._operations.busy_with(subject)
        if operation is not None and operation.error is None:
            operation.error = error

    def get(self, incoming: Incoming) -> Json:
        with self.settled():
            return self._find(incoming).to_json()

    def list(self, incoming: Incoming) -> Json:
        page = Page.of(incoming.query)
        path = f"{scope_of(incoming)}/operations"
        with self.settled():
            found = self._operations.page(f"{path}/", page.size, page.token, page.wanted)
        return listed("compute#operationList", path, found)

    def wait(self, incoming: Incoming) -> Json:
        """Until it is done or two minutes have passed on the cloud's clock."""
        with self.settled() as now:
            operation = self._find(incoming)
        if not operation.done:
            self._cloud.clock.wait_until(min(operation.ends, now + _WAIT), threading.Event())
        return self.get(incoming)

    def _find(self, incoming: Incoming) -> Operation:
        name = f"{scope_of(incoming)}/operations/{incoming.params['operation']}"
        try:
            return self._operations.get(name)
        except ApiError as error:
            raise not_found(name) from error


def scope_of(incoming: Incoming) -> str:
    """The path above a request's operations: a zone's, or the project's global one."""
    project, zone = incoming.params["project"], incoming.params.get("zone")
    return f"projects/{project}/" + (f"zones/{zone}" if zone else "global")
