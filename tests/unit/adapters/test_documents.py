"""Stored documents: all of a record comes back, and nothing that isn't understood is lost."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.state import cursors, documents
from shared.adapters.state.cursors import BadCursor, Position
from shared.adapters.state.documents import DocumentTooNew, DocumentUnreadable
from shared.domain.contracts.parked import Parked
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry
from shared.domain.resources.kinds import Kind, State, Step
from tests.support.grouped_fields import a_resource
from tests.support.stored import NOON, a_parked, an_entry, an_environment

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)  # noqa: DTZ001
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    datetime: MOMENTS,
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(max_size=8),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of ``kind`` with every field set to anything of its type, fields yet to come too."""
    if kind in LEAVES:
        return LEAVES[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        return st.builds(kind, **{field.name: values_of(field.type) for field in fields})
    if get_origin(kind) is tuple:
        first, *others = get_args(kind)
        if others == [...]:
            return st.lists(values_of(first), max_size=2).map(tuple)
        return st.tuples(values_of(first), *map(values_of, others))
    if get_origin(kind) in (Union, types.UnionType):
        return st.one_of([values_of(each) for each in get_args(kind)])
    return st.from_type(kind)


def through_json(document: dict[str, Any]) -> dict[str, Any]:
    """The document as it comes back from a store that keeps JSON."""
    decoded: dict[str, Any] = json.loads(msgspec.json.encode(document))
    return decoded


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(values_of(Environment))
def test_a_record_is_read_back_completely(environment: Environment) -> None:
    document = documents.encode_environment(environment)
    assert documents.decode_environment(document) == environment
    assert documents.decode_environment(through_json(document)) == environment


@given(values_of(Entry), st.text(max_size=20))
def test_an_entry_is_read_back_completely(entry: Entry, key: str) -> None:
    document = documents.encode_entry(key, entry)
    assert documents.decode_entry(document) == entry
    assert documents.decode_entry(through_json(document)) == entry


@given(values_of(Parked))
def test_a_parked_event_is_read_back_completely(parked: Parked) -> None:
    document = documents.encode_parked(parked)
    assert documents.decode_parked(document) == parked
    assert documents.decode_parked(through_json(document)) == parked


def test_fields_of_the_listings_are_at_the_top_level() -> None:
    document = documents.encode_environment(an_environment())
    record = document.pop("record")
    assert document == {
        "schema": 1,
        "key": an_environment().key,
        "addresses": ["ana.old@example.com", "ana@example.com"],
        "person_id": "p-ana",
        "email": "ana@example.com",
        "phase": "provisioning",
        "health": "ok",
        "profile": None,
        "team": None,
        "cost_center": None,
        "held": True,
        "running": False,
        "merged": False,
        "problem": None,
        "problems": {},
        "leaves_at": None,
        "removal_at": None,
        "making": "creating",
        "due_at": NOON,
        "updated_at": NOON,
    }
    assert set(record) == {field.name for field in msgspec.structs.fields(Environment)}


def test_times_to_sort_by_are_in_utc_and_have_a_zone() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))
    document = documents.encode_environment(an_environment(due_at=elsewhere))
    assert document["due_at"].utcoffset() == timedelta(0)
    with pytest.raises(ValueError, match="no time zone"):
        documents.encode_environment(an_environment(updated_at=NOON.replace(tzinfo=None)))


def test_a_newer_schema_is_refused_whatever_else_it_holds() -> None:
    newer = {"schema": 2, "key": "ana", "record": {"all": "different"}}
    with pytest.raises(DocumentTooNew, match=r"environment 'ana' has schema 2.*knows up to 1"):
        documents.decode_environment(newer)


@pytest.mark.parametrize("schema", [None, "1", 0, 1.0])
def test_a_document_without_a_schema_number_is_refused(schema: object) -> None:
    document = documents.encode_parked(a_parked()) | {"schema": schema}
    with pytest.raises(DocumentUnreadable, match="is not a schema number"):
        documents.decode_parked(document)


def test_a_record_of_the_wrong_shape_is_refused_where_it_is_wrong() -> None:
    document = documents.encode_environment(an_environment())
    document["record"]["resources"][0]["state"] = "melted"
    with pytest.raises(DocumentUnreadable, match=r"'melted'.*resources\[.*\]\.state"):
        documents.decode_environment(document)


