"""Profiles from a bundle in a bucket: one call reads the whole set if it has changed.

``domain/profiles/bundle.py`` decides what is valid.
"""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.profiles.last_good import Files, LastGoodProfiles
from shared.adapters.profiles.polling import ALL_TRIES, TIMEOUT, TTL, PolledProfiles
from shared.domain.profiles import ProfilesInvalid
from shared.domain.profiles.bundle import MAX_BYTES, unpack
from shared.ports import Clock

if TYPE_CHECKING:
    from google.cloud.storage import Client


class BundleProfiles(PolledProfiles):
    """The profiles in one object, which ``make profiles-bundle`` writes.

    Once every ``ttl`` one call reads the object, with the generation read last as a precondition:
    if it has not changed, the answer is 304 without a body.
    """

    def __init__(
        self,
        client: Client,
        bucket: str,
        name: str,
        clock: Clock,
        ttl: timedelta = TTL,
        *,
        region: str | None = None,
    ) -> None:
        """With ``region``, zones and subnets outside it make a set invalid."""
        self._client = client
        self._bucket = bucket
        self._name = name
        self._where = f"gs://{bucket}/{name}"
        self._generation: int | None = None
        super().__init__(LastGoodProfiles(self._where, region), clock, ttl)

    def _refresh(self, profiles: LastGoodProfiles) -> None:
        from google.api_core.exceptions import NotFound, NotModified
        from google.cloud.storage.retry import DEFAULT_RETRY

        blob = self._client.bucket(self._bucket).blob(self._name)
        content = _LimitedBuffer()
        try:
            blob.download_to_file(
                content,
                if_generation_not_match=self._generation,
                timeout=TIMEOUT,
                retry=DEFAULT_RETRY.with_timeout(ALL_TRIES),
            )
        except NotModified:
            return
        except NotFound:
            self._reject(profiles, "there is no such object")
        except _TooLarge:
            self._reject(profiles, f"is larger than {MAX_BYTES} bytes; no more are read")
        else:
            self._generation = int(blob.generation)
            profiles.refresh(self._generation, lambda: unpack(content.getvalue(), self._where))

    def _reject(self, profiles: LastGoodProfiles, why: str) -> None:
        """Refresh with a set that is not valid; the same reason is logged only once."""

        def read() -> Files:
            raise ProfilesInvalid([f"{self._where}: {why}"])

        self._generation = None
        profiles.refresh(why, read)


class _TooLarge(Exception):
    """The object is larger than a bundle may be."""


class _LimitedBuffer(io.BytesIO):
    """Receives a download in pieces; raises ``_TooLarge`` beyond ``MAX_BYTES``."""

    def write(self, piece: Any, /) -> int:
        if self.tell() + memoryview(piece).nbytes > MAX_BYTES:
            raise _TooLarge
        return super().write(piece)
