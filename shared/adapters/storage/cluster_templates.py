"""The driver of cluster templates: YAML files in Cloud Storage, one object each.

Every write names the generation that it replaces, so concurrent workers never overwrite one
another and an object that is not ours is never touched. ``cluster_yaml`` writes the content.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from shared.adapters.driver_defaults import DriverDefaults
from shared.adapters.google_api.fault_table import translated
from shared.adapters.google_api.fingerprints import fingerprint_of
from shared.adapters.storage.cluster_yaml import render
from shared.domain.faults import CloudFault
from shared.domain.manifests.labels import MANAGED_BY, MANAGER, is_ours, ownership
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource

if TYPE_CHECKING:
    from google.cloud.storage import Client

TIMEOUT = (5.0, 20.0)  # of each call: seconds to connect, seconds to read
_DIGEST = "benchkeeper-digest"
_UNMARKED = "it lacks our metadata for this person"
_NONE = 0  # the generation of an object that does not exist


class ClusterTemplateDriver(DriverDefaults):
    """One remote call for create and observe, two for update and delete (read, then write).

    The client never retries (``retry=None``): after a lost answer the object is observed first, so
    that the record shows what happened.
    """

    kind = Kind.CLUSTER_TEMPLATE

    def __init__(
        self, client: Callable[[], Client], *, timeout: tuple[float, float] = TIMEOUT
    ) -> None:
        self._make_client = client
        self._timeout = timeout

    @cached_property
    def _client(self) -> Client:
        return self._make_client()

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """Read the object's metadata."""
        blob = self._find(resource.name)
        return Observation(state=State.ABSENT) if blob is None else _observation(blob, key)

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Write it if there is no such object; update the person's own if there is."""
        try:
            return self._write(resource, manifest, key, replacing=_NONE)
        except CloudFault as fault:
            if fault.code != "CONDITION_NOT_MET":
                raise
        return self._replace_own(resource, manifest, key)

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Replace its content if it is ours and differs."""
        return self._replace_own(resource, manifest, key)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete the current generation if it is ours; one that is written meanwhile is kept."""
        blob = self._find(resource.name)
        if blob is None:
            return Observation(state=State.ABSENT)
        if (blob.metadata or {}).get(MANAGED_BY) != MANAGER:
            return replace(_ready(blob), state=State.FOREIGN, detail=_UNMARKED)
        try:
            with translated(changes=True):
                # Not through ``blob``, which would also name the generation as the target: if the
                # object was replaced meanwhile, the answer would be NotFound.
                self._blob(resource.name).delete(
                    if_generation_match=blob.generation, timeout=self._timeout, retry=None
                )
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
        return Observation(state=State.ABSENT)

    def _find(self, name: str) -> Any | None:
        """The object with its metadata; None if it does not exist."""
        blob = self._blob(name)
        try:
            with translated(changes=False):
                blob.reload(timeout=self._timeout, retry=None)
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return None
        return blob

    def _replace_own(self, resource: Resource, manifest: Manifest, key: str) -> Observation:
        """Replace the present object if it is ours and differs."""
        blob = self._find(resource.name)
        if blob is None:
            return Observation(state=State.ABSENT)
        seen = _observation(blob, key)
        if seen.state is State.FOREIGN or _is_as_written(blob, manifest):
            return seen
        return self._write(resource, manifest, key, replacing=blob.generation)

    def _write(
        self, resource: Resource, manifest: Manifest, key: str, *, replacing: int
    ) -> Observation:
        blob = self._blob(resource.name)
        blob.metadata = {**ownership(key), _DIGEST: manifest.digest}
        with translated(changes=True):
            blob.upload_from_string(
                render(manifest.body),
                content_type="application/yaml",
                if_generation_match=replacing,
                timeout=self._timeout,
                retry=None,
            )
        return _ready(blob)  # the upload's answer was put into it

    def _current(self, resource: Resource) -> Observation:
        found = self._find(resource.name)
        return Observation(state=State.ABSENT) if found is None else _ready(found)

    def _blob(self, name: str) -> Any:  # google-cloud-storage ships no types
        bucket, _, path = name.removeprefix("gs://").partition("/")
        return self._client.bucket(bucket).blob(path)


def object_fingerprint(blob: Any, metadata: Mapping[str, str]) -> str:
    """The fingerprint of an object: of its content, by its checksums, and of its metadata.

    ``metadata``: those of the blob, which copies them whenever they are read. A composed object,
    which none of ours is, has no MD5.
    """
    content = {"crc32c": blob.crc32c, "md5": blob.md5_hash, "metadata": metadata}
    return fingerprint_of(content)


def _is_as_written(blob: Any, manifest: Manifest) -> bool:
    """Whether the content is that of ``manifest``, and not only the metadata that say so."""
    content = hashlib.md5(render(manifest.body), usedforsecurity=False).digest()
    is_unchanged = blob.md5_hash == base64.b64encode(content).decode()
    return is_unchanged and (blob.metadata or {}).get(_DIGEST) == manifest.digest


def _observation(blob: Any, key: str) -> Observation:
    seen = _ready(blob)
    if not is_ours(blob.metadata or {}, key):
        return replace(seen, state=State.FOREIGN, detail=_UNMARKED)
    return seen


def _ready(blob: Any) -> Observation:
    return Observation(state=State.READY, fingerprint=object_fingerprint(blob, blob.metadata or {}))
