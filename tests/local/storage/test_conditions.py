"""Preconditions: compare-and-swap on generations, also with concurrent writers."""

import threading
from collections.abc import Callable

import pytest
from google.api_core import exceptions

from tests.local.storage import harness
from tests.local.storage.harness import Bench, error_of

served, bench = harness.served, harness.bench  # pytest finds fixtures by name


@pytest.mark.parametrize(
    ("exists", "method", "condition", "status"),
    [
        (False, "POST", {"ifGenerationMatch": "0"}, 200),
        (True, "POST", {"ifGenerationMatch": "0"}, 412),
        (True, "POST", {"ifGenerationMatch": "live"}, 200),
        (True, "POST", {"ifGenerationMatch": "7"}, 412),
        (False, "POST", {"ifGenerationMatch": "7"}, 412),
        (False, "POST", {"ifGenerationNotMatch": "0"}, 412),
        (True, "POST", {"ifGenerationNotMatch": "live"}, 412),
        (True, "POST", {"ifMetagenerationMatch": "1"}, 200),
        (True, "POST", {"ifMetagenerationMatch": "2"}, 412),
        (True, "POST", {"ifMetagenerationNotMatch": "1"}, 412),
        (True, "GET", {"ifGenerationMatch": "live"}, 200),
        (True, "GET", {"ifGenerationMatch": "7"}, 412),
        (True, "GET", {"ifGenerationNotMatch": "live"}, 304),
        (True, "GET", {"ifMetagenerationNotMatch": "1"}, 304),
        (True, "GET", {"generation": "live"}, 200),
        (True, "GET", {"generation": "7"}, 404),
        (False, "GET", {"ifGenerationMatch": "7"}, 404),
        (True, "PATCH", {"ifMetagenerationMatch": "1"}, 200),
        (True, "PATCH", {"ifMetagenerationMatch": "2"}, 412),
        (True, "PATCH", {"ifGenerationNotMatch": "live"}, 412),
        (False, "PATCH", {"ifGenerationMatch": "7"}, 404),
        (True, "DELETE", {"ifGenerationMatch": "live"}, 204),
        (True, "DELETE", {"ifGenerationMatch": "7"}, 412),
        (True, "DELETE", {"ifMetagenerationMatch": "2"}, 412),
        (False, "DELETE", {"ifGenerationMatch": "7"}, 404),
        (True, "GET", {"ifGenerationMatch": "many"}, 400),
    ],
)
def test_preconditions(
    bench: Bench, exists: bool, method: str, condition: dict[str, str], status: int
) -> None:
    live = bench.upload("x", b"old").json()["generation"] if exists else ""
    params = {name: live if value == "live" else value for name, value in condition.items()}
    if method == "POST":
        answer = bench.upload("x", b"new", params=params)
    else:
        body = {"contentType": "text/new"} if method == "PATCH" else None
        answer = bench.http.request(method, bench.object_url("x"), params=params, json=body)
    assert answer.status_code == status
    if status in (304, 412):
        after = bench.http.get(bench.object_url("x"))
        if exists:
            assert (after.json()["generation"], after.json()["metageneration"]) == (live, "1")
        else:
            assert after.status_code == 404


def test_a_failed_precondition_has_the_apis_error(bench: Bench) -> None:
    bench.upload("x")
    answer = bench.upload("x", params={"ifGenerationMatch": "0"})
    message = "At least one of the pre-conditions you specified did not hold."
    assert error_of(answer) == {
        "code": 412,
        "message": message,
        "errors": [
            {
                "message": message,
                "domain": "global",
                "reason": "conditionNotMet",
                "locationType": "header",
                "location": "If-Match",
            }
        ],
    }


def test_a_read_with_a_current_etag_is_not_modified(bench: Bench) -> None:
    etag = bench.upload("x", b"data").json()["etag"]
    url, headers = bench.object_url("x"), {"If-None-Match": etag}
    unchanged = bench.http.get(url, params={"alt": "media"}, headers=headers)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    bench.upload("x", b"other")
    assert bench.http.get(url, params={"alt": "media"}, headers=headers).content == b"other"


def run_together(count: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_concurrent_increments_are_neither_lost_nor_counted_twice(bench: Bench) -> None:
    rounds, runners = 20, 8
    bench.bucket.blob("counter").upload_from_string("0")
    everyone_has_read = threading.Barrier(runners, timeout=30)
    everyone_has_written = threading.Barrier(runners, timeout=30)
    lost: list[int] = []

    def increment(number: int) -> None:
        for _ in range(rounds):
            blob = bench.bucket.get_blob("counter")
            value = int(blob.download_as_bytes())
            everyone_has_read.wait()
            try:
                blob.upload_from_string(str(value + 1), if_generation_match=blob.generation)
            except exceptions.PreconditionFailed:
                lost.append(number)
            everyone_has_written.wait()

    run_together(runners, increment)
    # All start a round with the same generation: one succeeds, the others get an error.
    assert int(bench.bucket.blob("counter").download_as_bytes()) == rounds
    assert len(lost) == rounds * (runners - 1)


def test_one_of_many_simultaneous_creates_succeeds(bench: Bench) -> None:
    winners: list[int] = []
    start = threading.Barrier(8, timeout=30)

    def create(number: int) -> None:
        start.wait()
        try:
            bench.bucket.blob("lock").upload_from_string(str(number), if_generation_match=0)
        except exceptions.PreconditionFailed:
            return
        winners.append(number)

    run_together(8, create)
    assert len(winners) == 1
    assert bench.bucket.blob("lock").download_as_bytes() == str(winners[0]).encode()
