"""How a change to a Workbench instance becomes a long-running operation, or is refused.

The one way by which an operation comes to be: a repeat finds the first one, a busy instance and a
full quota refuse. It must not know HTTP, nor what a change does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local import notebook_states as states
from local.cloud import Cloud
from local.discovery import refuse
from local.errors import ApiError
from local.operations import Operation, Operations, operation_id
from local.request_ids import request_id_violations

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one instance, before it becomes an operation."""

    verb: str
    succeed: Callable[[datetime], Json]
    fail: Callable[[datetime], None]
    at_once: bool = False  # nothing to do: the operation is born done
    error: ApiError | None = None  # what it will end in, unless a scripted fault strikes


def no_undoing(_: datetime) -> None:
    """The `fail` of a change that changes nothing before it succeeds."""


class Changes:
    def __init__(self, cloud: Cloud, operations: Operations) -> None:
        self._cloud = cloud
        self._operations = operations

    def make(
        self, method: str, name: str, request_id: str, begin: Callable[[datetime], Change]
    ) -> Json:
        """Repeat, refuse or begin a change of the instance `name`; the operation's JSON.

        `begin` runs over a settled world, may refuse too, and marks what is under way.
        """
        refuse(request_id_violations(request_id))
        parent = name.partition("/instances/")[0]
        scope = f"{parent} {method}"
        with self._operations.settled() as now:
            repeated = self._operations.repeated(scope, request_id, name)
            if repeated is not None:
                return repeated.to_json()
            busy = self._operations.busy_with(name)
            if busy is not None and method != "create":
                raise ApiError.aborted(f"'{name}' is busy with operation '{busy.name}'.")
            self._cloud.quotas.check_operations("notebooks", self._operations.under_way())
            change = begin(now)
            fault = self._cloud.operation_fault("notebooks", f"instances.{method}", name)
            operation = Operation(
                name=f"{parent}/operations/{operation_id(now)}",
                verb=change.verb,
                target=name,
                begun=now,
                ends=now if change.at_once else now + self._cloud.operation_time(change.verb),
                succeed=change.succeed,
                fail=change.fail,
                describe=states.operation_metadata,
                error=fault or change.error,
            )
            self._operations.begin(operation)
            self._operations.remember(scope, request_id, operation)
            return operation.to_json()
