"""`gcloud storage` itself against the storage face; a command takes a second or two."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.storage import harness
from tests.local.storage.harness import BUCKET, Stage
from tests.support.gcloud import Gcloud as GcloudCommand

served, stage = harness.served, harness.stage  # pytest finds fixtures by name

Gcloud = Callable[..., str]


@pytest.fixture
def gcloud(stage: Stage, gcloud_command: GcloudCommand) -> Gcloud:
    """Runs `gcloud storage …` and returns its standard output; a failure shows what it said."""
    endpoint = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{stage.url}/storage/v1/"}
    gcloud_command.pointed_at(endpoint)

    def run(*arguments: str, fails: bool = False) -> str:
        done = gcloud_command.run("storage", *arguments)
        assert (done.returncode != 0) is fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_a_file_goes_up_is_seen_and_comes_back(
    stage: Stage, gcloud: Gcloud, tmp_path: Path
) -> None:
    text = "clusterName: ana\r\nends with a line end\n"
    (tmp_path / "a.yaml").write_text(text, newline="")
    address = f"gs://{BUCKET}/templates/ana é.yaml"
    gcloud("cp", "a.yaml", address)
    assert stage.bucket.blob("templates/ana é.yaml").download_as_bytes() == text.encode()
    assert gcloud("ls", f"gs://{BUCKET}/").split() == [f"gs://{BUCKET}/templates/"]
    assert address in gcloud("ls", "-r", f"gs://{BUCKET}/")
    assert gcloud("cat", address).encode() == text.replace("\r\n", "\n").encode()
    gcloud("cp", address, "back.yaml")
    assert (tmp_path / "back.yaml").read_bytes() == text.encode()
    described = gcloud("objects", "describe", address, "--format=value(size,metageneration)")
    assert described.split() == [str(len(text.encode())), "1"]


def test_a_large_file_goes_up_resumably(stage: Stage, gcloud: Gcloud, tmp_path: Path) -> None:
    data = os.urandom(9 << 20)  # gcloud sends up to 8 MiB in one request
    (tmp_path / "large").write_bytes(data)
    gcloud("cp", "large", f"gs://{BUCKET}/large")
    assert stage.bucket.blob("large").download_as_bytes() == data
    assert stage.cloud.calls.counts()["storage.objects.insert"] > 1


def test_preconditions_hold_for_gcloud_too(stage: Stage, gcloud: Gcloud, tmp_path: Path) -> None:
    stage.upload("x", b"theirs")
    (tmp_path / "x").write_text("mine")
    said = gcloud("cp", "x", f"gs://{BUCKET}/x", "--if-generation-match=0", fails=True)
    assert "pre-conditions you specified did not hold" in said
    assert stage.bucket.blob("x").download_as_bytes() == b"theirs"


def test_a_bucket_is_made_and_removed_with_what_is_in_it(stage: Stage, gcloud: Gcloud) -> None:
    gcloud("buckets", "create", "gs://second", "--location=europe-west1")
    stage.client.bucket("second").blob("a/b").upload_from_string("data")
    assert gcloud("ls").split() == [f"gs://{BUCKET}/", "gs://second/"]
    gcloud("rm", "gs://second/a/b")
    assert stage.client.bucket("second").get_blob("a/b") is None
    stage.client.bucket("second").blob("c").upload_from_string("data")
    gcloud("rm", "-r", "gs://second")
    assert stage.client.lookup_bucket("second") is None
