"""The contract of ``EnvironmentStore``, on every backend there is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.status import Health, Phase
from shared.ports import BadCursor, Conflict, Filter, Stored
from tests.support.backends import BACKENDS, Backend, all_items, opened_backend, together
from tests.support.grouped_fields import replace
from tests.support.increments import count_up
from tests.support.stored import NOON, a_parked, an_entry, an_environment, an_unchanged

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    yield from opened_backend(request, tmp_path)


def as_stored(environment: Environment) -> dict[str, Any]:
    """The record in builtins, as JSON has them."""
    record: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(environment))
    return record


class TestSaving:
    def test_an_unknown_key_has_no_record_and_no_history(self, backend: Backend) -> None:
        assert backend.store.load("nobody") is None
        assert backend.store.history("nobody", 10) == ()

    def test_a_saved_record_is_stored_and_loaded_completely(self, backend: Backend) -> None:
        environment = an_environment()
        version = backend.store.save(environment, None, [])
        assert backend.raw_record(environment.key) == as_stored(environment)
        stored = backend.store.load(environment.key)
        assert stored is not None
        assert (stored.environment, stored.version) == (environment, version)

    def test_a_saved_record_can_be_updated_without_loading(self, backend: Backend) -> None:
        environment = an_environment()
        version = backend.store.save(environment, None, [])
        for seconds in range(3):
            environment = replace(environment, grace_seconds=seconds)
            version = backend.store.save(environment, version, [])
        stored = backend.store.load(environment.key)
        assert stored is not None
        assert (stored.environment.terms.grace_seconds, stored.version) == (2, version)

    def test_one_of_many_creates(self, backend: Backend) -> None:
        def create(number: int) -> str:
            environment = an_environment(grace_seconds=number)
            try:
                return backend.store.save(environment, None, [an_entry(f"by {number}")])
            except Conflict:
                return ""

        versions = together(8, create)
        [winner] = [number for number, version in enumerate(versions) if version]
        key = an_environment().key
        record = backend.raw_record(key)
        assert record is not None
        assert record["terms"]["grace_seconds"] == winner
        assert [entry.text for entry in backend.store.history(key, 10)] == [f"by {winner}"]

    def test_a_conflict_writes_neither_record_nor_history(self, backend: Backend) -> None:
        first = an_environment(grace_seconds=1)
        old = backend.store.save(first, None, [an_entry("one")])
        second = replace(first, grace_seconds=2)
        backend.store.save(second, old, [an_entry("two", seconds=1)])
        late = replace(first, grace_seconds=3)
        for version in (None, old):
            with pytest.raises(Conflict):
                backend.store.save(late, version, [an_entry("three", seconds=2)])
        assert backend.raw_record(first.key) == as_stored(second)
        assert backend.raw_history(first.key) == 2

    def test_a_version_without_its_record_is_a_conflict(self, backend: Backend) -> None:
        version = backend.store.save(an_environment("ana"), None, [])
        with pytest.raises(Conflict):
            backend.store.save(an_environment("ben"), version, [an_entry()])
        assert backend.raw_record(an_environment("ben").key) is None
        assert backend.raw_history(an_environment("ben").key) == 0

    def test_saving_the_same_content_creates_a_new_version(self, backend: Backend) -> None:
        environment = an_environment()
        old = backend.store.save(environment, None, [])
        assert backend.store.save(environment, old, []) != old
        with pytest.raises(Conflict):
            backend.store.save(environment, old, [])

    def test_a_time_without_zone_is_refused_and_nothing_written(self, backend: Backend) -> None:
        naive = an_environment(due_at=datetime(2026, 1, 1))  # noqa: DTZ001 - the point
        with pytest.raises(ValueError, match="no time zone"):
            backend.store.save(naive, None, [an_entry()])
        assert backend.raw_record(naive.key) is None

    def test_text_that_is_not_unicode_is_refused_and_nothing_written(
        self, backend: Backend
    ) -> None:
        broken = an_environment(problem="half a pair: \ud83d")
        with pytest.raises((ValueError, TypeError)):
            backend.store.save(broken, None, [an_entry()])
        assert backend.raw_record(broken.key) is None


class TestContention:
    def test_no_update_is_lost_between_threads(self, backend: Backend) -> None:
        environment = an_environment(grace_seconds=0)
        backend.store.save(environment, None, [])
        together(4, lambda n: count_up(backend.store, environment.key, 6, f"thread {n}"))
        record = backend.raw_record(environment.key)
        assert record is not None
        assert record["terms"]["grace_seconds"] == 24
        assert backend.raw_history(environment.key) == 24

    @pytest.mark.slow
    def test_no_update_is_lost_between_processes(self, backend: Backend) -> None:
        if not backend.address:
            pytest.skip("memory is not shared between processes")
        environment = an_environment(grace_seconds=0)
        backend.store.save(environment, None, [])
        command = [sys.executable, "-m", "tests.support.increments"]
        processes = [
            subprocess.Popen(
                [*command, backend.address, environment.key, "15", f"process {number}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
            )
            for number in range(2)
        ]  # fmt: skip
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        for process in processes:
            process.communicate(timeout=120)
            assert process.returncode == 0
        record = backend.raw_record(environment.key)
        assert record is not None
        assert record["terms"]["grace_seconds"] == 30
        assert backend.raw_history(environment.key) == 30


class TestHistory:
    def test_the_history_is_newest_first_and_limited_as_requested(self, backend: Backend) -> None:
        environment = an_environment()
        early, late = an_entry("early"), an_entry("late", seconds=0.000001)
        version = backend.store.save(environment, None, [late, early])
        latest = [an_entry(f"latest {n}", seconds=5) for n in range(3)]
        backend.store.save(environment, version, latest)
        expected = (*reversed(latest), late, early)
        assert backend.store.history(environment.key, 10) == expected
        assert backend.store.history(environment.key, 4) == expected[:4]

    def test_it_can_be_appended_to_without_a_record(self, backend: Backend) -> None:
        backend.store.append("nobody-yet", [an_entry("an event came")])
        assert backend.store.load("nobody-yet") is None
        assert backend.store.history("nobody-yet", 10) == (an_entry("an event came"),)
        assert list(backend.store.page(10).items) == []

    def test_appending_the_same_again_adds_nothing(self, backend: Backend) -> None:
        entries = [an_entry("one"), an_entry("two")]
        for _ in range(2):
            backend.store.append("ana", entries)
        assert backend.raw_history("ana") == 2
        backend.store.append("ana", [])
        assert backend.raw_history("ana") == 2

    def test_an_existing_entry_does_not_prevent_a_save(self, backend: Backend) -> None:
        environment = an_environment()
        backend.store.append(environment.key, [an_entry()])
        backend.store.save(environment, None, [an_entry()])
        assert backend.raw_history(environment.key) == 1

    def test_it_keeps_different_entries_of_one_moment(self, backend: Backend) -> None:
        backend.store.append("ana", [an_entry("this"), an_entry("this")])
        backend.store.append("ana", [an_entry("that")])
        assert backend.raw_history("ana") == 3

    def test_a_long_text_in_any_script_is_kept(self, backend: Backend) -> None:
        entry = an_entry("причина 理由 🦉 \x00\n" * 10_000)
        backend.store.append("ana", [entry])
        assert backend.store.history("ana", 1) == (entry,)


class TestListings:
    def test_records_whose_time_has_come_are_due_longest_due_first(self, backend: Backend) -> None:
        microsecond = timedelta(microseconds=1)
        times = {
            "later": NOON + microsecond, "now": NOON, "long": NOON - timedelta(days=40),
            "just": NOON - microsecond, "never": None,
        }  # fmt: skip
        for name, due_at in times.items():
            backend.store.save(an_environment(name, due_at=due_at), None, [])
        elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))
        due = backend.store.due(elsewhere, 10)
        assert [e.person.email[:-12] for e in due.items] == ["long", "just", "now"]
        assert due.next == ""

    def test_records_due_at_one_moment_are_paged_by_key(self, backend: Backend) -> None:
        keys = [self._save(backend, f"p{n}", due_at=NOON) for n in range(7)]
        found = all_items(lambda after: backend.store.due(NOON, 3, after))
        assert [e.key for e in found] == sorted(keys)

    def test_a_record_no_longer_due_leaves_the_listing(self, backend: Backend) -> None:
        environment = an_environment(due_at=NOON)
        version = backend.store.save(environment, None, [])
        settled = replace(environment, due_at=None)
        backend.store.save(settled, version, [])
        assert backend.store.due(NOON, 10).items == ()

    def test_pages_are_in_order_of_keys_and_end_exactly(self, backend: Backend) -> None:
        keys = sorted(self._save(backend, f"p{n}") for n in range(6))
        first = backend.store.page(3)
        second = backend.store.page(3, first.next)
        assert [e.key for e in (*first.items, *second.items)] == keys
        assert second.next == ""

    def test_pages_stay_stable_while_others_write(self, backend: Backend) -> None:
        keys = sorted(self._save(backend, f"p{n}") for n in range(6))
        first = backend.store.page(3)
        stored = backend.store.load(keys[0])
        assert stored is not None
        backend.store.save(stored.environment, stored.version, [])
        backend.store.save(an_environment("x", key="0-before-all"), None, [])
        assert [e.key for e in backend.store.page(3, first.next).items] == keys[3:]

    def test_pages_of_one_phase_have_only_that_phase(self, backend: Backend) -> None:
        phases = (Phase.READY, Phase.SUSPENDING)
        keys = [self._save(backend, f"p{n}", phase=phases[n % 2]) for n in range(8)]
        found = all_items(lambda after: backend.store.page(3, after, Filter(phase=Phase.READY)))
        assert [e.key for e in found] == sorted(keys[::2])
        assert backend.store.page(3, only=Filter(phase=Phase.REMOVED)).items == ()

    def test_pages_of_one_health_have_only_that_health(self, backend: Backend) -> None:
        healths = (Health.OK, Health.RETRYING, Health.OK)
        keys = [self._save(backend, f"p{n}", health=healths[n % 3]) for n in range(9)]
        found = all_items(
            lambda after: backend.store.page(2, after, Filter(health=Health.RETRYING))
        )
        assert [e.key for e in found] == sorted(keys[1::3])
        assert backend.store.page(3, only=Filter(health=Health.QUARANTINED)).items == ()

    def test_pages_of_a_phase_and_a_health_match_both(self, backend: Backend) -> None:
        phases = (Phase.READY, Phase.SUSPENDING)
        healths = (Health.OK, Health.OK, Health.QUARANTINED, Health.QUARANTINED)
        keys = [
            self._save(backend, f"p{n}", phase=phases[n % 2], health=healths[n % 4])
            for n in range(16)
        ]
        both = Filter(phase=Phase.SUSPENDING, health=Health.QUARANTINED)
        found = all_items(lambda after: backend.store.page(2, after, both))
        assert [e.key for e in found] == sorted(keys[3::4])
        none = Filter(phase=Phase.READY, health=Health.RETRYING)
        assert backend.store.page(9, "", none).items == ()

    def test_pages_follow_a_change_of_health(self, backend: Backend) -> None:
        troubled = an_environment("ana", health=Health.QUARANTINED)
        version = backend.store.save(troubled, None, [])
        mended = replace(troubled, health=Health.OK)
        backend.store.save(mended, version, [])
        assert backend.store.page(3, only=Filter(health=Health.QUARANTINED)).items == ()
        assert backend.store.page(3, only=Filter(health=Health.OK)).items == (mended,)

    def test_a_cursor_that_is_not_of_this_listing_is_refused(self, backend: Backend) -> None:
        for n in range(3):
            self._save(backend, f"p{n}", due_at=NOON)
        with pytest.raises(BadCursor):
            backend.store.page(1, backend.store.due(NOON, 1).next)
        for listing in (backend.store.page, backend.store.parked):
            with pytest.raises(BadCursor):
                listing(1, "not a cursor/é")
        with pytest.raises(ValueError, match="0 items"):
            backend.store.page(0)

    def _save(self, backend: Backend, name: str, **changes: Any) -> str:
        environment = an_environment(name, **changes)
        backend.store.save(environment, None, [])
        return environment.key


class TestUnchanged:
    def test_events_that_changed_nothing_are_listed_newest_first(self, backend: Backend) -> None:
        environment = an_environment()
        stale = an_unchanged("stale", seconds=1)
        version = backend.store.save(environment, None, [an_entry("other"), stale])
        cancelled = an_unchanged("cancelled", seconds=3)
        backend.store.claim(environment, version, [cancelled])
        duplicate = an_unchanged("duplicate", seconds=2)
        backend.store.append("ben", [duplicate])
        applied = an_unchanged("applied", seconds=4)
        backend.store.append("ben", [applied])
        found = backend.store.unchanged(10)
        shown = [(each.key, each.entry) for each in found.items]
        key = environment.key
        assert shown == [(key, cancelled), ("ben", duplicate), (key, stale)]
        assert found.next == ""
        assert backend.store.history("ben", 9) == (applied, duplicate)

    def test_those_of_a_merge_are_listed_under_their_records(self, backend: Backend) -> None:
        both = [an_environment(name) for name in ("ana", "ben")]
        ana, ben = (Stored(each, backend.store.save(each, None, [])) for each in both)
        mine, theirs = an_unchanged(seconds=1), an_unchanged(seconds=2)
        backend.store.save_merged(ana, ben, ([mine], [theirs]))
        shown = {each.key: each.entry for each in backend.store.unchanged(10).items}
        assert shown == {ana.environment.key: mine, ben.environment.key: theirs}

    def test_a_conflict_lists_nothing_and_a_repetition_once(self, backend: Backend) -> None:
        backend.store.save(an_environment(), None, [])
        with pytest.raises(Conflict):
            backend.store.save(an_environment(), None, [an_unchanged()])
        assert backend.store.unchanged(10).items == ()
        for _ in range(2):
            backend.store.append("ana", [an_unchanged()])
        assert len(backend.store.unchanged(10).items) == 1

    def test_the_joins_and_the_leaves_are_listed_by_themselves(self, backend: Backend) -> None:
        verbs = [Verb.LEAVE, Verb.JOIN, Verb.JOIN]
        entries = [an_unchanged(seconds=n // 2, verb=verbs[n % 3]) for n in range(9)]
        for number, entry in enumerate(entries):
            backend.store.append(f"p{number}", [entry])
        for verb in (*Verb, None):
            found = all_items(partial(backend.store.unchanged, 2, verb=verb))
            assert len(found) == {Verb.JOIN: 6, Verb.LEAVE: 3, None: 9}[verb]
            assert len({each.key for each in found}) == len(found)
            times = [each.entry.at for each in found]
            assert times == sorted(times, reverse=True)
            assert verb is None or {each.entry.event.verb for each in found} == {verb}

    def test_a_cursor_of_another_listing_is_refused(self, backend: Backend) -> None:
        for seconds in range(2):
            backend.store.append("ana", [an_unchanged(seconds=seconds)])
            backend.store.park(a_parked(f"m-{seconds}"))
        with pytest.raises(BadCursor):
            backend.store.unchanged(1, backend.store.parked(1).next)
        with pytest.raises(BadCursor):
            backend.store.parked(1, backend.store.unchanged(1).next)


class TestParked:
    @pytest.mark.parametrize("id", ["1234", "a/b/../c", "..", "__id__", "é" * 2000])
    def test_an_event_is_parked_once_whatever_its_id(self, backend: Backend, id: str) -> None:
        assert backend.store.park(a_parked(id)) is True
        assert backend.store.park(a_parked(id, seconds=1)) is False
        assert backend.store.park(a_parked(f"{id}x")) is True
        assert set(backend.store.parked(10).items) == {a_parked(id), a_parked(f"{id}x")}

    def test_ids_that_differ_only_in_punctuation_are_parked_separately(
        self, backend: Backend
    ) -> None:
        apart = {a_parked("onboarding-a/b"), a_parked("onboarding-a-b")}
        assert all(backend.store.park(each) for each in apart)
        assert set(backend.store.parked(10).items) == apart

    def test_they_are_listed_newest_first(self, backend: Backend) -> None:
        parked = [a_parked(f"m-{n}", seconds=n // 2) for n in range(7)]
        for each in parked:
            backend.store.park(each)
        found = all_items(lambda after: backend.store.parked(2, after))
        assert sorted(found, key=lambda p: p.id) == parked
        assert [p.at for p in found] == sorted((p.at for p in parked), reverse=True)
        assert backend.store.parked(50).items == tuple(found)

    def test_times_are_read_back_as_the_same_moment(self, backend: Backend) -> None:
        at = datetime(2026, 3, 1, 8, 0, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45)))
        backend.store.park(msgspec.structs.replace(a_parked(), at=at))
        [found] = backend.store.parked(1).items
        assert found.at == at
        assert found.at.astimezone(UTC) == datetime(2026, 3, 1, 2, 15, 0, 1, tzinfo=UTC)
