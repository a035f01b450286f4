"""Profiles from a prefix of a bucket: ``profiles.yaml`` and ``masters/*.yaml``.

``domain/profiles`` decides what is valid.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.adapters.profiles.last_good import Files, LastGoodProfiles
from shared.adapters.profiles.polling import ALL_TRIES, TIMEOUT, TTL, PolledProfiles
from shared.domain.profiles import ProfilesInvalid
from shared.domain.profiles.bundle import is_profile_file
from shared.domain.profiles.strict_yaml import MAX_BYTES
from shared.ports import Clock

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

_PARALLEL_DOWNLOADS = 8


class BucketProfiles(PolledProfiles):
    """The profiles in a prefix of a bucket, which should contain nothing else.

    Once every ``ttl`` one call lists the objects. If their generations have changed, each object is
    downloaded in the listed generation.
    """

    def __init__(
        self,
        client: Client,
        bucket: str,
        prefix: str,
        clock: Clock,
        ttl: timedelta = TTL,
        *,
        region: str | None = None,
    ) -> None:
        """With ``region``, zones and subnets outside it make a set invalid."""
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        super().__init__(LastGoodProfiles(f"gs://{bucket}/{self._prefix}", region), clock, ttl)

    def _refresh(self, profiles: LastGoodProfiles) -> None:
        blobs = self._list()
        generations = tuple((name, blob.generation) for name, blob in sorted(blobs.items()))
        profiles.refresh(generations, lambda: self._download(blobs))

    def _list(self) -> dict[str, Blob]:
        from google.cloud.storage.retry import DEFAULT_RETRY

        blobs = self._client.list_blobs(
            self._bucket,
            prefix=self._prefix or None,
            timeout=TIMEOUT,
            retry=DEFAULT_RETRY.with_timeout(ALL_TRIES),
        )
        by_name = {blob.name.removeprefix(self._prefix): blob for blob in blobs}
        return {name: blob for name, blob in by_name.items() if is_profile_file(name)}

    def _download(self, blobs: dict[str, Blob]) -> Files:
        from google.cloud.storage.retry import DEFAULT_RETRY

        large = [
            f"{name}: is {blob.size} bytes; at most {MAX_BYTES} are read"
            for name, blob in blobs.items()
            if (blob.size or 0) > MAX_BYTES
        ]
        if large:
            raise ProfilesInvalid(large)
        bucket = self._client.bucket(self._bucket)
        retry = DEFAULT_RETRY.with_timeout(ALL_TRIES)

        def download(blob: Blob) -> bytes:
            pinned = bucket.blob(blob.name, generation=blob.generation)
            return bytes(pinned.download_as_bytes(timeout=TIMEOUT, retry=retry))

        # In parallel: the first event of a process waits for this.
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            return dict(zip(blobs, pool.map(download, blobs.values()), strict=True))
