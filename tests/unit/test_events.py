"""The native event: what is read, what is refused and in which words, and the published schema."""

from __future__ import annotations

import json
import re
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
from tools.schemas import schemas

DOCS = Path(__file__).parents[2] / "docs"
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


def refusal(data: bytes) -> Rejected:
    with pytest.raises(Rejected) as refused:
        read_event(data)
    return refused.value


def test_an_address_alone_is_an_event() -> None:
    assert read_event(b'{"email":"ana@example.com"}') == NativeEvent(email="ana@example.com")


def test_every_field_is_read_as_it_was_sent() -> None:
    event = read_event(json.dumps(FULL).encode())
    assert event.groups == ("analysts@example.com", "Berlin")
    assert event.occurred_at is not None
    assert event.occurred_at.isoformat() == FULL["occurred_at"]
    for name in ("event_id", "profile", "person_id", "display_name", "team", "reason"):
        assert getattr(event, name) == FULL[name]


def test_a_refusal_reads_as_what_it_says() -> None:
    assert str(Rejected(RejectionCode.NOT_JSON, "send an object")) == "send an object"


def test_a_byte_more_than_the_limit_is_refused_with_both_sizes() -> None:
    padding = MAX_EVENT_BYTES - len(encoded())
    assert read_event(encoded() + b" " * padding)
    refused = refusal(encoded() + b" " * (padding + 1))
    assert refused.code is RejectionCode.TOO_LARGE
    assert f"{MAX_EVENT_BYTES + 1} bytes; at most {MAX_EVENT_BYTES}" in refused.message


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (b"", "nothing at all"),
        (b"ana@example.com", "a bare address"),
        (b"email: ana@example.com", "YAML"),
        (b"{'email': 'ana@example.com'}", "Python's notation"),
        (b'{"email": "ana@example.com",}', "a trailing comma"),
        (b'{"email": "ana@example.com"} {}', "two values"),
        (b'{"email": "ana@example.com"', "cut off"),
        (b'{"email": NaN}', "not a number of JSON"),
        (b'\xef\xbb\xbf{"email": "ana@example.com"}', "a byte order mark"),
        ('{"email": "ana@example.com"}'.encode("utf-16"), "UTF-16"),
        (b'{"email": "ana@example.com", "team": "\xe4"}', "Latin-1"),
        (b'{"email": "ana@example.com", "team": "\xed\xa0\x80"}', "a surrogate in UTF-8"),
        (b'{"email": "ana@example.com", "team": "\\ud800"}', "half a surrogate pair"),
        (b'{"email": "ana@example.com", "team": "a\nb"}', "a bare line break in a string"),
    ],
)
def test_what_is_not_json_in_utf8_is_refused_with_what_to_send(data: bytes, because: str) -> None:
    refused = refusal(data)
    assert refused.code is RejectionCode.NOT_JSON, because
    assert 'send an object such as {"email": \u2026}' in refused.message


@pytest.mark.parametrize(
    "data",
    [b"[" * 60_000, b'{"email":' + b"[" * 30_000 + b"]" * 30_000 + b"}", b'{"a":' * 12_000],
    ids=["as a whole", "in a field", "in an unknown field"],
)
def test_deep_nesting_is_refused_like_any_other_wrong_shape(data: bytes) -> None:
    wrong = {RejectionCode.WRONG_SHAPE, RejectionCode.UNKNOWN_FIELD, RejectionCode.NOT_JSON}
    assert refusal(data).code in wrong


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("emial", "did you mean 'email'?"),
        ("cost_centre", "did you mean 'cost_center'?"),
        ("costCenter", "did you mean 'cost_center'?"),
        ("displayname", "did you mean 'display_name'?"),
        ("group", "did you mean 'groups'?"),
        ("shoe_size", "known are: email, event_id"),
    ],
)
def test_an_unknown_field_is_named_with_the_nearest_known_one(name: str, hint: str) -> None:
    refused = refusal(encoded(**{name: "x"}))
    assert refused.code is RejectionCode.UNKNOWN_FIELD
    assert f"{name!r} is not a field" in refused.message
    assert hint in refused.message


