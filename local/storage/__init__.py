"""Cloud Storage's JSON API: buckets, objects, uploads, downloads, with generation preconditions.

google-cloud-storage and `gcloud storage` work against it unchanged. It keeps everything in memory
and knows nothing of the other services.
"""

from typing import Any

from starlette.routing import BaseRoute

from local.cloud import Cloud
from local.storage.buckets import Buckets
from local.storage.objects import Objects
from local.storage.request_checks import Gate
from local.storage.routes import all_routes
from local.storage.state import Store
from local.storage.upload_sessions import Sessions
from local.storage.uploads import Uploads

__all__ = ["Storage"]


class Storage:
    """The storage face of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._store = Store(cloud.clock)
        gate = Gate(cloud)
        self._buckets = Buckets(self._store, gate)
        self._objects = Objects(self._store, gate)
        self._uploads = Uploads(self._store, Sessions(self._store, cloud.clock), gate)

    def routes(self) -> list[BaseRoute]:
        return all_routes(self._buckets, self._objects, self._uploads)

    def make_bucket(self, name: str) -> None:
        """Create a bucket without an API call, as part of setting up the cloud."""
        self._store.insert_bucket(name, {})

    def resources(self) -> list[dict[str, Any]]:
        """What there is, for the admin face, by its "kind": storage.bucket or storage.object."""
        found: list[dict[str, Any]] = [
            {
                "kind": "storage.bucket",
                "name": bucket.name,
                "labels": bucket.fields.get("labels", {}),
            }
            for bucket in self._store.buckets()
        ]
        found += [
            {
                "kind": "storage.object",
                "name": f"{stored.bucket}/{stored.name}",
                "metadata": stored.fields.get("metadata", {}),
                "size": len(stored.data),
                "generation": stored.generation,
                "metageneration": stored.metageneration,
            }
            for stored in self._store.objects()
        ]
        return found
