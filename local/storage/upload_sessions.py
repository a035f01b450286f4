"""Resumable upload sessions: data arrives in chunks; the last one creates the object.

A client that lost an answer asks for the current offset or sends data again, so every step can be
repeated: received bytes are skipped, and a finished session always answers with its object.
Preconditions are checked at the start, to save the client the transfer, and again when the object
is created. Protocol: https://cloud.google.com/storage/docs/performing-resumable-uploads. This
module must not know HTTP requests or the JSON of the API.
"""

import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from local.clock import Clock
from local.storage.checksums import Checksums
from local.storage.conditions import Conditions
from local.storage.errors import bad_body
from local.storage.state import Fields, Store, StoredObject

_QUANTUM = 256 * 1024  # an unfinished upload keeps a multiple of it
_LIFETIME = timedelta(days=7)
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class NewObject:
    """The object to create, as given at the start of the session."""

    bucket: str
    name: str
    fields: Fields
    conditions: Conditions
    sums: dict[str, str]  # see checksums.from_metadata


@dataclass(frozen=True, slots=True)
class Chunk:
    """One request's data, its offset (None: a status request), and the total size."""

    start: int | None
    total: int | None
    data: bytes

    @classmethod
    def of(cls, content_range: str | None, data: bytes) -> Self:
        """From "bytes 0-9/50", "bytes 0-9/*", "bytes */50" or "bytes */*"; no header: all data."""
        if content_range is None:
            return cls(0, len(data), data)
        found = _RANGE.fullmatch(content_range.strip())
        if found is None:
            raise bad_body(f"Failed to parse Content-Range header: {content_range}")
        first, last, size = found.groups()
        total = None if size == "*" else int(size)
        if first is None:
            return cls(None, total, b"")
        if int(last) - int(first) + 1 != len(data):
            raise bad_body(
                f"Invalid request. The request body has {len(data)} byte(s), but its Content-Range "
                f"header says {first} to {last}."
            )
        return cls(int(first), total, data)


@dataclass(slots=True)
class Session:
    id: str
    new_object: NewObject
    started: datetime
    received: bytearray = field(default_factory=bytearray, repr=False)
    result: StoredObject | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Sessions:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def start(self, new_object: NewObject) -> Session:
        self._store.check_put(new_object.bucket, new_object.name, new_object.conditions)
        now = self._clock.now()
        session = Session(uuid.uuid4().hex, new_object, now)
        with self._lock:
            for old in list(self._sessions.values()):
                if now - old.started > _LIFETIME:
                    del self._sessions[old.id]
            self._sessions[session.id] = session
        return session

    def find(self, session_id: str) -> Session | None:
        """The session; None if it is unknown, cancelled, or older than a week."""
        with self._lock:
            session = self._sessions.get(session_id)
        if session is None or self._clock.now() - session.started > _LIFETIME:
            return None
        return session

    def cancel(self, session_id: str) -> None:
        with self._lock:
            self._sessions.pop(session_id, None)

    def add(self, session: Session, chunk: Chunk, sums: dict[str, str]) -> StoredObject | int:
        """Add a chunk; the finished object, or the number of bytes received so far.

        `sums`: the checksums in this request, of the whole object.
        """
        with session.lock:
            if session.result is not None:
                return session.result
            self._add(session, chunk)
            if chunk.total is None or len(session.received) < chunk.total:
                if len(session.received) % _QUANTUM:
                    del session.received[len(session.received) // _QUANTUM * _QUANTUM :]
                return len(session.received)
            session.result = self._finish(session, sums)
            session.received.clear()
            return session.result

    @staticmethod
    def _add(session: Session, chunk: Chunk) -> None:
        if chunk.start is None:
            return
        held = len(session.received)
        if chunk.start > held:
            raise bad_body(
                f"Invalid request. Expected bytes from offset {held}, not {chunk.start}."
            )
        if chunk.total is not None and chunk.start + len(chunk.data) > chunk.total:
            raise bad_body(
                f"Invalid request. More bytes than the {chunk.total} that were announced."
            )
        session.received += chunk.data[held - chunk.start :]

    def _finish(self, session: Session, sums: dict[str, str]) -> StoredObject:
        new_object, data = session.new_object, bytes(session.received)
        checksums = Checksums.of(data)
        checksums.check(new_object.sums)
        checksums.check(sums)
        return self._store.put(
            new_object.bucket,
            new_object.name,
            data,
            new_object.fields,
            new_object.conditions,
            checksums,
        )
