"""What every method of this face goes through: the cloud's gate, then the official description.

Query and body are checked against the storage v1 discovery document. That document marks nothing
as output only, and clients do echo whole resources back, so only unknown names and wrong types are
refused. What the cloud can do and this face cannot is refused too: ignoring it would be a wrong
answer.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.api.discovery import Discovery
from local.api.http import Incoming
from local.cloud import Cloud
from local.errors import ApiError
from local.iam.permissions import When
from local.storage.resources import without_nulls

# Parameters that would change the answer, and that nothing here implements.
_LACKING = frozenset(
    {
        "destinationKmsKeyName",
        "filter",
        "kmsKeyName",
        "matchGlob",
        "restoreToken",
        "softDeleted",
    }
)


class Gate:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._discovery = Discovery("storage", "v1")

    @contextmanager
    def call(self, method: str, request: Incoming, target: str, *given: When) -> Iterator[None]:
        """One API request: logged, open to faults, its query checked before the `with` body."""
        with self._cloud.call("storage", method, target, *given):
            self._check_query(method, request)
            yield

    def body(self, schema: str, request: Incoming) -> dict[str, Any]:
        """The request's JSON, or 400."""
        return self.check_body(schema, request.json())

    def check_body(self, schema: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The same for JSON that came another way, such as one part of an upload."""
        # In a patch null means "remove", in maps such as `metadata` too; it is never a wrong type.
        self._discovery.check(schema, without_nulls(body), partial=True)
        return dict(body)

    def _check_query(self, method: str, request: Incoming) -> None:
        # The session's id is part of the URL we gave out, and of no published description.
        query = [(name, text) for name, text in request.query.multi_items() if name != "upload_id"]
        self._discovery.check_query(f"storage.{method}", query)
        for name, text in query:
            if name in _LACKING and text.lower() not in ("", "false"):
                raise ApiError.unimplemented(f"The local cloud does not implement {name}")
