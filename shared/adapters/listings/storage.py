"""The listing of cluster templates: the files in the people's folders in Cloud Storage."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.adapters.google_api.fault_table import translated
from shared.adapters.listings.facts import key_of, only_ours
from shared.adapters.storage.cluster_templates import object_fingerprint
from shared.domain.manifests.cluster_template import PEOPLE, key_of_path
from shared.domain.manifests.labels import is_ours
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.listed import Listed
from shared.ports import Page

if TYPE_CHECKING:
    from google.cloud.storage import Client


class ClusterTemplateListing:
    """All files in a person's folder, whatever their type, as the final search finds them, too."""

    kind = Kind.CLUSTER_TEMPLATE

    def __init__(
        self, client: Callable[[], Client], bucket: str, page_size: int, seconds: float
    ) -> None:
        self._make_client = client
        self._bucket = bucket
        self._page_size = page_size
        self._seconds = seconds

    @cached_property
    def _client(self) -> Client:
        return self._make_client()

    def page(self, after: str) -> Page[Listed]:
        """See ``facts.Listing``."""
        with translated(changes=False):
            pager: Any = self._client.list_blobs(  # google-cloud-storage ships no types
                self._bucket,
                prefix=PEOPLE,
                page_size=self._page_size,
                page_token=after or None,
                retry=None,
                timeout=self._seconds,
            )
            blobs = tuple(next(pager.pages))
        return only_ours(Page(items=blobs, next=pager.next_page_token or ""), self._listed)

    def _listed(self, blob: Any) -> Listed | None:
        metadata = blob.metadata or {}
        key = key_of(metadata, key_of_path(blob.name))
        if not key:
            return None
        return Listed(
            kind=self.kind,
            name=f"gs://{self._bucket}/{blob.name}",
            key=key,
            labelled=is_ours(metadata, key),
            state=State.READY,
            fingerprint=object_fingerprint(blob, metadata),
            created_at=blob.time_created,
        )
