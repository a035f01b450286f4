"""Long-running operations for changes of notebooks, of Notebooks v1 and v2.

A repeated request gets the first operation; a notebook with an unfinished operation and a full
quota are errors. It must not know HTTP or what a change does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.api.discovery import refuse
from local.api.operations import Operation, Operations, operation_id
from local.api.request_ids import request_id_violations
from local.clock import timestamp
from local.cloud import Cloud
from local.errors import ApiError

Json = dict[str, Any]

_TYPE = "type.googleapis.com/google.cloud.notebooks"


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one notebook, before it becomes an operation."""

    verb: str
    succeed: Callable[[datetime], Json]
    fail: Callable[[datetime], None]
    immediate: bool = False  # nothing to do: the operation is done at once
    error: ApiError | None = None  # the error it ends with, unless a scripted fault applies


def nothing_to_undo(_: datetime) -> None:
    """The `fail` of a change that changes nothing before it succeeds."""


class Changes:
    """``service``: its name in calls and quotas; ``version``: of the API, such as v2."""

    def __init__(self, cloud: Cloud, operations: Operations, *, service: str, version: str) -> None:
        self._cloud = cloud
        self._operations = operations
        self._service = service
        self._version = version

    def make(
        self, call: str, name: str, request_id: str, begin: Callable[[datetime], Change]
    ) -> Json:
        """Start a change of the notebook `name`; the operation's JSON. A repeat gets the first one.

        `call`: the method with its collection, such as `instances.create`. `begin` runs inside
        `settled()`; it may raise.
        """
        refuse(request_id_violations(request_id))
        parent = "/".join(name.split("/")[:4])
        scope = f"{parent} {call}"
        with self._operations.settled() as now:
            repeated = self._operations.repeated(scope, request_id, name)
            if repeated is not None:
                return repeated.to_json()
            busy = self._operations.busy_with(name)
            if busy is not None and not call.endswith(".create"):
                raise ApiError.aborted(f"'{name}' is busy with operation '{busy.name}'.")
            self._cloud.quotas.check_operations(self._service, self._operations.under_way())
            change = begin(now)
            takes = timedelta() if change.immediate else self._cloud.operation_time(change.verb)
            ends, fault = self._cloud.operation_course(self._service, call, name, now, takes)
            operation = Operation(
                name=f"{parent}/operations/{operation_id(now)}",
                verb=change.verb,
                target=name,
                begun=now,
                ends=ends,
                succeed=change.succeed,
                fail=change.fail,
                describe=self._metadata,
                error=fault or change.error,
            )
            self._operations.begin(operation)
            self._operations.remember(scope, request_id, operation)
            return operation.to_json()

    def _metadata(self, operation: Operation) -> Json:
        """google.cloud.notebooks.VERSION.OperationMetadata."""
        metadata: Json = {
            "@type": f"{_TYPE}.{self._version}.OperationMetadata",
            "createTime": timestamp(operation.begun),
            "target": operation.target,
            "verb": operation.verb,
            "requestedCancellation": operation.cancelled,
            "apiVersion": self._version,
        }
        if operation.done:
            metadata["endTime"] = timestamp(operation.ends)
        return metadata


def without_own_name(body: Json, name: str) -> Json:
    """The body without its name, if that is the full name or the id of the resource.

    The field is output only, but gcloud and Google's clients send it, and the API accepts it.
    Another name stays in the body and is refused later.
    """
    if body.get("name") in (name, name.rsplit("/", 1)[1]):
        return {key: value for key, value in body.items() if key != "name"}
    return body
