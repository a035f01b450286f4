"""Profiles from a bundle in a bucket: one call reads the whole set, one that changed or the first.

What makes a bundle valid is the business of ``domain/profiles/bundle.py``.
"""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.profiles.last_good import Files, LastGood
from shared.adapters.profiles.polling import ALL_TRIES, TIMEOUT, TTL, PolledProfiles
from shared.domain.profiles import ProfilesInvalid
from shared.domain.profiles.bundle import MAX_BYTES, unpack
from shared.ports import Clock

if TYPE_CHECKING:
    from google.cloud.storage import Client


class BundleProfiles(PolledProfiles):
    """The profiles in one object, which ``make profiles-bundle`` has written.

    Once every ``ttl`` one call asks for the object unless it is still of the generation that was
    read last; then the answer is 304 without a body.
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
        super().__init__(LastGood(self._where, region), clock, ttl)

    def _offer(self, to: LastGood) -> None:
        from google.api_core.exceptions import NotFound, NotModified
        from google.cloud.storage.retry import DEFAULT_RETRY

        blob = self._client.bucket(self._bucket).blob(self._name)
        read = _Limited()
        try:
            blob.download_to_file(
                read,
                if_generation_not_match=self._generation,
                timeout=TIMEOUT,
                retry=DEFAULT_RETRY.with_timeout(ALL_TRIES),
            )
        except NotModified:
            return
        except NotFound:
            self._refuse(to, "there is no such object")
        except _TooLarge:
            self._refuse(to, f"is larger than {MAX_BYTES} bytes; no more are read")
        else:
            self._generation = int(blob.generation)
            to.offer(self._generation, lambda: unpack(read.getvalue(), self._where))

    def _refuse(self, to: LastGood, why: str) -> None:
        """Offer a set that is not valid, whose generation isn't known; it is logged once."""

        def read() -> Files:
            raise ProfilesInvalid([f"{self._where}: {why}"])

        self._generation = None
        to.offer(why, read)


class _TooLarge(Exception):
    """More than a bundle may have."""


class _Limited(io.BytesIO):
    """Takes what is downloaded piece by piece, up to ``MAX_BYTES``."""

    def write(self, piece: Any, /) -> int:
        if self.tell() + memoryview(piece).nbytes > MAX_BYTES:
            raise _TooLarge
        return super().write(piece)
