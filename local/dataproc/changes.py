"""Long-running operations of Dataproc, for clusters and sessions.

Both have operations named `projects/P/regions/R/operations/UUID`, although sessions are in a
"location". It must not know what a change does; the caller passes functions for that.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.api.discovery import refuse
from local.api.http import Incoming
from local.api.operations import Operation, Operations
from local.cloud import Cloud
from local.dataproc import rules

Json = dict[str, Any]

TYPE = "type.googleapis.com/google.cloud.dataproc.v1."


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one resource, before it becomes an operation."""

    takes: timedelta
    succeed: Callable[[datetime], Json]  # with the end time; returns the response
    fail: Callable[[datetime, str], None]  # with the end time and the error's message
    describe: Callable[[Operation], Json]


class Changes:
    """Starts the operations of a collection ("clusters")."""

    def __init__(self, cloud: Cloud, operations: Operations, collection: str) -> None:
        self._cloud = cloud
        self._operations = operations
        self._collection = collection

    def make(
        self,
        incoming: Incoming,
        verb: str,
        name: str,
        request_id: str,
        begin: Callable[[datetime], Change],
    ) -> Json:
        """Start a change; the operation's JSON. A repeat gets the first operation.

        `begin` runs under the lock; it may raise.
        """
        refuse(rules.request_id_violations(request_id))
        method, region = f"{self._collection}.{verb}", _region(incoming)
        scope = f"{region} {method}"
        with self._operations.settled() as now:
            repeated = self._operations.repeated(scope, request_id, name)
            if repeated is not None:
                return repeated.to_json()
            change = begin(now)
            ends, error = self._cloud.operation_course("dataproc", method, name, now, change.takes)
            operation = Operation(
                name=f"{region}/operations/{uuid.uuid4()}",
                verb=verb,
                target=name,
                begun=now,
                ends=ends,
                succeed=change.succeed,
                fail=lambda ended: change.fail(ended, str(operation.error)),
                describe=change.describe,
                error=error,
            )
            self._operations.begin(operation)
            self._operations.remember(scope, request_id, operation)
            return operation.to_json()


def resource_name(incoming: Incoming) -> str:
    """The full name in a request's path: without version and custom verb."""
    place, _, last = incoming.path.removeprefix("/v1/").rpartition("/")
    return f"{place}/{last.partition(':')[0]}"


def _region(incoming: Incoming) -> str:
    region = incoming.params.get("region") or incoming.params["location"]
    return f"projects/{incoming.params['project']}/regions/{region}"
