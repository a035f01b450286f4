"""The JSON of buckets and objects, and the fields that requests can set.

Clients send back whole resources (`gcloud` gets and patches, `Blob.update` puts what it read), so
fields that only the service sets are ignored in a body, not refused. This module must not know HTTP
or the store.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from local.clock import timestamp
from local.storage.state import Fields, StoredBucket, StoredObject

# Fields that a client can set, by the storage v1 discovery document and the API's reference.
OBJECT_FIELDS = frozenset(
    {
        "acl",
        "cacheControl",
        "contentDisposition",
        "contentEncoding",
        "contentLanguage",
        "contentType",
        "contexts",
        "customTime",
        "eventBasedHold",
        "metadata",
        "retention",
        "temporaryHold",
    }
)
NEW_OBJECT_FIELDS = OBJECT_FIELDS | {"storageClass"}
BUCKET_FIELDS = frozenset(
    {
        "acl",
        "autoclass",
        "billing",
        "cors",
        "customPlacementConfig",
        "defaultEventBasedHold",
        "defaultObjectAcl",
        "encryption",
        "iamConfiguration",
        "ipFilter",
        "labels",
        "lifecycle",
        "logging",
        "objectRetention",
        "retentionPolicy",
        "rpo",
        "softDeletePolicy",
        "storageClass",
        "versioning",
        "website",
    }
)
NEW_BUCKET_FIELDS = BUCKET_FIELDS | {"hierarchicalNamespace", "location"}

_MULTI_REGIONS = {"US": "multi-region", "EU": "multi-region", "ASIA": "multi-region"}
_PROJECT_NUMBER = "123456789012"


def keep(body: Mapping[str, Any], allowed: frozenset[str]) -> Fields:
    """The fields of a body for a new resource; nulls are left out."""
    return {
        name: without_nulls(value)
        for name, value in body.items()
        if name in allowed and value is not None
    }


def merge(old: Fields, patch: Mapping[str, Any]) -> dict[str, Any]:
    """JSON merge patch, as in PATCH: null removes, objects are merged, other values replace."""
    merged = dict(old)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            before = merged.get(name)
            merged[name] = merge(before if isinstance(before, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def without_nulls(value: Any) -> Any:
    return merge({}, value) if isinstance(value, Mapping) else value


def bucket_json(bucket: StoredBucket, base_url: str) -> dict[str, Any]:
    location = str(bucket.fields["location"]).upper()
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "name": bucket.name,
        "selfLink": f"{base_url}/storage/v1/b/{bucket.name}",
        "projectNumber": _PROJECT_NUMBER,
        "locationType": _MULTI_REGIONS.get(location, "region"),
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": False},
            "publicAccessPrevention": "inherited",
        },
        **bucket.fields,
        "location": location,
        "generation": str(bucket.generation),
        "metageneration": str(bucket.metageneration),
        "etag": bucket.etag,
        "timeCreated": timestamp(bucket.created),
        "updated": timestamp(bucket.updated),
    }


def object_json(stored: StoredObject, base_url: str) -> dict[str, Any]:
    path = f"b/{stored.bucket}/o/{quote(stored.name, safe='')}"
    return {
        "kind": "storage#object",
        "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
        "selfLink": f"{base_url}/storage/v1/{path}",
        "mediaLink": f"{base_url}/download/storage/v1/{path}"
        f"?generation={stored.generation}&alt=media",
        "bucket": stored.bucket,
        "name": stored.name,
        **stored.fields,
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "etag": stored.etag,
        "size": str(len(stored.data)),
        "crc32c": stored.checksums.crc32c,
        "md5Hash": stored.checksums.md5,
        "timeCreated": timestamp(stored.created),
        "updated": timestamp(stored.updated),
        "timeStorageClassUpdated": timestamp(stored.created),
        "timeFinalized": timestamp(stored.created),
    }
