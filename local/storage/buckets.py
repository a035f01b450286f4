"""The `buckets` methods of the API."""

from typing import Any

from starlette.responses import Response

from local.api.http import Answer, Incoming
from local.errors import ApiError
from local.storage.conditions import Conditions
from local.storage.listing import ListQuery, list_page
from local.storage.names import check_bucket
from local.storage.request_checks import RequestChecks
from local.storage.resources import (
    BUCKET_FIELDS,
    NEW_BUCKET_FIELDS,
    bucket_json,
    keep,
    merge,
)
from local.storage.state import Fields, Store

# Fields that only `insert` can set.
_FIXED = NEW_BUCKET_FIELDS - BUCKET_FIELDS


class Buckets:
    def __init__(self, store: Store, checks: RequestChecks) -> None:
        self._store = store
        self._checks = checks

    def insert(self, request: Incoming) -> Answer:
        with self._checks.call("buckets.insert", request, _named(request)):
            body = self._checks.body("Bucket", request)
            name = check_bucket(body.get("name", ""))
            bucket = self._store.insert_bucket(name, keep(body, NEW_BUCKET_FIELDS))
            return bucket_json(bucket, request.base_url)

    def get(self, request: Incoming) -> Answer:
        name = request.params["bucket"]
        with self._checks.call("buckets.get", request, name):
            bucket = self._store.bucket(name, Conditions.of(request.query, request.headers))
            return bucket_json(bucket, request.base_url)

    def list(self, request: Incoming) -> Answer:
        with self._checks.call("buckets.list", request, request.query.get("project", "")):
            by_name = {bucket.name: bucket for bucket in self._store.buckets()}
            page = list_page(list(by_name), ListQuery.of(request.query))
            items = [bucket_json(by_name[name], request.base_url) for name in page.names]
            answer: dict[str, Any] = {"kind": "storage#buckets", "items": items}
            if page.next_token:
                answer["nextPageToken"] = page.next_token
            return answer

    def patch(self, request: Incoming) -> Answer:
        name = request.params["bucket"]
        with self._checks.call("buckets.patch", request, name):
            body = self._checks.body("Bucket", request)
            patch = {key: value for key, value in body.items() if key in BUCKET_FIELDS}
            conditions = Conditions.of(request.query, request.headers)
            bucket = self._store.update_bucket(name, lambda old: merge(old, patch), conditions)
            return bucket_json(bucket, request.base_url)

    def update(self, request: Incoming) -> Answer:
        name = request.params["bucket"]
        with self._checks.call("buckets.update", request, name):
            fields = keep(self._checks.body("Bucket", request), BUCKET_FIELDS)

            def change(old: Fields) -> Fields:
                return {key: old[key] for key in _FIXED if key in old} | dict(fields)

            conditions = Conditions.of(request.query, request.headers)
            bucket = self._store.update_bucket(name, change, conditions)
            return bucket_json(bucket, request.base_url)

    def delete(self, request: Incoming) -> Answer:
        name = request.params["bucket"]
        with self._checks.call("buckets.delete", request, name):
            self._store.delete_bucket(name, Conditions.of(request.query, request.headers))
            return Response(status_code=204)

    def layout(self, request: Incoming) -> Answer:
        """For gcloud, which reads whether a bucket has a hierarchical namespace."""
        name = request.params["bucket"]
        with self._checks.call("buckets.getStorageLayout", request, name):
            resource = bucket_json(self._store.bucket(name), request.base_url)
            return {
                "kind": "storage#storageLayout",
                "bucket": name,
                "location": resource["location"],
                "locationType": resource["locationType"],
                "hierarchicalNamespace": {"enabled": False},
            }

    def managed_folders(self, request: Incoming) -> Answer:
        """An empty list, for `gcloud storage rm -r`: managed folders can't be created here."""
        name = request.params["bucket"]
        with self._checks.call("managedFolders.list", request, name):
            self._store.bucket(name)
            return {"kind": "storage#managedFolders", "items": []}


def _named(request: Incoming) -> str:
    """The name of a new bucket, for the log; "" if the body is not valid."""
    try:
        return str(request.json().get("name", ""))
    except ApiError:
        return ""
