"""The checks of every storage request: `Cloud.call`, then the discovery document.

The document marks no field as output only, and clients send back whole resources, so only unknown
names and wrong types are refused. Parameters that are not implemented here are refused too, because
ignoring them would give wrong answers.
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

# Parameters that would change the answer but are not implemented.
_NOT_IMPLEMENTED = frozenset(
    {
        "destinationKmsKeyName",
        "filter",
        "kmsKeyName",
        "matchGlob",
        "restoreToken",
        "softDeleted",
    }
)


class RequestChecks:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._discovery = Discovery("storage", "v1")

    @contextmanager
    def call(
        self, method: str, request: Incoming, target: str, *conditions: When
    ) -> Iterator[None]:
        """Enter `Cloud.call` for a request and check its query, then run the `with` body."""
        with self._cloud.call("storage", method, target, *conditions):
            self._check_query(method, request)
            yield

    def body(self, schema: str, request: Incoming) -> dict[str, Any]:
        """The request's JSON body, or 400."""
        return self.check_body(schema, request.json())

    def check_body(self, schema: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The same for JSON from elsewhere, such as a part of an upload."""
        # In a patch null means "remove", also in maps such as `metadata`, so it has no wrong type.
        self._discovery.check(schema, without_nulls(body), partial=True)
        return dict(body)

    def _check_query(self, method: str, request: Incoming) -> None:
        # The id of an upload session, in the URL that the server gave; not in the document.
        query = [(name, text) for name, text in request.query.multi_items() if name != "upload_id"]
        self._discovery.check_query(f"storage.{method}", query)
        for name, text in query:
            if name in _NOT_IMPLEMENTED and text.lower() not in ("", "false"):
                raise ApiError.unimplemented(f"The local cloud does not implement {name}")