@pytest.mark.parametrize(
    "name",
    ["line\nbreak", "<script>alert(1)</script>", "../../x", "\u202exe", "`", "", "n" * 5000],
    ids=["line break", "HTML", "path", "bidi", "backtick", "empty", "long"],
)
def test_whatever_the_unknown_field_is_called_the_refusal_is_one_short_line(name: str) -> None:
    refused = refusal(encoded(**{name: 1}))
    assert refused.code is RejectionCode.UNKNOWN_FIELD
    assert refused.message.isprintable()
    assert len(refused.message) < 400


@pytest.mark.parametrize("first", ["a", "\x1b"])
def test_of_a_long_name_given_twice_80_letters_are_shown_and_none_that_is_unprintable(
    first: str,
) -> None:
    name = first + "b" * 99
    field = f"{json.dumps(name)}: 1"
    with pytest.raises(Rejected) as refused:
        read_event(f"{{{field}, {field}}}".encode())
    shown = name[:80] if name.isprintable() else repr(name[:80])
    assert refused.value.message == f"{shown}: given twice; send every field once"


def test_a_field_given_twice_is_refused_because_readers_disagree_on_which_counts() -> None:
    refused = refusal(b'{"email":"ana@example.com","team":"a","t\\u0065am":"b"}')
    assert refused.code is RejectionCode.WRONG_SHAPE
    assert refused.message.startswith("team: given twice")


CONTROL = "holds a line break or another control character; send one line of"
NO_ID = "holds a space or a character that is not printable ASCII; send an id without"
WRONG: list[tuple[str, object, str, str]] = [
    (
        "email",
        None,
        "email: must be text, got null; send one text in double quotes",
        "an address is needed",
    ),
    ("email", 7, "email: must be text, got a number; send one text in", "wrong type"),
    (
        "email",
        ["ana@example.com"],
        "email: must be text, got a list; send one text in",
        "wrong type",
    ),
    ("email", "a@", "email: has fewer than 3 characters; send at least 3", "too short"),
    ("previous_email", "a" * 255, "previous_email: has more than 254 characters", "too long"),
    ("previous_email", 7, "previous_email: must be text, got a number; ", "wrong type"),
    ("email", "a" * 255, "email: has more than 254 characters; send at most 254", "too long"),
    ("event_id", "e" * 201, "event_id: has more than 200 characters; send at most 200", "too long"),
    ("event_id", "a b", f"event_id: {NO_ID}", "a space in an id"),
    ("event_id", "e\n", f"event_id: {NO_ID}", "a final line break"),
    ("event_id", "\u00e9", f"event_id: {NO_ID}", "ids are ASCII"),
    ("profile", "lean\n", f"profile: {NO_ID}", "a final line break"),
    ("profile", "p" * 201, "profile: has more than 200 characters; send at most 200", "too long"),
    ("person_id", 4711, "person_id: must be text, got a number; send", "a number isn't an id"),
    (
        "person_id",
        "p" * 201,
        "person_id: has more than 200 characters; send at most 200",
        "too long",
    ),
    (
        "groups",
        "analysts",
        'groups: must be a list of texts, got text; send a list such as ["',
        "one isn't a list",
    ),
    ("groups", [1], "groups[0]: must be text, got a number; send", "the path names the element"),
    (
        "groups",
        ["g" * 255],
        "groups[0]: has more than 254 characters; send at most 254",
        "too long",
    ),
    ("groups", ["g"] * 501, "groups: has more than 500 elements; send at most 500", "too many"),
    ("groups", ["a\x00b"], f"groups[0]: {CONTROL}", "NUL"),
    (
        "display_name",
        "n" * 201,
        "display_name: has more than 200 characters; send at most 200",
        "too long",
    ),
    ("display_name", "\u202egro", f"display_name: {CONTROL}", "reads backwards"),
    ("display_name", "a\u2066b", f"display_name: {CONTROL}", "reads otherwise"),
    ("team", "a\tb", f"team: {CONTROL}", "a tab"),
    ("team", "a\n", f"team: {CONTROL}", "a final line break"),
    ("team", "a\x85b", f"team: {CONTROL}", "YAML's other line break"),
    ("team", "a\u2028b", f"team: {CONTROL}", "JavaScript's other line break"),
    ("cost_center", "\x1b[2J", f"cost_center: {CONTROL}", "clears a terminal"),
    ("cost_center", {"a": 1}, "cost_center: must be text, got an object; send", "wrong type"),
    ("reason", "r" * 1001, "reason: has more than 1000 characters; send at most 1000", "too long"),
    ("reason", "a\r\nb", f"reason: {CONTROL}", "two lines"),
    (
        "immediate",
        "true",
        "immediate: must be true or false, got text; send true or false without quotes",
        "text isn't a truth",
    ),
    ("immediate", None, "immediate: must be true or false, got null; send", "nor is nothing"),
    (
        "occurred_at",
        1777896000,
        "occurred_at: must be a time with its zone, got a number; send it as text",
        "seconds of what?",
    ),
    (
        "occurred_at",
        "yesterday",
        "occurred_at: 'yesterday' is not a time with its zone; send it such as 2026-",
        "which day?",
    ),
    (
        "occurred_at",
        "2026-05-04",
        "occurred_at: '2026-05-04' is not a time with its zone; ",
        "a date is not a moment",
    ),
    (
        "occurred_at",
        "2026-05-04T12:00:00",
        "occurred_at: '2026-05-04T12:00:00' has no zone; add Z for UTC or",
        "no zone",
    ),
    (
        "effective_at",
        "2026-05-04T12:00:00",
        "effective_at: '2026-05-04T12:00:00' has no zone; add Z for UTC or",
        "no zone",
    ),
    (
        "effective_at",
        "2026-02-30T12:00:00Z",
        "effective_at: '2026-02-30T12:00:00Z' is not a time with",
        "no such day",
    ),
]


