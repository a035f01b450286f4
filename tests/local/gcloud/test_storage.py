"""The real `gcloud storage` with the local cloud; a command takes one or two seconds."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.storage import harness
from tests.local.storage.harness import BUCKET, Bench
from tests.support.gcloud import Gcloud as GcloudCommand

served, bench = harness.served, harness.bench  # pytest finds fixtures by name

Gcloud = Callable[..., str]


@pytest.fixture
def gcloud(bench: Bench, gcloud_command: GcloudCommand) -> Gcloud:
    """Run `gcloud storage …`; its standard output, or standard error if it `fails`."""
    endpoint = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{bench.url}/storage/v1/"}
    gcloud_command.pointed_at(endpoint)

    def run(*arguments: str, fails: bool = False) -> str:
        done = gcloud_command.run("storage", *arguments)
        assert (done.returncode != 0) is fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_a_file_is_uploaded_listed_and_downloaded(
    bench: Bench, gcloud: Gcloud, tmp_path: Path
) -> None:
    text = "clusterName: ana\r\nends with a line end\n"
    (tmp_path / "a.yaml").write_text(text, newline="")
    address = f"gs://{BUCKET}/templates/ana é.yaml"
    gcloud("cp", "a.yaml", address)
    assert bench.bucket.blob("templates/ana é.yaml").download_as_bytes() == text.encode()
    assert gcloud("ls", f"gs://{BUCKET}/").split() == [f"gs://{BUCKET}/templates/"]
    assert address in gcloud("ls", "-r", f"gs://{BUCKET}/")
    assert gcloud("cat", address).encode() == text.replace("\r\n", "\n").encode()
    gcloud("cp", address, "back.yaml")
    assert (tmp_path / "back.yaml").read_bytes() == text.encode()
    described = gcloud("objects", "describe", address, "--format=value(size,metageneration)")
    assert described.split() == [str(len(text.encode())), "1"]


def test_a_large_file_is_uploaded_in_chunks(bench: Bench, gcloud: Gcloud, tmp_path: Path) -> None:
    data = os.urandom(9 << 20)  # gcloud sends up to 8 MiB in one request
    (tmp_path / "large").write_bytes(data)
    gcloud("cp", "large", f"gs://{BUCKET}/large")
    assert bench.bucket.blob("large").download_as_bytes() == data
    assert bench.cloud.calls.counts()["storage.objects.insert"] > 1


def test_preconditions_apply_to_gcloud(bench: Bench, gcloud: Gcloud, tmp_path: Path) -> None:
    bench.upload("x", b"theirs")
    (tmp_path / "x").write_text("mine")
    message = gcloud("cp", "x", f"gs://{BUCKET}/x", "--if-generation-match=0", fails=True)
    assert "pre-conditions you specified did not hold" in message
    assert bench.bucket.blob("x").download_as_bytes() == b"theirs"


def test_a_bucket_is_created_and_deleted_with_its_objects(bench: Bench, gcloud: Gcloud) -> None:
    gcloud("buckets", "create", "gs://second", "--location=europe-west1")
    bench.client.bucket("second").blob("a/b").upload_from_string("data")
    assert gcloud("ls").split() == [f"gs://{BUCKET}/", "gs://second/"]
    gcloud("rm", "gs://second/a/b")
    assert bench.client.bucket("second").get_blob("a/b") is None
    bench.client.bucket("second").blob("c").upload_from_string("data")
    gcloud("rm", "-r", "gs://second")
    assert bench.client.lookup_bucket("second") is None
