"""Buckets and objects in memory, changed atomically under one lock.

Every change checks its preconditions under the same lock that makes it: that is what lets clients
build compare-and-swap on generations. Values are frozen, so that readers need no lock once they
have one. This module must not know HTTP or the shape of the API's JSON.
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

Fields = Mapping[str, Any]  # the writable part of a resource, in the API's spelling
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
class _Shelf:
    """One bucket's objects by name, and the names in order, so that a page costs no sort."""

    bucket: StoredBucket
    objects: dict[str, StoredObject] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


class Store:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._shelves: dict[str, _Shelf] = {}
        self._last_generation = 0

    # Buckets

    def insert_bucket(self, name: str, fields: Fields) -> StoredBucket:
        with self._lock:
            if name in self._shelves:
                message = "The requested bucket name is not available: you already own it."
                raise StorageError("ALREADY_EXISTS", message)
            now = self._clock.now()
            bucket = StoredBucket(
                name, _BUCKET_DEFAULTS | dict(fields), self._next_generation(), 1, now, now
            )
            self._shelves[name] = _Shelf(bucket)
            return bucket

    def bucket(self, name: str, conditions: Conditions = ANY, reading: bool = True) -> StoredBucket:
        with self._lock:
            bucket = self._shelf(name).bucket
            conditions.check(bucket.generation, bucket.metageneration, bucket.etag, reading)
            return bucket

    def buckets(self) -> list[StoredBucket]:
        """All of them, by name."""
        with self._lock:
            return [self._shelves[name].bucket for name in sorted(self._shelves)]

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
            self._shelves[name].bucket = changed
            return changed

    def delete_bucket(self, name: str, conditions: Conditions = ANY) -> None:
        with self._lock:
            self.bucket(name, conditions, reading=False)
            if self._shelves[name].objects:
                message = "The bucket you tried to delete is not empty."
                raise StorageError("FAILED_PRECONDITION", message, http=409)
            del self._shelves[name]

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
        checksums = checksums or Checksums.of(data)  # outside the lock: it is the only slow part
        with self._lock:
            self.check_put(bucket, name, conditions)
            now = self._clock.now()
            shelf = self._shelves[bucket]
            generation = self._next_generation()
            fields = {"storageClass": shelf.bucket.fields["storageClass"]} | dict(fields)
            stored = StoredObject(bucket, name, data, fields, checksums, generation, 1, now, now)
            if name not in shelf.objects:
                insort(shelf.names, name)
            shelf.objects[name] = stored
            return stored

    def has(self, bucket: str, name: str) -> bool:
        """Whether there is a live object of that name, in a bucket that may not exist."""
        with self._lock:
            shelf = self._shelves.get(bucket)
            return shelf is not None and name in shelf.objects

    def check_put(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Raise what `put` would raise now: resumable uploads ask before any byte is sent."""
        with self._lock:
            live = self._shelf(bucket).objects.get(name)
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
        """The live object; 404 too if `generation` asks for another one (versions aren't kept)."""
        with self._lock:
            live = self._shelf(bucket).objects.get(name)
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
        """Change an object's metadata; its generation stays, its metageneration grows."""
        with self._lock:
            live = self.get(bucket, name, generation, conditions, reading=False)
            changed = replace(
                live,
                fields=change(live.fields),
                metageneration=live.metageneration + 1,
                updated=self._clock.now(),
            )
            self._shelves[bucket].objects[name] = changed
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
            shelf = self._shelves[bucket]
            del shelf.objects[name]
            del shelf.names[bisect_left(shelf.names, name)]

    def page(self, bucket: str, query: ListQuery) -> tuple[list[StoredObject], Page]:
        """One page of a listing, and the live objects on it."""
        with self._lock:
            shelf = self._shelf(bucket)
            page = list_page(shelf.names, query)
            return [shelf.objects[name] for name in page.names], page

    def objects(self) -> list[StoredObject]:
        """Every live object of every bucket, by bucket and name."""
        with self._lock:
            return [
                shelf.objects[name]
                for _, shelf in sorted(self._shelves.items())
                for name in shelf.names
            ]

    def _shelf(self, bucket: str) -> _Shelf:
        shelf = self._shelves.get(bucket)
        if shelf is None:
            raise no_bucket()
        return shelf

    def _next_generation(self) -> int:
        """Microseconds of the clock, as in the cloud, but never one that was given before."""
        micros = int(self._clock.now().timestamp() * 1_000_000)
        self._last_generation = max(self._last_generation + 1, micros)
        return self._last_generation


def _etag(generation: int, metageneration: int) -> str:
    return base64.b64encode(f"{generation}/{metageneration}".encode()).decode("ascii")
