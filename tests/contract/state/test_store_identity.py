"""Finding a person's records by address and person id, and merging two of them: every backend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.domain.commands.intent import Intent, Verb
from shared.domain.environment import Environment
from shared.domain.names import person_key
from shared.domain.people.addresses import Address
from shared.domain.people.merging import emptied, merged
from shared.domain.people.person import Person
from shared.ports import MOST_FOUND, Conflict, Stored
from tests.support.backends import BACKENDS, Backend, opened_backend, together
from tests.support.grouped_fields import replace
from tests.support.stored import NOON, an_entry, an_environment

ANA, OLD, BEN = "ana@example.com", "ana.old@example.com", "ben@example.com"
SHARED = "shared@example.com"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    yield from opened_backend(request, tmp_path)


def a_record(email: str, *former: str, person_id: str | None = None, **changes: Any) -> Environment:
    """The record of somebody with these addresses, which began with the present one."""
    addresses = [*(Address(email=each, until=NOON) for each in former), Address(email=email)]
    values = {
        "key": person_key(email), "addresses": tuple(addresses),
        "person": Person(email=email, person_id=person_id),
    }  # fmt: skip
    return an_environment(**(values | changes))


def saved(backend: Backend, environment: Environment) -> Stored:
    return Stored(environment, backend.store.save(environment, None, []))


class TestFinding:
    def test_an_unknown_address_or_id_finds_nobody(self, backend: Backend) -> None:
        assert backend.store.find([ANA, OLD], "p-7") == ()
        saved(backend, a_record(BEN, person_id="p-8"))
        assert backend.store.find([ANA, OLD], "p-7") == ()

    @pytest.mark.parametrize("email", [ANA, OLD, "oldest@example.com"])
    def test_a_record_is_found_by_any_address_it_has_or_had(
        self, backend: Backend, email: str
    ) -> None:
        ana = saved(backend, a_record(ANA, "oldest@example.com", OLD))
        saved(backend, a_record(BEN, "ben.old@example.com"))
        assert backend.store.find([email]) == (ana,)
        assert backend.store.find(["x@example.com", email]) == (ana,)

    @pytest.mark.parametrize("email", ["next@example.com", "before@example.com"])
    def test_a_record_is_found_by_the_addresses_of_a_scheduled_event(
        self, backend: Backend, email: str
    ) -> None:
        join = Intent(
            verb=Verb.JOIN, event_id="m-2", source="hr", occurred_at=NOON,
            person=Person(email="next@example.com"), previous_email="before@example.com",
            effective_at=NOON + timedelta(days=9),
        )  # fmt: skip
        ana = saved(backend, a_record(ANA, pending=(join,)))
        assert backend.store.find([email]) == (ana,)

    def test_a_record_is_found_by_its_person_id_with_any_address(self, backend: Backend) -> None:
        ana = saved(backend, a_record(ANA, person_id="p-7"))
        saved(backend, a_record(BEN))
        for emails in (["x@example.com"], []):
            assert backend.store.find(emails, "p-7") == (ana,)

    def test_a_missing_person_id_finds_nobody(self, backend: Backend) -> None:
        saved(backend, a_record(ANA))
        assert backend.store.find(["x@example.com"], None) == ()
        assert backend.store.find(["x@example.com"]) == ()

    def test_a_record_that_matches_in_every_way_is_found_once(self, backend: Backend) -> None:
        ana = saved(backend, a_record(ANA, OLD, person_id="p-7"))
        assert backend.store.find([ANA, OLD], "p-7") == (ana,)
        assert backend.store.find([ANA, ANA], "p-7") == (ana,)

    def test_found_records_are_in_order_of_keys(self, backend: Backend) -> None:
        records = [
            a_record("cleo@example.com", SHARED),
            a_record(ANA, SHARED, OLD),
            a_record("dan@example.com", person_id="p-7"),
            a_record(BEN),
            a_record("eve@example.com", SHARED, person_id="p-7"),
        ]
        stored = [saved(backend, each) for each in records]
        found = backend.store.find([SHARED, OLD], "p-7")
        others = [each for each in stored if each.environment.person.email != BEN]
        assert found == tuple(sorted(others, key=lambda each: each.environment.key))
        assert len(found) == 4

    @pytest.mark.parametrize(
        "like", ["Ana@example.com", "ana@example.co", "ana@example.com.org", "a_a@example.com", ""]
    )
    def test_a_similar_address_or_id_finds_nobody(self, backend: Backend, like: str) -> None:
        saved(backend, a_record(ANA, OLD, person_id="P-7"))
        assert backend.store.find([like], "p-7") == ()

    def test_more_records_than_possible_are_cut_off_in_order(self, backend: Backend) -> None:
        records = [a_record(f"p{n}@example.com", SHARED) for n in range(MOST_FOUND + 3)]
        for each in records:
            saved(backend, each)
        keys = sorted(each.key for each in records)
        found = backend.store.find([SHARED, "p1@example.com"])
        assert [each.environment.key for each in found] == keys[:MOST_FOUND]

    def test_a_found_record_can_be_updated_without_loading(self, backend: Backend) -> None:
        saved(backend, a_record(ANA))
        [found] = backend.store.find([ANA])
        assert found == backend.store.load(found.environment.key)
        changed = replace(found.environment, grace_seconds=77)
        version = backend.store.save(changed, found.version, [])
        assert backend.store.find([ANA]) == (Stored(changed, version),)

    def test_it_follows_every_save(self, backend: Backend) -> None:
        first = saved(backend, a_record(ANA, OLD, person_id="p-7"))
        record = a_record("next@example.com", ANA, person_id="p-8", key=first.environment.key)
        second = Stored(record, backend.store.save(record, first.version, []))
        assert backend.store.find([OLD], "p-7") == ()
        for emails, person_id in (
            (["next@example.com"], None), ([ANA], None), (["x@example.com"], "p-8"),
        ):  # fmt: skip
            assert backend.store.find(emails, person_id) == (second,)

    def test_a_conflict_does_not_change_what_is_found(self, backend: Backend) -> None:
        first = saved(backend, a_record(ANA, person_id="p-7"))
        second = replace(first.environment, grace_seconds=77)
        version = backend.store.save(second, first.version, [])
        late = a_record(BEN, person_id="p-8", key=second.key)
        for stale in (None, first.version):
            with pytest.raises(Conflict):
                backend.store.save(late, stale, [])
        assert backend.store.find([BEN], "p-8") == ()
        assert backend.store.find([ANA]) == (Stored(second, version),)


class TestMerging:
    def test_both_records_and_both_histories_are_written(self, backend: Backend) -> None:
        ana, ben = saved(backend, a_record(ANA, OLD)), saved(backend, a_record(BEN))
        later = NOON + timedelta(minutes=1)
        one = merged(ana.environment, ben.environment, later)
        other = emptied(ben.environment, one.key, later)
        version = backend.store.save_merged(
            Stored(one, ana.version),
            Stored(other, ben.version),
            ([an_entry("took over"), an_entry("both")], [an_entry("gave up")]),
        )
        assert backend.store.load(one.key) == Stored(one, version)
        stored = backend.store.load(other.key)
        assert stored is not None
        assert stored.environment == other
        assert stored.version != ben.version
        texts = [[e.text for e in backend.store.history(key, 9)] for key in (one.key, other.key)]
        assert texts == [["both", "took over"], ["gave up"]]

    def test_the_record_is_found_by_the_addresses_of_both(self, backend: Backend) -> None:
        ana, ben = saved(backend, a_record(ANA)), saved(backend, a_record(BEN, person_id="p-7"))
        one = a_record(ANA, BEN, person_id="p-7")
        other = replace(ben.environment, addresses=(), person=Person(email=BEN))
        version = backend.store.save_merged(
            Stored(one, ana.version), Stored(other, ben.version), ([], [])
        )
        for emails, person_id in (([ANA], None), ([BEN], None), (["x@example.com"], "p-7")):
            assert backend.store.find(emails, person_id) == (Stored(one, version),)

    def test_both_records_can_be_updated(self, backend: Backend) -> None:
        ana, ben = saved(backend, a_record(ANA)), saved(backend, a_record(BEN))
        version = backend.store.save_merged(ana, ben, ([], []))
        backend.store.save(ana.environment, version, [])
        stored = backend.store.load(ben.environment.key)
        assert stored is not None
        backend.store.save(ben.environment, stored.version, [])

    def test_writing_the_same_again_gives_both_new_versions(self, backend: Backend) -> None:
        ana, ben = saved(backend, a_record(ANA)), saved(backend, a_record(BEN))
        assert backend.store.save_merged(ana, ben, ([], [])) != ana.version
        for stored in (ana, ben):
            with pytest.raises(Conflict):
                backend.store.save(stored.environment, stored.version, [])

    @pytest.mark.parametrize("changed", [0, 1], ids=["record", "duplicate"])
    def test_nothing_is_written_if_either_has_changed(self, backend: Backend, changed: int) -> None:
        loaded = [saved(backend, a_record(ANA)), saved(backend, a_record(BEN))]
        other = replace(loaded[changed].environment, grace_seconds=77)
        backend.store.save(other, loaded[changed].version, [])
        before = [backend.raw_record(each.environment.key) for each in loaded]
        renamed = [
            Stored(a_record("next@example.com", key=each.environment.key), each.version)
            for each in loaded
        ]
        with pytest.raises(Conflict):
            backend.store.save_merged(renamed[0], renamed[1], ([an_entry()], [an_entry()]))
        assert [backend.raw_record(each.environment.key) for each in loaded] == before
        assert [backend.raw_history(each.environment.key) for each in loaded] == [0, 0]
        assert backend.store.find(["next@example.com"]) == ()
        assert len(backend.store.find([ANA, BEN])) == 2

    @pytest.mark.parametrize("missing", [0, 1], ids=["record", "duplicate"])
    def test_a_version_without_its_record_is_a_conflict(
        self, backend: Backend, missing: int
    ) -> None:
        ana = saved(backend, a_record(ANA))
        both = [ana, ana]
        both[missing] = Stored(a_record(BEN), ana.version)
        with pytest.raises(Conflict):
            backend.store.save_merged(both[0], both[1], ([an_entry()], [an_entry()]))
        assert backend.store.load(ana.environment.key) == ana
        assert backend.raw_record(a_record(BEN).key) is None
        assert backend.raw_history(ana.environment.key) == 0

    def test_of_many_concurrent_merges_one_succeeds(self, backend: Backend) -> None:
        ana, ben = saved(backend, a_record(ANA)), saved(backend, a_record(BEN))

        def merge(number: int) -> str:
            one, other = (replace(each.environment, grace_seconds=number) for each in (ana, ben))
            entries = ([an_entry(f"by {number}")], [an_entry(f"by {number}")])
            try:
                return backend.store.save_merged(
                    Stored(one, ana.version), Stored(other, ben.version), entries
                )
            except Conflict:
                return ""

        [winner] = [number for number, version in enumerate(together(6, merge)) if version]
        for stored in (ana, ben):
            key = stored.environment.key
            record = backend.raw_record(key)
            assert record is not None
            assert record["terms"]["grace_seconds"] == winner
            assert [entry.text for entry in backend.store.history(key, 9)] == [f"by {winner}"]

    def test_of_a_concurrent_merge_and_save_one_succeeds(self, backend: Backend) -> None:
        ana, ben = saved(backend, a_record(ANA)), saved(backend, a_record(BEN))
        busy = replace(ben.environment, grace_seconds=77)
        taken = [replace(each.environment, grace_seconds=1) for each in (ana, ben)]

        def change(number: int) -> bool:
            try:
                if number:
                    backend.store.save(busy, ben.version, [])
                else:
                    one, other = Stored(taken[0], ana.version), Stored(taken[1], ben.version)
                    backend.store.save_merged(one, other, ([], []))
            except Conflict:
                return False
            return True

        was_merged, was_saved = together(2, change)
        assert was_merged != was_saved
        expected = taken if was_merged else [ana.environment, busy]
        stored = [backend.raw_record(each.key) for each in expected]
        assert stored == [msgspec.json.decode(msgspec.json.encode(each)) for each in expected]
