"""Profiles in a bucket, with Google's client and real HTTP, on the local storage service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.storage import Storage
from shared.adapters.profiles.bucket import BucketProfiles
from shared.adapters.storage.client import storage_client

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[3] / "infra" / "profiles"
BUCKET = "acme-profiles"


class ManualClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def client() -> Iterator[Client]:
    cloud = Cloud()
    face = Storage(cloud)
    face.make_bucket(BUCKET)
    with Server(build_app(cloud, [face.routes()])) as server:
        client = storage_client(
            "demo",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": server.url},
        )
        yield client
        client.close()


def test_shipped_profiles_are_loaded_and_a_change_is_noticed(client: Client) -> None:
    bucket, clock = client.bucket(BUCKET), ManualClock()
    for path in SHIPPED.rglob("*.yaml"):
        name = path.relative_to(SHIPPED).as_posix()
        bucket.blob(f"live/{name}").upload_from_filename(str(path))
    source = BucketProfiles(client, BUCKET, "live", clock, region="us-central1")

    first = source.current()
    assert first.names == ("analyst", "data-scientist", "spark-engineer")

    clock.time += timedelta(seconds=61)
    assert source.current() is first, "the same generations are the same profiles"

    text = (
        (SHIPPED / "profiles.yaml")
        .read_text()
        .replace("default: analyst", "default: data-scientist")
    )
    bucket.blob("live/profiles.yaml").upload_from_string(text)
    clock.time += timedelta(seconds=61)
    assert source.current().default.name == "data-scientist"