@pytest.mark.parametrize(("field", "value", "message", "because"), WRONG)
def test_a_wrong_value_is_refused_with_its_path(
    field: str, value: object, message: str, because: str
) -> None:
    refused = refusal(encoded(**{field: value}))
    assert refused.code is RejectionCode.WRONG_SHAPE, because
    assert refused.message.startswith(message)
    assert not re.search("regex|`|Expected|Invalid", refused.message), "msgspec's words"


@pytest.mark.parametrize(
    ("text", "got"),
    [("[]", "a list"), ("null", "null"), ('"ana@example.com"', "text"), ("7", "a number")],
)
def test_what_is_no_object_is_told_to_send_one(text: str, got: str) -> None:
    assert refusal(text.encode()).message == (
        f"the message must be one JSON object, got {got}; send one message for each person"
    )


def test_a_wrong_value_in_what_is_no_json_further_on_is_refused_all_the_same() -> None:
    refused = refusal(b'{"email":"ana@example.com","occurred_at":"tomorrow",')
    assert refused.message.startswith("occurred_at: this is not a time with its zone; ")


@pytest.mark.parametrize("name", ["action", "hold", "by"])
def test_an_order_on_a_topic_of_events_is_told_its_topic(name: str) -> None:
    refused = refusal(encoded(**{name: "hold"}))
    assert refused.code is RejectionCode.UNKNOWN_FIELD
    assert refused.message == (
        f"{name!r} is not a field of the event; it belongs in an admin command: publish it on "
        "admin-events"
    )


@pytest.mark.parametrize(("field", "value", "message", "because"), WRONG)
def test_the_schema_refuses_it_too(field: str, value: object, message: str, because: str) -> None:
    if field.endswith("_at") and isinstance(value, str):
        # What a moment is, JSON Schema leaves to those who check the format.
        assert PROPERTIES[field]["anyOf"][0] == {"type": "string", "format": "date-time"}
    else:
        assert not SCHEMA.is_valid({"email": "ana@example.com", field: value}), because


