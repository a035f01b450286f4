"""Profiles in a bucket: cached, read again after a change, never replaced by an invalid set."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import requests
from google.api_core.exceptions import Forbidden, NotFound, ServiceUnavailable
from google.cloud.storage import Client

from shared.adapters.profiles.bucket import TIMEOUT, BucketProfiles
from shared.domain.profiles import ProfilesInvalid
from tests.support.small_profiles import BAD, MASTER, actions, profiles_yaml


class ManualClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class FakeBlob:
    def __init__(self, bucket: FakeBucket, name: str, generation: int) -> None:
        self._bucket, self.name, self.generation = bucket, name, generation

    @property
    def size(self) -> int:
        return len(self._bucket.objects[self.name][1])

    def download_as_bytes(self, *, timeout: object, retry: object) -> bytes:
        self._bucket.call("download", timeout)
        generation, data = self._bucket.objects.get(self.name, (0, b""))
        if generation != self.generation:
            raise NotFound(f"No such object: {self.name}#{self.generation}")
        return data


class FakeBucket:
    """A bucket and its client: every write makes a new generation; calls are counted."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[int, bytes]] = {}
        self.calls: Counter[str] = Counter()
        self.failure: Exception | None = None
        self.on_call: Callable[[str], None] = lambda name: None
        self._generation = 0

    def write(self, name: str, data: bytes) -> None:
        self._generation += 1
        self.objects[name] = (self._generation, data)

    def call(self, name: str, timeout: object) -> None:
        assert timeout == TIMEOUT, "every call has a deadline"
        self.calls[name] += 1
        self.on_call(name)
        if self.failure is not None:
            raise self.failure

    def list_blobs(
        self, bucket: str, *, prefix: str | None, timeout: object, retry: object
    ) -> list[FakeBlob]:
        assert bucket == "acme-profiles"
        self.call("list", timeout)
        found = [name for name in self.objects if name.startswith(prefix or "")]
        return [FakeBlob(self, name, self.objects[name][0]) for name in found]

    def bucket(self, name: str) -> FakeBucket:
        return self

    def blob(self, name: str, *, generation: int) -> FakeBlob:
        return FakeBlob(self, name, generation)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bucket() -> FakeBucket:
    bucket = FakeBucket()
    bucket.write("live/profiles.yaml", profiles_yaml("one"))
    bucket.write("live/masters/session.yaml", MASTER)
    return bucket


@pytest.fixture
def source(bucket: FakeBucket, clock: ManualClock) -> BucketProfiles:
    return BucketProfiles(cast(Client, bucket), "acme-profiles", "live", clock)


