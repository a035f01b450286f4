"""The `objects` methods of the API, except uploads."""

from typing import Any

from starlette.responses import Response

from local.api.http import Answer, Incoming
from local.storage.conditions import Conditions, whole_number
from local.storage.download import media
from local.storage.listing import ListQuery
from local.storage.names import check_object
from local.storage.request_checks import RequestChecks
from local.storage.resources import (
    NEW_OBJECT_FIELDS,
    OBJECT_FIELDS,
    keep,
    merge,
    object_json,
)
from local.storage.state import Fields, Store, StoredObject


class Objects:
    def __init__(self, store: Store, checks: RequestChecks) -> None:
        self._store = store
        self._checks = checks

    def get(self, request: Incoming) -> Answer:
        bucket, name = request.params["bucket"], request.params["object"]
        with self._checks.call("objects.get", request, f"{bucket}/{name}"):
            stored = self._store.get(
                bucket,
                name,
                whole_number(request.query, "generation"),
                Conditions.of(request.query, request.headers),
            )
            if request.query.get("alt") == "media":
                return media(stored, request.headers)
            return object_json(stored, request.base_url)

    def list(self, request: Incoming) -> Answer:
        bucket = request.params["bucket"]
        with self._checks.call("objects.list", request, bucket):
            stored, page = self._store.page(bucket, ListQuery.of(request.query))
            answer: dict[str, Any] = {"kind": "storage#objects"}
            if stored:
                answer["items"] = [object_json(one, request.base_url) for one in stored]
            if page.prefixes:
                answer["prefixes"] = page.prefixes
            if page.next_token:
                answer["nextPageToken"] = page.next_token
            return answer

    def patch(self, request: Incoming) -> Answer:
        bucket, name = request.params["bucket"], request.params["object"]
        with self._checks.call("objects.patch", request, f"{bucket}/{name}"):
            body = self._checks.body("Object", request)
            patch = {key: value for key, value in body.items() if key in OBJECT_FIELDS}
            stored = self._store.update(
                bucket,
                name,
                lambda old: merge(old, patch),
                whole_number(request.query, "generation"),
                Conditions.of(request.query, request.headers),
            )
            return object_json(stored, request.base_url)

    def update(self, request: Incoming) -> Answer:
        bucket, name = request.params["bucket"], request.params["object"]
        with self._checks.call("objects.update", request, f"{bucket}/{name}"):
            fields = keep(self._checks.body("Object", request), OBJECT_FIELDS)

            def change(old: Fields) -> Fields:
                # The storage class is not metadata: only a rewrite changes it.
                kept = {key: old[key] for key in NEW_OBJECT_FIELDS - OBJECT_FIELDS if key in old}
                return kept | dict(fields)

            stored = self._store.update(
                bucket,
                name,
                change,
                whole_number(request.query, "generation"),
                Conditions.of(request.query, request.headers),
            )
            return object_json(stored, request.base_url)

    def delete(self, request: Incoming) -> Answer:
        bucket, name = request.params["bucket"], request.params["object"]
        with self._checks.call("objects.delete", request, f"{bucket}/{name}"):
            self._store.delete(
                bucket,
                name,
                whole_number(request.query, "generation"),
                Conditions.of(request.query, request.headers),
            )
            return Response(status_code=204)

    def copy(self, request: Incoming) -> Answer:
        with self._checks.call("objects.copy", request, _destination(request)):
            return object_json(self._copied(request), request.base_url)

    def rewrite(self, request: Incoming) -> Answer:
        """Rewrite in one call; a real rewrite may need several."""
        with self._checks.call("objects.rewrite", request, _destination(request)):
            stored = self._copied(request)
            size = str(len(stored.data))
            return {
                "kind": "storage#rewriteResponse",
                "totalBytesRewritten": size,
                "objectSize": size,
                "done": True,
                "resource": object_json(stored, request.base_url),
            }

    def _copied(self, request: Incoming) -> StoredObject:
        params = request.params
        fields = keep(self._checks.body("Object", request), NEW_OBJECT_FIELDS)
        source = self._store.get(
            params["sourceBucket"],
            params["sourceObject"],
            whole_number(request.query, "sourceGeneration"),
            Conditions.of(request.query, source=True),
            reading=False,
        )
        # `source` is immutable, so a later change of the object doesn't affect the copy.
        return self._store.put(
            params["destinationBucket"],
            check_object(params["destinationObject"]),
            source.data,
            fields or source.fields,  # "If the request body is empty, the metadata is copied."
            Conditions.of(request.query, request.headers),
            source.checksums,
        )


def _destination(request: Incoming) -> str:
    return f"{request.params['destinationBucket']}/{request.params['destinationObject']}"
