"""The native event: what is read, and the published schema.

What is refused, and in which words, is in ``refused_events/test_refused_events.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.contracts.announcements import Announcement, News
from shared.domain.contracts.blanks import without_blanks
from shared.domain.contracts.inbound_events import (
    MAX_EVENT_BYTES,
    NativeEvent,
    claimed_email,
    read_event,
)
from shared.domain.contracts.json_schemas import event_schema
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.services.announce import cloud_event
from tests.support.builders import NOW
from tests.unit.refused_events.field_values import VALUES
from tools.schemas import schemas

DOCS = Path(__file__).parents[3] / "docs"
PROPERTIES = event_schema()["properties"]
SCHEMA = jsonschema.Draft202012Validator(event_schema())

FULL = {
    "email": "ana@example.com",
    "event_id": "hr-2026-0042",
    "occurred_at": "2026-05-04T14:00:00+02:00",
    "profile": "data-scientist",
    "groups": ["analysts@example.com", "Berlin"],
    "person_id": "E-1234",
    "display_name": "Ana L\u00f3pez \u5206\u6790 \U0001f989",
    "source": "hr",
    "team": "core",
    "cost_center": "CC 12/3",
    "effective_at": "2026-06-01T00:00:00Z",
    "immediate": False,
    "reason": "she <b>asked</b>: \u201csoon\u201d",
}


def encoded(**fields: object) -> bytes:
    return json.dumps({"email": "ana@example.com"} | fields).encode()


def test_an_address_alone_is_an_event() -> None:
    assert read_event(b'{"email":"ana@example.com"}') == NativeEvent(email="ana@example.com")


def test_every_field_is_read_as_it_was_sent() -> None:
    event = read_event(json.dumps(FULL).encode())
    assert event.groups == ("analysts@example.com", "Berlin")
    assert event.occurred_at is not None
    assert event.occurred_at.isoformat() == FULL["occurred_at"]
    for name in ("event_id", "profile", "person_id", "display_name", "team", "reason"):
        assert getattr(event, name) == FULL[name]


def test_a_rejection_reads_as_its_message() -> None:
    assert str(Rejected(RejectionCode.NOT_JSON, "send an object")) == "send an object"


def test_an_event_may_have_as_many_bytes_as_the_limit() -> None:
    assert read_event(encoded() + b" " * (MAX_EVENT_BYTES - len(encoded())))


@pytest.mark.parametrize(
    ("field", "value"), [case[:2] for case in VALUES.values()], ids=VALUES.keys()
)
def test_a_value_that_is_refused_is_invalid_by_the_schema_too(field: str, value: object) -> None:
    if field.endswith("_at") and isinstance(value, str):
        # What a moment is, JSON Schema leaves to those who check the format.
        assert PROPERTIES[field]["anyOf"][0] == {"type": "string", "format": "date-time"}
    else:
        assert not SCHEMA.is_valid({"email": "ana@example.com", field: value})


@pytest.mark.parametrize("text", ["[]", "null", '"ana@example.com"', "7", "{}", '{"team": "a"}'])
def test_the_schema_refuses_anything_but_an_object_with_an_address(text: str) -> None:
    assert not SCHEMA.is_valid(json.loads(text))


def test_the_schema_refuses_unknown_fields() -> None:
    assert not SCHEMA.is_valid({"email": "ana@example.com", "emial": "x"})


_line = st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp"))
_id = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=200)
_moments = st.datetimes(timezones=st.timezones()).map(lambda t: t.isoformat(timespec="seconds"))
_moments = _moments.filter(lambda text: len(text) == len("2026-05-04T12:00:00+00:00"))
_events = st.fixed_dictionaries(
    {"email": st.text(_line, min_size=3, max_size=254).filter(str.strip)},
    optional={
        "event_id": st.none() | _id,
        "source": st.none() | _id,
        "profile": st.none() | _id,
        "person_id": st.none() | _id,
        "occurred_at": st.none() | _moments,
        "effective_at": st.none() | _moments,
        "groups": st.none() | st.lists(st.text(_line, max_size=254), max_size=5),
        "display_name": st.none() | st.text(_line, max_size=200),
        "team": st.none() | st.text(_line, max_size=200),
        "cost_center": st.none() | st.text(_line, max_size=200),
        "reason": st.none() | st.text(_line, max_size=1000),
        "immediate": st.booleans(),
    },
)


@given(_events)
def test_every_event_that_the_decoder_reads_is_valid_by_the_schema(fields: dict[str, Any]) -> None:
    SCHEMA.validate(fields)
    event = read_event(json.dumps(fields, ensure_ascii=False).encode())
    for name in ("email", "team", "reason", "display_name"):
        sent = fields.get(name)
        assert getattr(event, name) == (sent if sent and sent.strip() else None)


BLANKS = ("", " ", "   ", "\u00a0", " \u2003\u3000")
OPTIONAL = [f.name for f in msgspec.structs.fields(NativeEvent) if not f.required]


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("field", OPTIONAL)
def test_empty_or_blank_text_counts_as_left_out_in_every_field(field: str, blank: str) -> None:
    left_out = NativeEvent(email="ana@example.com")
    assert read_event(encoded(**{field: blank})) == left_out


def test_no_address_is_read_from_an_event_that_is_too_large() -> None:
    event = json.dumps({"email": "ana@example.com", "reason": "x" * MAX_EVENT_BYTES}).encode()
    assert claimed_email(event) == ""


def test_an_event_without_blanks_is_left_as_it_is() -> None:
    sent = b'{ "email" : "ana@example.com", "groups": ["a"] }'
    assert without_blanks(sent, NativeEvent) is sent
    assert without_blanks(b'["a"]', NativeEvent) == b'["a"]'


def test_an_address_that_is_too_long_is_cut_to_the_limit() -> None:
    assert claimed_email(json.dumps({"email": "a" * 300}).encode()) == "a" * 254


@pytest.mark.parametrize("blank", BLANKS)
def test_blank_text_in_a_list_is_left_out_too(blank: str) -> None:
    assert read_event(encoded(groups=["a", blank, "b"])).groups == ("a", "b")


@pytest.mark.parametrize("field", sorted({*OPTIONAL} - {"immediate", "groups"}))
def test_the_schema_accepts_blank_text_where_it_is_left_out(field: str) -> None:
    assert SCHEMA.is_valid({"email": "ana@example.com", field: " "})


@given(st.text(max_size=8) | st.text(_line, max_size=8))
def test_decoder_and_schema_agree_on_every_text(text: str) -> None:
    try:
        read_event(json.dumps({"email": "ana@example.com", "team": text}).encode())
        read = True
    except Rejected:
        read = False
    assert SCHEMA.is_valid({"email": "ana@example.com", "team": text}) is read


@pytest.mark.parametrize("name", list(schemas()))
def test_the_published_schemas_are_those_of_the_types(name: str) -> None:
    schema = schemas()[name]
    jsonschema.Draft202012Validator.check_schema(schema)
    published = json.loads((DOCS / name).read_text(encoding="utf-8"))
    assert published == schema, "run `make schema`"


def test_every_announcement_is_valid_by_its_schema() -> None:
    validator = jsonschema.Draft202012Validator(schemas()["announcement.schema.json"])
    for number, news in enumerate(News):
        item = Announcement(
            number=number, news=news, at=NOW, email="ana@example.com", effective_at=NOW
        )
        validator.validate(json.loads(msgspec.json.encode(cloud_event("demo", "ana-1", item))))
