"""Resumable upload sessions: bytes arrive in pieces, the object appears with the last one.

A client that lost an answer asks where it stands or sends bytes again, so every step tolerates
repetition: bytes already held are skipped, and a finished session keeps answering with its object.
Preconditions are checked at the start, to spare the client the transfer, and again when the object
is made, where it counts. Protocol:
https://cloud.google.com/storage/docs/performing-resumable-uploads. This module must not know HTTP
requests or the API's JSON.
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

_QUANTUM = 256 * 1024  # unfinished uploads are held in multiples of it
_LIFETIME = timedelta(days=7)
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Intent:
    """The object that is to be, said when the session starts."""

    bucket: str
    name: str
    fields: Fields
    conditions: Conditions
    sums: dict[str, str]  # what the metadata promised, see checksums.from_metadata


@dataclass(frozen=True, slots=True)
class Piece:
    """One request's bytes, where they begin (None: it only asks), and the size of the whole."""

    start: int | None
    total: int | None
    data: bytes

    @classmethod
    def of(cls, content_range: str | None, data: bytes) -> Self:
        """From "bytes 0-9/50", "bytes 0-9/*", "bytes */50" or "bytes */*"; no header: the whole."""
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
    intent: Intent
    started: datetime
    held: bytearray = field(default_factory=bytearray, repr=False)
    result: StoredObject | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Sessions:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def start(self, intent: Intent) -> Session:
        self._store.check_put(intent.bucket, intent.name, intent.conditions)
        now = self._clock.now()
        session = Session(uuid.uuid4().hex, intent, now)
        with self._lock:
            for old in list(self._sessions.values()):
                if now - old.started > _LIFETIME:
                    del self._sessions[old.id]
            self._sessions[session.id] = session
        return session

    def find(self, session_id: str) -> Session | None:
        """None for one that never was, was cancelled, or is older than a week."""
        with self._lock:
            session = self._sessions.get(session_id)
        if session is None or self._clock.now() - session.started > _LIFETIME:
            return None
        return session

    def cancel(self, session_id: str) -> None:
        with self._lock:
            self._sessions.pop(session_id, None)

    def take(self, session: Session, piece: Piece, sums: dict[str, str]) -> StoredObject | int:
        """Add a piece; the finished object, or how many bytes are held while some are missing.

        `sums`: the checksums this request carried; they are those of the whole object.
        """
        with session.lock:
            if session.result is not None:
                return session.result
            self._add(session, piece)
            if piece.total is None or len(session.held) < piece.total:
                if len(session.held) % _QUANTUM:
                    del session.held[len(session.held) // _QUANTUM * _QUANTUM :]
                return len(session.held)
            session.result = self._finish(session, sums)
            session.held.clear()
            return session.result

    @staticmethod
    def _add(session: Session, piece: Piece) -> None:
        if piece.start is None:
            return
        held = len(session.held)
        if piece.start > held:
            raise bad_body(
                f"Invalid request. Expected bytes from offset {held}, not {piece.start}."
            )
        if piece.total is not None and piece.start + len(piece.data) > piece.total:
            raise bad_body(
                f"Invalid request. More bytes than the {piece.total} that were announced."
            )
        session.held += piece.data[held - piece.start :]

    def _finish(self, session: Session, sums: dict[str, str]) -> StoredObject:
        intent, data = session.intent, bytes(session.held)
        checksums = Checksums.of(data)
        checksums.check(intent.sums)
        checksums.check(sums)
        return self._store.put(
            intent.bucket, intent.name, data, intent.fields, intent.conditions, checksums
        )
