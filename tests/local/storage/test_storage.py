"""Objects, buckets, errors, faults and the log of the storage API."""

import io
import os
from typing import Any

import pytest
from google.api_core import exceptions

from local.api.discovery import Discovery
from tests.local.storage import harness
from tests.local.storage.harness import BUCKET, QUANTUM, Bench, error_of

served, bench = harness.served, harness.bench  # pytest finds fixtures by name


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        "a/b c/é.txt",
        "a%2Fb",
        "q?x=1&y=2#z",
        "日本/語",
        "trailing/",
        "//x//",
        "a+b@c:d;e=f",
    ],
)
def test_an_objects_name_is_not_changed(bench: Bench, name: str) -> None:
    bench.bucket.blob(name).upload_from_string("hello", content_type="text/plain")
    blob = bench.bucket.get_blob(name)
    assert blob is not None
    assert (blob.name, blob.content_type, blob.size) == (name, "text/plain", 5)
    assert blob.download_as_bytes() == b"hello"  # by the answer's mediaLink
    assert bench.bucket.blob(name).download_as_bytes() == b"hello"  # by the path the client builds
    assert [blob.name for blob in bench.client.list_blobs(BUCKET)] == [name]


def test_all_three_uploads_create_the_same_object(bench: Bench) -> None:
    data = os.urandom(QUANTUM + 1)
    bench.upload("media", data, headers={"Content-Type": "text/x-this"})
    bench.bucket.blob("multipart").upload_from_string(data, content_type="text/x-this")
    bench.bucket.blob("resumable", chunk_size=QUANTUM).upload_from_file(
        io.BytesIO(data), content_type="text/x-this"
    )
    seen = {
        (blob.crc32c, blob.md5_hash, blob.size, blob.content_type)
        for blob in bench.client.list_blobs(BUCKET)
    }
    assert len(seen) == 1
    assert all(blob.download_as_bytes() == data for blob in bench.client.list_blobs(BUCKET))


def test_every_write_increases_the_generation(bench: Bench) -> None:
    blob = bench.bucket.blob("counter")
    generations = []
    for number in range(20):
        blob.upload_from_string(str(number))
        generations.append(blob.generation)
    assert generations == sorted(set(generations))
    now = bench.cloud.clock.now().timestamp() * 1e6
    assert now - 60e6 < generations[-1] <= now


def test_metadata_is_merged_by_patch_and_replaced_by_update(bench: Bench) -> None:
    bench.bucket.blob("x").upload_from_string("data", content_type="text/plain")
    generation = bench.bucket.get_blob("x").generation
    url = bench.object_url("x")
    bench.http.patch(url, json={"metadata": {"a": "1", "b": "2"}})
    patched = bench.http.patch(
        url, json={"metadata": {"b": None, "c": "3"}, "cacheControl": "no-store"}
    ).json()
    assert patched["metadata"] == {"a": "1", "c": "3"}
    assert (patched["contentType"], patched["metageneration"]) == ("text/plain", "3")
    blob = bench.bucket.get_blob("x")
    blob.metadata = {"z": "9"}
    blob.update()  # sends back all it read, also fields that only the service sets
    assert blob.metadata == {"z": "9"}
    assert (blob.cache_control, blob.metageneration) == ("no-store", 4)
    replaced = bench.http.put(url, json={"contentType": "text/new"}).json()
    assert "metadata" not in replaced
    assert (replaced["metageneration"], replaced["generation"]) == ("5", str(generation))


def test_copies_and_rewrites_have_the_data_and_metadata(bench: Bench) -> None:
    source = bench.bucket.blob("source")
    source.metadata = {"owner": "ana"}
    source.upload_from_string("data", content_type="text/plain")
    copied = bench.bucket.copy_blob(source, bench.bucket, "dir/copied")
    rewritten = bench.bucket.blob("rewritten")
    assert rewritten.rewrite(source, if_generation_match=0) == (None, 4, 4)
    renamed = bench.bucket.rename_blob(source, "renamed")
    for blob in (copied, rewritten, renamed):
        blob.reload()
        assert (blob.metadata, blob.content_type) == ({"owner": "ana"}, "text/plain")
        assert blob.download_as_bytes() == b"data"
    assert not source.exists()
    with pytest.raises(exceptions.PreconditionFailed):
        bench.bucket.blob("rewritten").rewrite(copied, if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        bench.bucket.blob("new").rewrite(copied, if_source_generation_match=1)
    assert not bench.bucket.blob("new").exists()


def test_a_bucket_is_created_changed_listed_and_deleted(bench: Bench) -> None:
    bucket = bench.client.create_bucket("second", location="europe-west1")
    assert (bucket.location, bucket.location_type) == ("EUROPE-WEST1", "region")
    with pytest.raises(exceptions.Conflict):
        bench.client.create_bucket("second")
    bucket.labels = {"team": "a", "cost": "b"}
    bucket.storage_class = "NEARLINE"
    bucket.patch()
    bucket = bench.client.get_bucket("second")
    assert (bucket.labels, bucket.metageneration) == ({"team": "a", "cost": "b"}, 2)
    labels = bucket.labels
    del labels["cost"]
    bucket.labels = labels
    bucket.update()  # sends back what it read
    assert bench.client.get_bucket("second").labels == {"team": "a"}
    blob = bucket.blob("x")
    blob.upload_from_string("data")
    assert blob.storage_class == "NEARLINE"
    assert [b.name for b in bench.client.list_buckets()] == [BUCKET, "second"]
    assert [b.name for b in bench.client.list_buckets(prefix="sec")] == ["second"]
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    bucket.delete(force=True)
    assert bench.client.lookup_bucket("second") is None
    with pytest.raises(exceptions.NotFound, match="bucket does not exist"):
        bucket.blob("x").upload_from_string("data")


@pytest.mark.parametrize(
    "name", ["", "a", "UPPER", "-dash", "goog-x", "a..b", "10.0.0.1", "x" * 64]
)
def test_bad_bucket_names_are_refused(bench: Bench, name: str) -> None:
    answer = bench.http.post(f"{bench.url}/storage/v1/b?project=demo", json={"name": name})
    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["", ".", "..", "line\nbreak", "é" * 513])