@pytest.mark.parametrize(
    "beside", [{}, {"record": 1}, {"record": {}}, {"record": {"twin": 1, "resources": [1]}}]
)
@pytest.mark.usefixtures("later_release")
@pytest.mark.parametrize("schema", [1, 2, 3, 4])
def test_a_document_that_is_not_a_record_is_refused(schema: int, beside: dict[str, Any]) -> None:
    with pytest.raises(DocumentUnreadable, match=r"environment 'ana': record: "):
        documents.decode_environment({"schema": schema, "key": "ana"} | beside)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ((), "record.colour"),
        (("person",), "record.person.colour"),
        (("resources", 0, "backoff"), "record.resources[0].backoff.colour"),
        (
            ("resources", 0, "backoff", "problem"),
            "record.resources[0].backoff.problem.colour",
        ),
    ],
)
def test_an_unknown_field_within_the_record_is_refused_by_name(
    path: tuple[str | int, ...], named: str
) -> None:
    document = through_json(documents.encode_environment(an_environment()))
    place: Any = document["record"]
    for step in path:
        place = place[step]
    place["colour"] = "green"
    with pytest.raises(DocumentUnreadable) as caught:
        documents.decode_environment(document)
    assert f": {named} is unknown" in str(caught.value)


def test_a_field_beside_the_record_is_ignored() -> None:
    document = documents.encode_environment(an_environment()) | {"note": "ask Ben"}
    assert documents.decode_environment(document) == an_environment()


def test_a_record_from_before_a_field_was_added_has_its_default() -> None:
    document = documents.encode_environment(an_environment(recent=()))
    del document["record"]["events"]["recent"]
    assert documents.decode_environment(document) == an_environment(recent=())


def with_a_list_of_keys(record: Any) -> Any:
    """An upgrade: the first schema named one merged record, where the next has a list."""
    if not isinstance(record, dict) or "twin" not in record:
        return record  # not a record of the first schema: the conversion reports it
    rest = {name: value for name, value in record.items() if name != "twin"}
    return rest | {"merged": [record["twin"]]}


def without_colour(record: Any) -> Any:
    """An upgrade: the second schema had a colour."""
    return (
        {n: v for n, v in record.items() if n != "colour"} if isinstance(record, dict) else record
    )


@pytest.fixture
def later_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release whose records have gone through three changes, of which two need an upgrade."""
    monkeypatch.setattr(documents, "SCHEMA", 4)
    upgrades = {1: with_a_list_of_keys, 2: without_colour}
    monkeypatch.setattr(documents, "_UPGRADES", documents._UPGRADES | {Environment: upgrades})


def a_document_of_schema(schema: int, **record: Any) -> dict[str, Any]:
    """Ana's record as an earlier release stored it, with what it had instead of ``merged``."""
    document = through_json(documents.encode_environment(an_environment()))
    rest = {name: value for name, value in document["record"].items() if name != "merged"}
    return document | {"schema": schema, "record": rest | record}


@pytest.mark.usefixtures("later_release")
@pytest.mark.parametrize(
    ("schema", "stored"),
    [
        (1, {"twin": "ana-2", "colour": "green"}),
        (2, {"merged": ["ana-2"], "colour": "green"}),
        (3, {"merged": ["ana-2"]}),
        (4, {"merged": ["ana-2"]}),
    ],
)
def test_a_record_of_an_earlier_schema_is_brought_up_to_date_one_number_at_a_time(
    schema: int, stored: dict[str, Any]
) -> None:
    document = a_document_of_schema(schema, **stored)
    before = json.dumps(document)
    record = documents.decode_environment(document)
    assert record == an_environment(merged=("ana-2",))
    assert documents.encode_environment(record)["schema"] == 4
    assert json.dumps(document) == before, "what was read is left as it was"


@pytest.mark.usefixtures("later_release")
@pytest.mark.parametrize(
    ("schema", "stored", "unknown"),
    [
        (2, {"twin": "ana-2"}, "twin"),
        (3, {"colour": "green"}, "colour"),
        (1, {"twin": "ana-2", "size": 1}, "size"),
    ],
)
def test_an_upgrade_is_for_its_own_schema_only_and_hides_nothing(
    schema: int, stored: dict[str, Any], unknown: str
) -> None:
    with pytest.raises(DocumentUnreadable, match=rf"record\.{unknown} is unknown"):
        documents.decode_environment(a_document_of_schema(schema, **stored))