class TestBucket:
    def test_within_the_ttl_storage_is_not_read_again(
        self, bucket: FakeBucket, source: BucketProfiles, clock: ManualClock
    ) -> None:
        first = source.current()
        clock.pass_by(59)
        assert source.current() is first
        assert bucket.calls == {"list": 1, "download": 2}

    def test_after_the_ttl_one_list_call_shows_no_change(
        self, bucket: FakeBucket, source: BucketProfiles, clock: ManualClock
    ) -> None:
        first = source.current()
        clock.pass_by(61)
        assert source.current() is first
        assert bucket.calls == {"list": 2, "download": 2}

    @pytest.mark.parametrize("prefix", ["live", "/live/", "live/"])
    def test_a_prefix_may_be_written_with_or_without_slashes(
        self, bucket: FakeBucket, clock: ManualClock, prefix: str
    ) -> None:
        source = BucketProfiles(cast(Client, bucket), "acme-profiles", prefix, clock)
        assert source.current().names == ("one",)

    def test_a_bucket_of_its_own_needs_no_prefix(self, clock: ManualClock) -> None:
        bucket = FakeBucket()
        bucket.write("profiles.yaml", profiles_yaml("one"))
        bucket.write("masters/session.yaml", MASTER)
        source = BucketProfiles(cast(Client, bucket), "acme-profiles", "", clock)
        assert source.current().names == ("one",)

    def test_a_change_is_in_force_after_the_ttl(
        self, bucket: FakeBucket, source: BucketProfiles, clock: ManualClock
    ) -> None:
        source.current()
        bucket.write("live/profiles.yaml", profiles_yaml("two"))
        assert source.current().names == ("one",)
        clock.pass_by(61)
        assert source.current().names == ("two",)

    def test_a_changed_master_alone_is_a_change(
        self, bucket: FakeBucket, source: BucketProfiles, clock: ManualClock
    ) -> None:
        first = source.current()
        bucket.write("live/masters/session.yaml", MASTER + b"description: new\n")
        clock.pass_by(61)
        assert source.current() is not first

    def test_other_objects_under_the_prefix_are_not_read(
        self, bucket: FakeBucket, source: BucketProfiles
    ) -> None:
        for name in ("README.md", "masters/old/session.yaml", "masters/notes.txt", "masters/"):
            bucket.write(f"live/{name}", b"\xff")
        assert source.current().names == ("one",)
        assert bucket.calls["download"] == 2

    def test_an_invalid_set_is_logged_once_and_the_last_valid_one_stays(
        self,
        bucket: FakeBucket,
        source: BucketProfiles,
        clock: ManualClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        first = source.current()
        bucket.write("live/profiles.yaml", BAD)
        for _ in range(3):
            clock.pass_by(61)
            assert source.current() is first
        assert actions(caplog) == [("ERROR", "profiles.invalid")]
        (record,) = caplog.records
        assert record.getMessage() == "profiles are not valid; the last good ones stay in force"
        assert "default: there is no profile 'gone'" in vars(record)["problems"][0]
        assert bucket.calls["download"] == 4, "an invalid set is not downloaded again"

    def test_a_corrected_set_comes_into_force(
        self, bucket: FakeBucket, source: BucketProfiles, clock: ManualClock
    ) -> None:
        source.current()
        for data in (BAD, profiles_yaml("two")):
            bucket.write("live/profiles.yaml", data)
            clock.pass_by(61)
            names = source.current().names
        assert names == ("two",)

    def test_without_a_valid_set_an_invalid_one_raises_every_message(
        self, bucket: FakeBucket, source: BucketProfiles
    ) -> None:
        bucket.write("live/profiles.yaml", BAD)
        for _ in range(2):
            with pytest.raises(ProfilesInvalid) as caught:
                source.current()
            assert len(caught.value.messages) == 3

    def test_a_missing_file_is_named_with_its_location(
        self, bucket: FakeBucket, source: BucketProfiles
    ) -> None:
        bucket.objects.clear()
        with pytest.raises(
            ProfilesInvalid, match=r"profiles.yaml: there is none in gs://acme-profiles/live/"
        ):
            source.current()

    def test_a_large_object_is_rejected_without_a_download(
        self, bucket: FakeBucket, source: BucketProfiles
    ) -> None:
        bucket.write("live/masters/huge.yaml", b"x" * (1024 * 1024 + 1))
        with pytest.raises(ProfilesInvalid, match=r"masters/huge.yaml: is 1048577 bytes"):
            source.current()
        assert bucket.calls["download"] == 0

    @pytest.mark.parametrize(
        "failure",
        [ServiceUnavailable("busy"), Forbidden("no"), requests.ConnectionError("gone")],
        ids=lambda failure: type(failure).__name__,
    )
    def test_while_storage_fails_the_last_valid_set_stays_until_the_next_poll(
        self,
        bucket: FakeBucket,
        source: BucketProfiles,
        clock: ManualClock,
        failure: Exception,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        first = source.current()
        bucket.failure = failure
        clock.pass_by(61)
        assert source.current() is first
        assert source.current() is first
        assert bucket.calls["list"] == 2
        assert actions(caplog) == [("WARNING", "profiles.unreachable")]
        bucket.failure = None
        bucket.write("live/profiles.yaml", profiles_yaml("two"))
        clock.pass_by(61)
        assert source.current().names == ("two",)

    def test_without_a_valid_set_storage_errors_propagate_and_the_next_call_retries(
        self, bucket: FakeBucket, source: BucketProfiles
    ) -> None:
        bucket.failure = ServiceUnavailable("busy")
        with pytest.raises(ServiceUnavailable):
            source.current()
        bucket.failure = None
        assert source.current().names == ("one",)

    def test_an_object_replaced_after_the_list_is_read_at_the_next_poll(
        self, bucket: FakeBucket, source: BucketProfiles, clock: ManualClock
    ) -> None:
        first = source.current()
        bucket.write("live/profiles.yaml", profiles_yaml("two"))
        names = iter(["three"])

        def replace_once(call: str) -> None:
            if call == "download" and (name := next(names, None)):
                bucket.write("live/profiles.yaml", profiles_yaml(name))

        bucket.on_call = replace_once
        clock.pass_by(61)
        assert source.current() is first, "never parts of two sets"
        clock.pass_by(61)
        assert source.current().names == ("three",)

    def test_while_one_thread_reads_others_use_the_last_valid_set(
        self, bucket: FakeBucket, source: BucketProfiles, clock: ManualClock
    ) -> None:
        first = source.current()
        listing, go_on = threading.Event(), threading.Event()

        def wait(call: str) -> None:
            listing.set()
            assert go_on.wait(10)

        bucket.on_call = wait
        clock.pass_by(61)
        looker = threading.Thread(target=source.current)
        looker.start()
        assert listing.wait(10)
        assert source.current() is first
        assert bucket.calls["list"] == 2
        go_on.set()
        looker.join(10)
        assert not looker.is_alive()

    def test_concurrent_first_calls_load_once(
        self, bucket: FakeBucket, source: BucketProfiles
    ) -> None:
        got: list[Any] = []
        threads = [threading.Thread(target=lambda: got.append(source.current())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(got) == 8
        assert len(set(map(id, got))) == 1
        assert bucket.calls == {"list": 1, "download": 2}

    def test_with_a_region_zones_outside_it_are_rejected(
        self, bucket: FakeBucket, clock: ManualClock
    ) -> None:
        bucket.write(
            "live/profiles.yaml",
            b"version: 1\ndefault: a\nprofiles:\n"
            b"  a: {grace: 0, workbench: {zones: [us-east1-b], machine_type: e2-small}}\n",
        )
        source = BucketProfiles(
            cast(Client, bucket), "acme-profiles", "live", clock, region="us-central1"
        )
        with pytest.raises(ProfilesInvalid, match="us-east1-b is not in this site's region"):
            source.current()
