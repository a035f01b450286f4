"""Buckets and objects in memory, changed atomically under one lock.

Preconditions are checked under the same lock as the change, so that clients can use generations for
compare-and-swap. Values are immutable and can be read without the lock. This module must not know
HTTP or the JSON of the API.
"""

import base64
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from local.clock import Clock
from local.storage.checksums import Checksums
from local.storage.conditions import Conditions
from local.storage.errors import StorageError, no_bucket, no_object
from local.storage.listing import ListQuery, Page, list_page

Fields = Mapping[str, Any]  # the fields that clients set, with the API's names
ANY = Conditions()

_BUCKET_DEFAULTS = {"location": "US", "storageClass": "STANDARD"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    bucket: str
    name: str
    data: bytes = field(repr=False)
    fields: Fields
    checksums: Checksums
    generation: int
    metageneration: int
    created: datetime
    updated: datetime

    @property
    def etag(self) -> str:
        return _etag(self.generation, self.metageneration)


@dataclass(frozen=True, slots=True)
class StoredBucket:
    name: str
    fields: Fields
    generation: int
    metageneration: int
    created: datetime
    updated: datetime

    @property
    def etag(self) -> str:
        return _etag(self.generation, self.metageneration)


@dataclass(slots=True)
class _BucketContents:
    """A bucket's objects by name, and their names sorted, for listings."""

    bucket: StoredBucket
    objects: dict[str, StoredObject] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


class Store:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._contents: dict[str, _BucketContents] = {}
        self._last_generation = 0

    # Buckets

    def insert_bucket(self, name: str, fields: Fields) -> StoredBucket:
        with self._lock:
            if name in self._contents:
                message = "The requested bucket name is not available: you already own it."
                raise StorageError("ALREADY_EXISTS", message)
            now = self._clock.now()
            bucket = StoredBucket(
                name, _BUCKET_DEFAULTS | dict(fields), self._next_generation(), 1, now, now
            )
            self._contents[name] = _BucketContents(bucket)
            return bucket

    def bucket(self, name: str, conditions: Conditions = ANY, reading: bool = True) -> StoredBucket:
        with self._lock:
            bucket = self._find(name).bucket
            conditions.check(bucket.generation, bucket.metageneration, bucket.etag, reading)
            return bucket

    def buckets(self) -> list[StoredBucket]:
        """All of them, by name."""
        with self._lock:
            return [self._contents[name].bucket for name in sorted(self._contents)]

    def update_bucket(
        self, name: str, change: Callable[[Fields], Fields], conditions: Conditions = ANY
    ) -> StoredBucket:
        with self._lock:
            bucket = self.bucket(name, conditions, reading=False)
            changed = replace(
                bucket,
                fields=_BUCKET_DEFAULTS | dict(change(bucket.fields)),
                metageneration=bucket.metageneration + 1,
                updated=self._clock.now(),
            )
            self._contents[name].bucket = changed
            return changed

    def delete_bucket(self, name: str, conditions: Conditions = ANY) -> None:
        with self._lock:
            self.bucket(name, conditions, reading=False)
            if self._contents[name].objects:
                message = "The bucket you tried to delete is not empty."
                raise StorageError("FAILED_PRECONDITION", message, http=409)
            del self._contents[name]

    # Objects

    def put(
        self,
        bucket: str,
        name: str,
        data: bytes,
        fields: Fields,
        conditions: Conditions = ANY,
        checksums: Checksums | None = None,
    ) -> StoredObject:
        """A new generation of the object, replacing the live one."""
        checksums = checksums or Checksums.of(data)  # slow, so outside the lock
        with self._lock:
            self.check_put(bucket, name, conditions)
            now = self._clock.now()
            contents = self._contents[bucket]
            generation = self._next_generation()
            fields = {"storageClass": contents.bucket.fields["storageClass"]} | dict(fields)
            stored = StoredObject(bucket, name, data, fields, checksums, generation, 1, now, now)
            if name not in contents.objects:
                insort(contents.names, name)
            contents.objects[name] = stored
            return stored

    def has(self, bucket: str, name: str) -> bool:
        """Whether there is a live object of that name, in a bucket that may not exist."""
        with self._lock:
            contents = self._contents.get(bucket)
            return contents is not None and name in contents.objects

    def check_put(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Raise what `put` would raise now; for the start of a resumable upload."""
        with self._lock:
            live = self._find(bucket).objects.get(name)
            if live is None:
                conditions.check(0, 0)
            else:
                conditions.check(live.generation, live.metageneration, live.etag)

    def get(
        self,
        bucket: str,
        name: str,
        generation: int | None = None,
        conditions: Conditions = ANY,
        reading: bool = True,
    ) -> StoredObject:
        """The live object; 404 also if it has another `generation` (versions aren't stored)."""
        with self._lock:
            live = self._find(bucket).objects.get(name)
            if live is None or generation not in (None, live.generation):
                raise no_object(bucket, name)
            conditions.check(live.generation, live.metageneration, live.etag, reading)
            return live

    def update(
        self,
        bucket: str,
        name: str,
        change: Callable[[Fields], Fields],
        generation: int | None = None,
        conditions: Conditions = ANY,
    ) -> StoredObject:
        """Change an object's metadata; increases its metageneration only."""
        with self._lock:
            live = self.get(bucket, name, generation, conditions, reading=False)
            changed = replace(
                live,
                fields=change(live.fields),
                metageneration=live.metageneration + 1,
                updated=self._clock.now(),
            )
            self._contents[bucket].objects[name] = changed
            return changed

    def delete(
        self,
        bucket: str,
        name: str,
        generation: int | None = None,
        conditions: Conditions = ANY,
    ) -> None:
        with self._lock:
            self.get(bucket, name, generation, conditions, reading=False)
            contents = self._contents[bucket]
            del contents.objects[name]
            del contents.names[bisect_left(contents.names, name)]

    def page(self, bucket: str, query: ListQuery) -> tuple[list[StoredObject], Page]:
        """One page of a listing, and the live objects on it."""
        with self._lock:
            contents = self._find(bucket)
            page = list_page(contents.names, query)
            return [contents.objects[name] for name in page.names], page

    def objects(self) -> list[StoredObject]:
        """Every live object of every bucket, by bucket and name."""
        with self._lock:
            return [
                contents.objects[name]
                for _, contents in sorted(self._contents.items())
                for name in contents.names
            ]

    def _find(self, bucket: str) -> _BucketContents:
        contents = self._contents.get(bucket)
        if contents is None:
            raise no_bucket()
        return contents

    def _next_generation(self) -> int:
        """Microseconds of the clock, as in Cloud Storage, and always unique."""
        micros = int(self._clock.now().timestamp() * 1_000_000)
        self._last_generation = max(self._last_generation + 1, micros)
        return self._last_generation


def _etag(generation: int, metageneration: int) -> str:
    return base64.b64encode(f"{generation}/{metageneration}".encode()).decode("ascii")
