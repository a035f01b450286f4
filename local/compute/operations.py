"""Compute Engine's operations: `compute#operation`, global or of a zone, on the cloud's clock.

The common operations in the form of Compute's API. It must not know the resources that they change.

Where Google's documents say nothing: the answer to a request has its operation as PENDING, later
requests see it as RUNNING, then DONE.
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
from local.iam.callers import USER_EMAIL

Json = dict[str, Any]

_WAIT = timedelta(minutes=2)  # documented maximum of wait


@dataclass(frozen=True, slots=True)
class Change:
    """A change, before it becomes an operation."""

    kind: str  # operationType
    verb: str  # a key of Cloud.verb_seconds
    target: str  # path of the resource in targetLink
    target_id: str
    succeed: Callable[[datetime], Json]  # its result is not shown in this API
    fail: Callable[[datetime], None]


@dataclass
class ComputeOperation(Operation):
    """An operation of this API; `target` is the locked resource, `change.target` the shown one."""

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
            "user": USER_EMAIL,
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
    """All Compute operations of one cloud; `change` starts one."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._operations = Operations(cloud.clock)
        self.settled = self._operations.settled

    def change(
        self, incoming: Incoming, method: str, subject: str, begin: Callable[[datetime], Change]
    ) -> Json:
        """Start a change of the resource at path `subject`, or return the operation of a repeat."""
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
        """400 resourceNotReady while `subject` has an unfinished operation."""
        if self._operations.busy_with(subject) is not None:
            raise not_ready(subject)

    def fail_pending(self, subject: str, error: ApiError) -> None:
        """Make the unfinished operation on `subject` end with `error`, at its end time."""
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
        """Wait until it is done, at most two minutes of the cloud's clock."""
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
    """The path of the zone, or of the global scope, whose operation a request starts."""
    project, zone = incoming.params["project"], incoming.params.get("zone")
    return f"projects/{project}/" + (f"zones/{zone}" if zone else "global")
