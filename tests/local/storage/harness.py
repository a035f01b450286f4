"""Shared by the storage tests: a server, a cloud with one bucket, and clients.

One server per module and a new cloud per test, because stopping a server takes longer than most
tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from starlette.types import ASGIApp, Receive, Scope, Send

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.storage import Storage

BUCKET = "people-files"
QUANTUM = 256 * 1024


@dataclass
class Bench:
    cloud: Cloud
    service: Storage
    client: storage.Client
    http: requests.Session
    url: str

    @property
    def bucket(self) -> storage.Bucket:
        return self.client.bucket(BUCKET)

    def object_url(self, name: str) -> str:
        return f"{self.url}/storage/v1/b/{BUCKET}/o/{name}"

    def upload(self, name: str, data: bytes = b"", **more: Any) -> requests.Response:
        """A media upload; `more` is passed to requests, its params are added."""
        params = {"uploadType": "media", "name": name} | more.pop("params", {})
        url = f"{self.url}/upload/storage/v1/b/{BUCKET}/o"
        return self.http.post(url, params=params, data=data, **more)

    def start_resumable(self, name: str, **params: str) -> str:
        url = f"{self.url}/upload/storage/v1/b/{BUCKET}/o"
        answer = self.http.post(
            url, params={"uploadType": "resumable"} | params, json={"name": name}
        )
        answer.raise_for_status()
        return answer.headers["Location"]


class CurrentApp:
    """The application of the current test."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[CurrentApp, str]]:
    current = CurrentApp()
    with Server(current) as server:
        yield current, server.url


@pytest.fixture
def bench(served: tuple[CurrentApp, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    # Otherwise the client requests the bucket in a thread, for tracing.
    monkeypatch.setenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    cloud = Cloud()
    service = Storage(cloud)
    service.make_bucket(BUCKET)
    served[0].app = build_app(cloud, [service.routes()])
    client = storage.Client(
        project="demo",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": served[1]},
    )
    with requests.Session() as http:
        yield Bench(cloud, service, client, http, served[1])
    client.close()


def error_of(answer: requests.Response) -> dict[str, Any]:
    return answer.json()["error"]
