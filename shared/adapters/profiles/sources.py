"""Where the profiles come from: a directory, or a prefix of a bucket (or a bundle, in its module).

Either way the layout is ``profiles.yaml`` and ``masters/*.yaml``, and what changes hands is a whole
set: one that is not valid never replaces one that is, so a slip of an editor costs a log line and
not the next joiner their notebook. What makes a set valid is the business of ``domain/profiles``.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from shared.adapters.profiles.last_good import Files, Kept, LastGood
from shared.adapters.profiles.polling import ALL_TRIES, TIMEOUT, TTL, PolledProfiles
from shared.domain.profiles import ProfileSet, ProfilesInvalid
from shared.domain.profiles.bundle import is_profile_file
from shared.domain.profiles.parse import FILE, MASTERS
from shared.domain.profiles.strict_yaml import MAX_BYTES
from shared.ports import Clock

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

_AT_ONCE = 8  # downloads


class FileProfiles:
    """The profiles of a directory, read again when a file's time or size has changed."""

    def __init__(
        self, directory: str | Path, *, region: str | None = None, kept: Path | None = None
    ) -> None:
        """With ``region``, zones and subnets outside it make a set invalid.

        ``kept``: a file for the last good set, which another process may read that starts while
        the directory's is not valid.
        """
        self._directory = Path(directory)
        self._set = LastGood(str(directory), region, Kept(kept) if kept else None)
        self._lock = threading.Lock()

    def current(self) -> ProfileSet:
        """See ``ports.ProfileSource``."""
        with self._lock:
            try:
                paths = _paths(self._directory)
                self._set.offer(_times(paths), lambda: _read_files(paths))
            except OSError as error:  # a file that went while we were looking
                self._set.keep_after(error)
            return self._set.get()


class BucketProfiles(PolledProfiles):
    """The profiles below a prefix of a bucket, which should hold nothing else.

    Once every ``ttl`` one list call tells by the generations whether anything has changed; only
    then is it downloaded, each object in the generation listed.
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
        super().__init__(LastGood(f"gs://{bucket}/{self._prefix}", region), clock, ttl)

    def _offer(self, to: LastGood) -> None:
        blobs = self._list()
        generations = tuple((name, blob.generation) for name, blob in sorted(blobs.items()))
        to.offer(generations, lambda: self._download(blobs))

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

        # Side by side: somebody's first day waits for the slowest of them, not for all in a row.
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(blobs, pool.map(download, blobs.values()), strict=True))


def read_directory(directory: Path) -> Files:
    """What ``FileProfiles`` would read there now; raises ``OSError``."""
    return _read_files(_paths(directory))


def _paths(directory: Path) -> dict[str, Path]:
    masters = {MASTERS + path.name: path for path in sorted(directory.glob(f"{MASTERS}*.yaml"))}
    profiles = directory / FILE
    return {FILE: profiles, **masters} if profiles.is_file() else masters


def _times(paths: dict[str, Path]) -> Hashable:
    stats = {name: path.stat() for name, path in sorted(paths.items())}
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats.items())


def _read_files(paths: dict[str, Path]) -> Files:
    files = {}
    for name, path in paths.items():
        with path.open("rb") as file:
            files[name] = file.read(MAX_BYTES + 1)  # one more tells that it is too large
    return files
