"""Data of objects: checksums, ranges, encodings, multipart and resumable uploads."""

import base64
import gzip
import io
import os
from datetime import timedelta

import google_crc32c
import pytest
import requests
from google.api_core import exceptions

from local.storage import multipart
from local.storage.download import byte_range
from local.storage.errors import StorageError
from tests.local.storage import harness
from tests.local.storage.harness import QUANTUM, Bench, error_of

served, bench = harness.served, harness.bench  # pytest finds fixtures by name


def test_answers_have_the_checksums_of_the_data(bench: Bench) -> None:
    created = bench.upload("x", b"hello").json()
    assert created["crc32c"] == base64.b64encode(google_crc32c.Checksum(b"hello").digest()).decode()
    assert created["md5Hash"] == "XUFAKrxLKna5cZ2REBfFkg=="
    answer = bench.http.get(bench.object_url("x"), params={"alt": "media"})
    assert answer.headers["X-Goog-Hash"] == f"crc32c={created['crc32c']},md5={created['md5Hash']}"
    assert answer.headers["X-Goog-Generation"] == created["generation"]


@pytest.mark.parametrize("field", ["crc32c", "md5Hash"])
def test_data_that_does_not_match_the_sent_checksum_is_refused(bench: Bench, field: str) -> None:
    body = (
        b'--b\r\n\r\n{"name": "x", "%b": "AAAAAA=="}\r\n--b\r\n\r\ndata\r\n--b--' % field.encode()
    )
    answer = bench.upload(
        "x",
        body,
        params={"uploadType": "multipart"},
        headers={"Content-Type": "multipart/related; boundary=b"},
    )
    assert answer.status_code == 400
    assert "doesn't match calculated" in error_of(answer)["message"]
    header = {"X-Goog-Hash": {"crc32c": "crc32c", "md5Hash": "md5"}[field] + "=AAAAAA=="}
    assert bench.upload("x", b"data", headers=header).status_code == 400
    assert not bench.bucket.blob("x").exists()


@pytest.mark.parametrize(
    ("header", "size", "span"),
    [
        (None, 10, None),
        ("bytes=0-3", 10, (0, 4)),
        ("bytes=4-", 10, (4, 10)),
        ("bytes=-3", 10, (7, 10)),
        ("bytes=-30", 10, (0, 10)),
        ("bytes=8-99", 10, (8, 10)),
        ("bytes=-", 10, None),
        ("lines=1-2", 10, None),
    ],
)
def test_ranges(header: str | None, size: int, span: tuple[int, int] | None) -> None:
    assert byte_range(header, size) == span


def test_parts_of_an_object_can_be_read(bench: Bench) -> None:
    bench.upload("x", b"0123456789")
    assert bench.bucket.blob("x").download_as_bytes(start=2, end=4) == b"234"
    beyond = bench.http.get(
        bench.object_url("x"), params={"alt": "media"}, headers={"Range": "bytes=10-"}
    )
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */10")
    bench.upload("empty")
    assert bench.bucket.blob("empty", chunk_size=QUANTUM).download_as_bytes() == b""


def test_a_gzip_object_is_decompressed_for_clients_without_gzip(bench: Bench) -> None:
    packed = gzip.compress(b"hello")
    bench.upload("x", packed, params={"contentEncoding": "gzip"})
    url = bench.object_url("x") + "?alt=media"
    plain = bench.http.get(url, headers={"Accept-Encoding": "identity"})
    assert (plain.content, "Content-Encoding" in plain.headers) == (b"hello", False)
    raw = bench.http.get(url, headers={"Accept-Encoding": "gzip"}, stream=True)
    assert raw.raw.read(decode_content=False) == packed
    assert raw.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