@pytest.mark.parametrize("text", ["[]", "null", '"ana@example.com"', "7", "{}", '{"team": "a"}'])
def test_what_is_no_object_with_an_address_is_refused_by_decoder_and_schema(text: str) -> None:
    assert refusal(text.encode()).code is RejectionCode.WRONG_SHAPE
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
def test_what_the_decoder_reads_is_valid_by_the_schema(fields: dict[str, Any]) -> None:
    SCHEMA.validate(fields)
    event = read_event(json.dumps(fields, ensure_ascii=False).encode())
    for name in ("email", "team", "reason", "display_name"):
        sent = fields.get(name)
        assert getattr(event, name) == (sent if sent and sent.strip() else None)


BLANKS = ("", " ", "   ", "\u00a0", " \u2003\u3000")
OPTIONAL = [f.name for f in msgspec.structs.fields(NativeEvent) if not f.required]


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("field", OPTIONAL)
def test_empty_or_blank_text_is_as_good_as_left_out_in_every_field(field: str, blank: str) -> None:
    left_out = NativeEvent(email="ana@example.com")
    assert read_event(encoded(**{field: blank})) == left_out


def test_an_unknown_field_is_refused_even_if_it_is_blank() -> None:
    with pytest.raises(Rejected, match="'emial' is not a field") as refused:
        read_event(encoded(emial=" "))
    assert refused.value.code is RejectionCode.UNKNOWN_FIELD


def test_of_an_event_that_is_too_large_no_address_is_read() -> None:
    event = json.dumps({"email": "ana@example.com", "reason": "x" * MAX_EVENT_BYTES}).encode()
    assert claimed_email(event) == ""


def test_an_event_without_blanks_is_left_as_it_is() -> None:
    sent = b'{ "email" : "ana@example.com", "groups": ["a"] }'
    assert without_blanks(sent, NativeEvent) is sent
    assert without_blanks(b'["a"]', NativeEvent) == b'["a"]'


def test_of_an_address_that_is_too_long_as_much_is_kept_as_an_address_can_have() -> None:
    assert claimed_email(json.dumps({"email": "a" * 300}).encode()) == "a" * 254


@pytest.mark.parametrize("blank", BLANKS)
def test_in_a_list_blank_text_is_left_out_too(blank: str) -> None:
    assert read_event(encoded(groups=["a", blank, "b"])).groups == ("a", "b")


@pytest.mark.parametrize("blank", BLANKS)
def test_where_text_is_needed_blank_text_is_refused(blank: str) -> None:
    refused = refusal(json.dumps({"email": blank}).encode())
    assert refused.code is RejectionCode.WRONG_SHAPE
    assert refused.message == "email: is empty; it has no default"


@pytest.mark.parametrize("field", sorted({*OPTIONAL} - {"immediate", "groups"}))
def test_the_schema_lets_blank_text_pass_where_it_is_left_out(field: str) -> None:
    assert SCHEMA.is_valid({"email": "ana@example.com", field: " "})


@pytest.mark.parametrize("text", ["\t", "\n", "\x1f", "\u2028", "\x85"])
def test_a_control_character_is_no_blank(text: str) -> None:
    assert refusal(encoded(team=text)).code is RejectionCode.WRONG_SHAPE


def test_a_name_given_twice_is_shown_without_its_control_characters() -> None:
    refused = refusal(b'{"email":"ana@example.com","\\u001b[2J":1,"\\u001b[2J":2}')
    assert refused.message.isprintable()


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


def test_what_is_announced_is_valid_by_its_schema() -> None:
    validator = jsonschema.Draft202012Validator(schemas()["announcement.schema.json"])
    for number, news in enumerate(News):
        item = Announcement(
            number=number, news=news, at=NOW, email="ana@example.com", effective_at=NOW
        )
        validator.validate(json.loads(msgspec.json.encode(cloud_event("demo", "ana-1", item))))
