"""What the storage tests share: a cloud with one bucket, served, and clients that look at it.

One server for a module, a new cloud for every test: stopping a server costs more than most tests.
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
class Stage:
    cloud: Cloud
    face: Storage
    client: storage.Client
    http: requests.Session
    url: str

    @property
    def bucket(self) -> storage.Bucket:
        return self.client.bucket(BUCKET)

    def object_url(self, name: str) -> str:
        return f"{self.url}/storage/v1/b/{BUCKET}/o/{name}"

    def upload(self, name: str, data: bytes = b"", **more: Any) -> requests.Response:
        """A media upload; `more` goes to requests, its params are added to ours."""
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


class Face:
    """The application of the test that runs now."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Face, str]]:
    face = Face()
    with Server(face) as server:
        yield face, server.url


@pytest.fixture
def stage(served: tuple[Face, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    # Otherwise the client asks for the bucket in a thread of its own, for its traces.
    monkeypatch.setenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    cloud = Cloud()
    face = Storage(cloud)
    face.make_bucket(BUCKET)
    served[0].app = build_app(cloud, [face.routes()])
    client = storage.Client(
        project="demo",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": served[1]},
    )
    with requests.Session() as http:
        yield Stage(cloud, face, client, http, served[1])
    client.close()


def error_of(answer: requests.Response) -> dict[str, Any]:
    return answer.json()["error"]