@pytest.mark.usefixtures("later_release")
def test_documents_without_upgrades_are_read_as_stored() -> None:
    entry = through_json(documents.encode_entry("ana", an_entry())) | {"schema": 1}
    assert documents.decode_entry(entry) == an_entry()


WAITS = {"queued_at": NOON}
MADE = {"step": Step.CREATE, "since": NOON}
SEEN = {"state": State.CREATING}


@pytest.mark.parametrize(
    ("resources", "making"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([(Kind.WORKBENCH, {"state": State.READY})], None, id="it is there"),
        pytest.param([(Kind.WORKBENCH, {"step": Step.START})], None, id="another step"),
        pytest.param([(Kind.WORKBENCH, MADE)], "creating", id="asked for"),
        pytest.param([(Kind.WORKBENCH, SEEN)], "creating", id="observed in creation"),
        pytest.param([(Kind.WORKBENCH, MADE | WAITS)], "creating", id="has waited"),
        pytest.param([(Kind.WORKBENCH, WAITS)], "waiting", id="waits"),
        pytest.param([(Kind.DATAPROC_HUB, MADE)], "creating", id="an older kind"),
        pytest.param([(Kind.MANAGED_NOTEBOOK, WAITS)], "waiting", id="an older kind waits"),
        pytest.param([(Kind.SESSION_TEMPLATE, MADE | SEEN | WAITS)], None, id="a template"),
        pytest.param([(Kind.SNAPSHOT, MADE | SEEN)], None, id="a snapshot"),
        pytest.param(
            [(Kind.WORKBENCH, WAITS), (Kind.DATAPROC_HUB, SEEN)], "creating", id="one of each"
        ),
    ],
)
def test_a_record_counts_by_its_notebooks(
    resources: list[tuple[Kind, dict[str, Any]]], making: str | None
) -> None:
    record = an_environment(
        resources=tuple(a_resource(kind=k, slot="s", name="x", **more) for k, more in resources)
    )
    assert documents.encode_environment(record)["making"] == making


@given(MOMENTS, MOMENTS)
def test_one_entry_has_one_name_in_whatever_zone_its_time_is_written(
    at: datetime, other: datetime
) -> None:
    entry = msgspec.structs.replace(an_entry(), at=at)
    elsewhere = msgspec.structs.replace(entry, at=at.astimezone(other.tzinfo))
    assert documents.entry_id(entry, 0) == documents.entry_id(elsewhere, 0)


@given(st.lists(st.tuples(MOMENTS, st.integers(0, 9999)), min_size=2, max_size=6))
def test_entry_names_sort_by_time_then_place(places: list[tuple[datetime, int]]) -> None:
    entries = [
        (at, place, msgspec.structs.replace(an_entry(), at=at)) for at, place in sorted(places)
    ]
    names = [documents.entry_id(entry, place) for _, place, entry in entries]
    assert names == sorted(names)


def test_entry_names_tell_different_entries_of_one_moment_apart() -> None:
    assert documents.entry_id(an_entry("a"), 0) != documents.entry_id(an_entry("b"), 0)
    assert documents.entry_id(an_entry("a"), 0) == documents.entry_id(an_entry("a"), 0)


@pytest.mark.parametrize("name_of", [documents.parked_name, documents.shortage_name])
@given(text=st.text())
def test_names_are_valid_document_names(name_of: Callable[[str], str], text: str) -> None:
    name = name_of(text)
    assert name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(name) <= 60


@given(MOMENTS, st.from_regex(r"[a-z0-9-]{1,60}", fullmatch=True))
def test_a_cursor_keeps_its_position_exactly(at: datetime, name: str) -> None:
    cursor = cursors.pack_position("due", Position(at.astimezone(UTC), name))
    assert cursors.unpack_position("due", cursor) == (at, name)
    assert cursors.unpack_name("page", cursors.pack_name("page", name)) == name


@given(st.one_of(st.text(), st.binary().map(lambda b: cursors._pack(list(b)))))
def test_anything_else_is_not_a_cursor(text: str) -> None:
    for unpack in (cursors.unpack_position, cursors.unpack_name):
        with pytest.raises(BadCursor):
            unpack("due", text)


@pytest.mark.parametrize("parts", [["due", 2**63 - 1, "x"], ["due", 0, ""], ["due", 0, "a/b"]])
def test_a_forged_cursor_is_refused(parts: list[str | int]) -> None:
    with pytest.raises(BadCursor):
        cursors.unpack_position("due", cursors._pack(parts))