def test_bad_object_names_are_refused(bench: Bench, name: str) -> None:
    assert bench.upload(name).status_code == 400


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"colour": "red"}, "colour"),
        ({"metadata": {"n": 1}}, "metadata.n"),
        ({"retention": {"mood": "x"}}, "retention.mood"),
        ({"temporaryHold": "yes"}, "temporaryHold"),
    ],
)
def test_a_body_that_does_not_fit_the_discovery_document_is_refused(
    bench: Bench, body: dict[str, Any], where: str
) -> None:
    bench.upload("x")
    answer = bench.http.patch(bench.object_url("x"), json=body)
    assert answer.status_code == 400
    assert where in error_of(answer)["message"]
    assert error_of(answer)["errors"][0]["reason"] == "invalid"
    session = bench.http.post(
        f"{bench.url}/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable",
        json=body | {"name": "y"},
    )
    assert session.status_code == 400


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"uploadType": "carrier-pigeon"}, 400),
        ({"ifGeneration": "1"}, 400),
        ({"kmsKeyName": "projects/demo/locations/eu/keyRings/r/cryptoKeys/k"}, 405),
    ],
)
def test_an_unsupported_parameter_is_refused(
    bench: Bench, params: dict[str, str], status: int
) -> None:
    assert bench.upload("x", params=params).status_code == status
    assert not bench.bucket.blob("x").exists()


def test_answers_fit_the_discovery_document(bench: Bench) -> None:
    bench.bucket.blob("dir/x").upload_from_string("data")
    description = Discovery("storage", "v1")
    api = f"{bench.url}/storage/v1/b"
    for schema, url in (
        ("Bucket", f"{api}/{BUCKET}"),
        ("Buckets", f"{api}?project=demo"),
        ("BucketStorageLayout", f"{api}/{BUCKET}/storageLayout"),
        ("ManagedFolders", f"{api}/{BUCKET}/managedFolders"),
        ("Object", bench.object_url("dir%2Fx")),
        ("Objects", f"{api}/{BUCKET}/o"),
        ("Objects", f"{api}/{BUCKET}/o?delimiter=/"),
    ):
        assert description.violations(schema, bench.http.get(url).json()) == [], url
    rewritten = bench.http.post(bench.object_url("dir%2Fx") + f"/rewriteTo/b/{BUCKET}/o/y").json()
    assert description.violations("RewriteResponse", rewritten) == []


def test_every_request_is_logged_once(bench: Bench) -> None:
    blob = bench.bucket.blob("a/b")
    blob.upload_from_string("data", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string("data", if_generation_match=0)
    blob.download_as_bytes()
    blob.delete()
    list(bench.client.list_blobs(BUCKET))
    bench.upload("")
    assert [
        (call.service, call.method, call.target, call.outcome)
        for call in bench.cloud.calls.entries()
    ] == [
        ("storage", "objects.insert", f"{BUCKET}/a/b", "OK"),
        ("storage", "objects.insert", f"{BUCKET}/a/b", "FAILED_PRECONDITION"),
        ("storage", "objects.get", f"{BUCKET}/a/b", "OK"),
        ("storage", "objects.delete", f"{BUCKET}/a/b", "OK"),
        ("storage", "objects.list", BUCKET, "OK"),
        ("storage", "objects.insert", f"{BUCKET}/", "INVALID_ARGUMENT"),
    ]


@pytest.mark.parametrize(("when", "applied"), [("before", False), ("after", True)])
def test_a_scripted_fault_has_this_apis_error_form(bench: Bench, when: str, applied: bool) -> None:
    fault = bench.cloud.faults.add(
        {"service": "storage", "method": "objects.insert", "match": f"{BUCKET}/x", "times": 1}
        | {"when": when, "error": {"status": "UNAVAILABLE", "message": "try again"}}
    )
    answer = bench.upload("x", b"data")
    assert (answer.status_code, fault.hits) == (503, 1)
    assert error_of(answer)["errors"] == [
        {"message": "try again", "domain": "global", "reason": "backendError"}
    ]
    assert bench.bucket.blob("x").exists() is applied


def test_the_client_retries_after_a_dropped_connection(bench: Bench) -> None:
    fault = bench.cloud.faults.add({"service": "storage", "method": "*", "drop": True, "times": 1})
    bench.bucket.blob("x").upload_from_string("data", if_generation_match=0)
    assert fault.hits == 1
    assert bench.bucket.blob("x").exists()


def test_admin_resources(bench: Bench) -> None:
    bench.bucket.blob("a/b").upload_from_string("data")
    bucket, stored = bench.service.resources()
    assert (bucket["kind"], bucket["name"]) == ("storage.bucket", BUCKET)
    assert (stored["kind"], stored["name"], stored["size"]) == (
        "storage.object",
        f"{BUCKET}/a/b",
        4,
    )
