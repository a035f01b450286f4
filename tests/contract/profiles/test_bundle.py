"""Profiles in a bundle, with Google's client and real HTTP, on the local storage service."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.api_core.exceptions import Forbidden
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Blob, Client

import shared.adapters.profiles.bundle
from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.storage import Storage
from shared.adapters.profiles.bundle import BundleProfiles
from shared.adapters.profiles.directory import read_directory
from shared.adapters.storage.client import storage_client
from shared.domain.profiles import ProfilesInvalid
from shared.domain.profiles.bundle import pack

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[3] / "infra" / "profiles"
BUCKET, NAME = "acme-profiles", "live/profiles.json"
WHERE = f"gs://{BUCKET}/{NAME}"


class ManualClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


def shipped(file: str = "profiles.yaml", old: bytes = b"", new: bytes = b"") -> bytes:
    """The bundle of the shipped profiles, with ``old`` in ``file`` replaced by ``new``."""
    files = read_directory(SHIPPED)
    assert old in files[file]
    return pack(files | {file: files[file].replace(old, new) if old else files[file]})


def with_default(name: str) -> bytes:
    return shipped(old=b"default: analyst", new=b"default: " + name.encode())


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def client(cloud: Cloud) -> Iterator[Client]:
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


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def source(client: Client, clock: ManualClock) -> BundleProfiles:
    return BundleProfiles(client, BUCKET, NAME, clock, region="us-central1")


@pytest.fixture
def blob(client: Client) -> Blob:
    return client.bucket(BUCKET).blob(NAME)


def outcomes(cloud: Cloud) -> list[tuple[str, str]]:
    """The calls to Storage since the last ``forget``, each with its status."""
    found = cloud.calls.entries("storage")
    return [(c.method, c.outcome) for c in found if c.method != "objects.insert"]


def later(clock: ManualClock) -> None:
    clock.time += timedelta(seconds=61)


def test_the_whole_set_is_read_in_one_call_and_polled_in_one_without_a_body(
    cloud: Cloud, source: BundleProfiles, blob: Blob, clock: ManualClock
) -> None:
    blob.upload_from_string(shipped())
    first = source.current()
    assert first.names == ("analyst", "data-scientist", "spark-engineer")
    assert outcomes(cloud) == [("objects.get", "OK")]
    assert source.current() is first
    assert len(outcomes(cloud)) == 1, "within the ttl storage is not asked"
    later(clock)
    assert source.current() is first
    [_, (method, outcome)] = outcomes(cloud)
    assert method == "objects.get"
    assert outcome != "OK", "it is answered 304"


def test_a_change_is_in_force_after_the_ttl(
    source: BundleProfiles, blob: Blob, clock: ManualClock
) -> None:
    blob.upload_from_string(shipped())
    assert source.current().default.name == "analyst"
    blob.upload_from_string(with_default("data-scientist"))
    assert source.current().default.name == "analyst"
    later(clock)
    assert source.current().default.name == "data-scientist"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", f"{WHERE}: is not JSON"),
        (b"\xff", f"{WHERE}: is not JSON"),
        (b"[" * 100_000, f"{WHERE}: is not JSON"),
        (b"[]", f"{WHERE}: is not a bundle of profiles"),
        (b'{"format": 1}', f"{WHERE}: is not a bundle of profiles"),
        (b'{"format": "1", "files": {}}', f"{WHERE}: is not a bundle of profiles"),
        (b'{"format": 1, "files": {}, "more": 1}', f"{WHERE}: is not a bundle of profiles"),
        (b'{"format": 2, "files": {}}', f"{WHERE}: format is 2; this release reads 1"),
        (b'{"format": 1, "format": 1, "files": {}}', f"{WHERE}: 'format' is given twice"),
        (b'{"format": 1, "files": {"a": "", "a": ""}}', f"{WHERE}: 'a' is given twice"),
        (b'{"format": 1, "files": {"../x.yaml": ""}}', f"{WHERE}: '../x.yaml' does not belong"),
        (b'{"format": 1, "files": {}}', f"profiles.yaml: there is none in {WHERE}"),
        (b'{"format": 1, "files": {"profiles.yaml": "\\ud800"}}', "profiles.yaml: "),
        (with_default("nobody"), "default: there is no profile 'nobody'"),
        (
            shipped("masters/session-standard.yaml", b"runtimeConfig:", b"runtimeConfig: &x"),
            "masters/session-standard.yaml: ",
        ),
    ],
)
def test_the_fault_of_a_bundle_is_named_and_the_last_valid_set_stays(
    source: BundleProfiles,
    blob: Blob,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    data: bytes,
    said: str,
) -> None:
    blob.upload_from_string(data)
    with pytest.raises(ProfilesInvalid) as caught:
        source.current()
    assert any(message.startswith(said) for message in caught.value.messages)
    blob.upload_from_string(shipped())
    later(clock)
    good = source.current()
    blob.upload_from_string(data)
    caplog.clear()
    for _ in range(3):
        later(clock)
        assert source.current() is good
    [logged] = [vars(r) for r in caplog.records if r.levelno == logging.ERROR]
    assert logged["action"] == "profiles.invalid"


def test_a_deleted_bundle_is_logged_once_and_read_when_it_exists_again(
    source: BundleProfiles, blob: Blob, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ProfilesInvalid, match=f"{WHERE}: there is no such object"):
        source.current()
    blob.upload_from_string(shipped())
    later(clock)
    good = source.current()
    blob.delete()
    caplog.clear()
    for _ in range(3):
        later(clock)
        assert source.current() is good
    assert [vars(r)["action"] for r in caplog.records] == ["profiles.invalid"]
    blob.upload_from_string(with_default("data-scientist"))
    later(clock)
    assert source.current().default.name == "data-scientist"


def test_no_more_than_the_limit_is_read(
    source: BundleProfiles,
    blob: Blob,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = len(shipped())
    blob.upload_from_string(shipped())
    monkeypatch.setattr(shared.adapters.profiles.bundle, "MAX_BYTES", size - 1)
    with pytest.raises(ProfilesInvalid, match=f"{WHERE}: is larger than {size - 1} bytes"):
        source.current()
    monkeypatch.setattr(shared.adapters.profiles.bundle, "MAX_BYTES", size)
    later(clock)
    assert source.current().default.name == "analyst"


def test_while_storage_fails_the_last_valid_set_stays(
    cloud: Cloud,
    source: BundleProfiles,
    blob: Blob,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    blob.upload_from_string(shipped())
    fault = {"service": "storage", "method": "objects.get", "times": 1}
    script = cloud.faults.add(fault | {"error": {"status": "PERMISSION_DENIED"}})
    with pytest.raises(Forbidden):
        source.current()
    first = source.current()
    again = cloud.faults.add(fault | {"error": {"status": "PERMISSION_DENIED"}})
    later(clock)
    caplog.clear()
    assert source.current() is first
    assert [vars(r)["action"] for r in caplog.records] == ["profiles.unreachable"]
    assert (script.hits, again.hits) == (1, 1)


def test_zones_outside_the_region_are_refused(
    client: Client, blob: Blob, clock: ManualClock
) -> None:
    blob.upload_from_string(shipped())
    source = BundleProfiles(client, BUCKET, NAME, clock, region="europe-west1")
    with pytest.raises(ProfilesInvalid, match="is not in this site's region"):
        source.current()