@pytest.mark.parametrize("boundary", ["b=1", '"b=1"', "'b=1'"])
@pytest.mark.parametrize("data", [b"", b"x", b"\r\n", b"a\n", b"a\r\n\r\n", b"--b", b"\x00\xff"])
def test_multipart_bodies_do_not_change_the_data(
    line_end: bytes, boundary: str, data: bytes
) -> None:
    lines = [b"--b=1", b"Content-Type: application/json", b"", b"{}"]
    lines += [b"--b=1", b"content-type: text/plain", b"", data, b"--b=1--", b""]
    metadata, content = multipart.split(
        f"multipart/related; boundary={boundary}", line_end.join(lines)
    )
    assert metadata.data == b"{}"
    assert (content.content_type, content.data) == ("text/plain", data)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/related; boundary=b", b""),
        ("multipart/related; boundary=b", b"--b\r\n\r\n{}\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\n\r\n{}\r\n--b\r\n\r\ndata"),
        ("multipart/related; boundary=b", b"--b\r\n\r\n{}\r\n--b\r\nno-empty-line\r\n--b--"),
    ],
)
def test_a_malformed_multipart_body_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(StorageError) as refusal:
        multipart.split(content_type, body)
    assert refusal.value.http == 400


def test_a_resumable_upload_works_with_a_lost_answer_at_every_step(bench: Bench) -> None:
    data = os.urandom(3 * QUANTUM + 5)
    scripted = [
        bench.cloud.faults.add(
            {"service": "storage", "method": "objects.insert", "skip": skip, "times": 1}
            | {"when": when, "error": {"status": "UNAVAILABLE"}}
        )
        for skip, when in ((1, "after"), (3, "before"), (4, "after"))
    ]
    blob = bench.bucket.blob("big", chunk_size=QUANTUM)
    blob.upload_from_file(io.BytesIO(data), if_generation_match=0)
    assert blob.download_as_bytes() == data
    assert [fault.hits for fault in scripted] == [1, 1, 1]


def test_an_unfinished_upload_reports_its_offset_and_has_no_object(bench: Bench) -> None:
    session = bench.start_resumable("x")

    def put(content_range: str, data: bytes = b"") -> requests.Response:
        return bench.http.put(session, data=data, headers={"Content-Range": content_range})

    asked = put("bytes */*")
    assert (asked.status_code, "Range" in asked.headers) == (308, False)
    data = os.urandom(QUANTUM + 100)
    half = put(f"bytes 0-{len(data) - 1}/*", data)
    assert half.status_code == 308
    assert (
        half.headers["Range"] == f"bytes=0-{QUANTUM - 1}"
    )  # only multiples of the quantum are kept
    assert not bench.bucket.blob("x").exists()
    assert put(f"bytes {QUANTUM + 1}-{QUANTUM + 3}/*", b"gap").status_code == 400
    assert put("bytes 0-99/*", b"short").status_code == 400
    assert put("half of it", b"").status_code == 400
    done = put(f"bytes {QUANTUM}-{len(data) - 1}/{len(data)}", data[QUANTUM:])
    assert (done.status_code, done.json()["size"]) == (200, str(len(data)))
    assert put("bytes */*").json() == done.json()
    assert bench.bucket.blob("x").download_as_bytes() == data


def test_a_resumable_upload_checks_its_precondition_again_at_the_end(bench: Bench) -> None:
    session = bench.start_resumable("x", ifGenerationMatch="0")
    bench.upload("x", b"someone else's")
    assert bench.http.put(session, data=b"mine").status_code == 412
    with pytest.raises(exceptions.PreconditionFailed):
        bench.bucket.blob("x").upload_from_file(io.BytesIO(b"mine"), if_generation_match=0)
    assert bench.bucket.blob("x").download_as_bytes() == b"someone else's"


def test_an_upload_session_ends_when_cancelled_and_after_a_week(bench: Bench) -> None:
    cancelled, old = bench.start_resumable("x"), bench.start_resumable("x")
    assert bench.http.delete(cancelled).status_code == 499
    bench.cloud.clock.advance(timedelta(days=8))
    for session in (cancelled, old):
        assert bench.http.put(session, data=b"late").status_code == 404
