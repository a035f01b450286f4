"""Cloud Storage's JSON API: buckets, objects, uploads and downloads, with preconditions.

google-cloud-storage and `gcloud storage` work with it unchanged. All data is in memory. It must not
know the other services.
"""

from typing import Any

from starlette.routing import BaseRoute

from local.cloud import Cloud
from local.storage.buckets import Buckets
from local.storage.objects import Objects
from local.storage.request_checks import RequestChecks
from local.storage.routes import all_routes
from local.storage.state import Store
from local.storage.upload_sessions import Sessions
from local.storage.uploads import Uploads

__all__ = ["Storage"]


class Storage:
    """The storage service of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._store = Store(cloud.clock)
        checks = RequestChecks(cloud)
        self._buckets = Buckets(self._store, checks)
        self._objects = Objects(self._store, checks)
        self._uploads = Uploads(self._store, Sessions(self._store, cloud.clock), checks)

    def routes(self) -> list[BaseRoute]:
        return all_routes(self._buckets, self._objects, self._uploads)

    def make_bucket(self, name: str) -> None:
        """Create a bucket without an API call, to set up the cloud."""
        self._store.insert_bucket(name, {})

    def resources(self) -> list[dict[str, Any]]:
        """All buckets and objects for `/_admin/resources`, each with a kind."""
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
