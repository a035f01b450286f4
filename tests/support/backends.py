"""Each environment store with a back door, so that a store isn't checked by itself."""

from __future__ import annotations

import json
import os
import sqlite3
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any, Protocol
from unittest import mock

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from shared.adapters.state.firestore_store import FirestoreStore
from shared.adapters.state.sqlite_store import SqliteStore
from shared.ports import EnvironmentStore, Page
from tests.support import summary
from tests.support.memory_store import MemoryStore

BACKENDS = ("memory", "sqlite", pytest.param("firestore", marks=pytest.mark.slow))

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever the proxy


class Backend(Protocol):
    """A store under test. ``address`` lets another process open the same one ('' if none can)."""

    address: str

    @property
    def store(self) -> EnvironmentStore:
        """The store."""

    def raw_record(self, key: str) -> dict[str, Any] | None:
        """The record within the stored document, read without the store."""

    def raw_history(self, key: str) -> int:
        """How many history entries are stored, counted without the store."""

    def raw_making(self, key: str) -> str | None:
        """What the crowd is counted by, as it is stored for a record that is there."""

    def raw_shortages(self) -> dict[str, int]:
        """Until when each zone lacks a machine type, in microseconds since 1970."""


class MemoryBackend:
    address = ""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def raw_record(self, key: str) -> dict[str, Any] | None:
        blob = self.store.raw(key)
        return json.loads(blob)["record"] if blob else None

    def raw_history(self, key: str) -> int:
        return len(self.store.history(key, 1_000_000))

    def raw_making(self, key: str) -> str | None:
        blob = self.store.raw(key)
        assert blob is not None
        making: str | None = json.loads(blob)["making"]
        return making

    def raw_shortages(self) -> dict[str, int]:
        return self.store.raw_shortages()


class SqliteBackend:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.address = f"sqlite:{path}"
        self.store = SqliteStore(path)
        self.store.page(1)  # makes the file, so that the back door opens before the first write

    def raw_record(self, key: str) -> dict[str, Any] | None:
        rows = self.query("SELECT document FROM environments WHERE key = ?", key)
        return json.loads(rows[0][0])["record"] if rows else None

    def raw_history(self, key: str) -> int:
        return int(self.query("SELECT count(*) FROM history WHERE key = ?", key)[0][0])

    def raw_making(self, key: str) -> str | None:
        [(making,)] = self.query("SELECT making FROM environments WHERE key = ?", key)
        return None if making is None else str(making)

    def raw_shortages(self) -> dict[str, int]:
        return dict(self.query("SELECT what, until FROM shortages"))

    def query(self, statement: str, *values: object) -> list[Any]:
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()


class FirestoreBackend:
    """A project of its own in the emulator; the back door is REST, not Google's client."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.project = f"demo-{uuid.uuid4().hex[:12]}"
        self.address = f"firestore:{host}/{self.project}"
        self.client = firestore_client(host, self.project)
        self.store = FirestoreStore(self.client)

    def raw_record(self, key: str) -> dict[str, Any] | None:
        document = self.get(f"environments/{key}")
        return None if document is None else _plain(document["fields"]["record"])

    def raw_history(self, key: str) -> int:
        found = self.get(f"environments/{key}/history?pageSize=300") or {}
        assert "nextPageToken" not in found
        return len(found.get("documents", []))

    def raw_making(self, key: str) -> str | None:
        document = self.get(f"environments/{key}")
        assert document is not None
        making: str | None = _plain(document["fields"]["making"])
        return making

    def raw_shortages(self) -> dict[str, int]:
        found = self.get("shortages?pageSize=300") or {}
        assert "nextPageToken" not in found
        rows = [_plain({"mapValue": each}) for each in found.get("documents", [])]
        return {row["what"]: row["until"] for row in rows}

    def get(self, path: str) -> dict[str, Any] | None:
        url = f"http://{self.host}/v1/projects/{self.project}/databases/(default)/documents/{path}"
        request = urllib.request.Request(url, headers={"Authorization": "Bearer owner"})
        try:
            with _direct.open(request, timeout=10) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                raise


def opened_backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """The body of a fixture with ``BACKENDS`` as its parameters: a store of its own each time."""
    if request.param == "firestore":
        yield request.getfixturevalue("firestore_backend")
        return
    summary.ran_on(request, request.param)
    if request.param == "memory":
        yield MemoryBackend()
        return
    sqlite = SqliteBackend(tmp_path / "state.db")
    yield sqlite
    sqlite.store.close()


def all_items(ask: Callable[[str], Page[Any]]) -> list[Any]:
    """Everything in a listing, page by page; no page but the last may end it."""
    items: list[Any] = []
    after = ""
    while True:
        page = ask(after)
        items.extend(page.items)
        after = page.next
        if not after:
            return items
        assert page.items


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """``work(0)`` … from as many threads, started at once."""
    barrier = Barrier(count)

    def run(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


@contextmanager
def opened(address: str) -> Iterator[EnvironmentStore]:
    """The store at a backend's ``address``, from another process."""
    kind, _, where = address.partition(":")
    if kind == "sqlite":
        store = SqliteStore(where)
        yield store
        store.close()
    else:
        client = firestore_client(*where.split("/"))
        yield FirestoreStore(client)
        client.close()


def firestore_client(host: str, project: str) -> firestore.Client:
    """Google's client on the emulator; the address is read from the environment, and only now."""
    with mock.patch.dict(os.environ, {"FIRESTORE_EMULATOR_HOST": host}):
        client = firestore.Client(project=project, credentials=AnonymousCredentials())
        client._firestore_api  # noqa: B018 - connects now, while the address is there
    return client


def _plain(value: dict[str, Any]) -> Any:
    """A Firestore REST value as the builtin it stands for (the types that records are made of)."""
    [(kind, content)] = value.items()
    if kind == "mapValue":
        return {name: _plain(inner) for name, inner in content.get("fields", {}).items()}
    if kind == "arrayValue":
        return [_plain(inner) for inner in content.get("values", [])]
    if kind == "integerValue":
        return int(content)
    return None if kind == "nullValue" else content
