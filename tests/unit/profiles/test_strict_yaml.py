"""YAML as plain data: ambiguous text that readers accept silently is refused, with its place."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.profiles import strict_yaml
from shared.domain.profiles.strict_yaml import (
    UNREADABLE,
    YamlRefused,
    read_with_faults,
    read_yaml,
)


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both readers PyYAML may have: one where libyaml was there when it was built, one not."""
    if request.param == "libyaml" and not yaml.__with_libyaml__:
        pytest.skip("this PyYAML was built without libyaml")
    loader = yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr(strict_yaml, "_Loader", loader)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("a: [", "is not YAML"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: another document begins (---)"),
        ("a: &x [1]\n", "line 1, column 4: anchors and aliases"),
        ("a: *x\n", "line 1, column 4: anchors and aliases"),
        ("a: !!python/object/apply:os.system [ls]", "the tag tag:yaml.org,2002:python/object"),
        ("a: !!binary aGk=", "the tag tag:yaml.org,2002:binary is not supported"),
        ("a: !secret x", "the tag !secret is not supported"),
        ("a: 2026-01-01", "is read as a date; put it in quotes"),
        ("<<: {a: 1}", "merges (<<) are not supported"),
        ("1: a", "the key 1 is not text"),
        ("? [a]\n: b", "a key must be text"),
        ("a: !!int '010'", "the tag tag:yaml.org,2002:int is not supported; leave it out"),
        ("a: !!str 010", "the tag tag:yaml.org,2002:str is not supported; leave it out"),
        ("true: a", "the key true is not text; put it in quotes"),
        ("a: .inf", "is not a finite number"),
        ("a:", "line 1, column 3: is empty; give it a value or leave it out"),
        ("a: [~]", "line 1, column 5: is empty; give it a value or leave it out"),
        ("010: x", "line 1, column 1: 010 is octal in YAML 1.1 and decimal in YAML 1.2"),
        ("a: [{b: {c: 1:30}}]", "line 1, column 13: 1:30 is base 60 in YAML 1.1"),
        ("no: x", "line 1, column 1: no is false in YAML 1.1 and text in YAML 1.2"),
        ('a: "\\ud800"', "line 1, column "),
        ("[" * 100 + "]" * 100, "nested deeper than 40"),
        ("[" * 100_000, "nested deeper than 40"),
        ("a: \x07", "is not YAML"),
        ("a: " + "x" * 1024 * 1024, "at most 1048576 are read"),
    ],
)
def test_refused(text: str, expected: str) -> None:
    with pytest.raises(YamlRefused) as caught:
        read_yaml(text.encode())
    (message,) = caught.value.messages
    assert expected in message


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(YamlRefused, match=r"is not UTF-8 \(byte 3\)"):
        read_yaml(b"a: \xff")


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert read_yaml(b"\xef\xbb\xbfa: 1") == {"a": 1}


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(YamlRefused) as caught:
        read_yaml(b"a: 1\na: 2\nb: !secret x\nc: 2026-01-01\n")
    assert [message.split(":")[0] for message in caught.value.messages] == [
        "line 2, column 1",
        "line 3, column 4",
        "line 4, column 4",
    ]


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(YamlRefused, match="aliases"):
        read_yaml("\n".join(lines).encode())


def test_plain_data_is_read_as_any_reader_would() -> None:
    text = b"a: [1, 2.5, true, '1', x]\nb: {c: d}\n"
    assert read_yaml(text) == {"a": [1, 2.5, True, "1", "x"], "b": {"c": "d"}}


@pytest.mark.parametrize("text", ["010", "1:30", "1_000", "0x10", "no", "~", "2026-01-01", ".nan"])
def test_quoted_text_is_always_text(text: str) -> None:
    assert read_yaml(f"a: '{text}'".encode()) == {"a": text}
    assert read_yaml(f'"{text}": x'.encode()) == {text: "x"}
    assert read_yaml(f"a: |-\n  {text}\n".encode()) == {"a": text}


def test_values_beside_a_fault_are_read() -> None:
    value, messages = read_with_faults(b"a: 010\nb: [1, no]\nc: {d: e}\n")
    assert value == {"a": UNREADABLE, "b": [1, UNREADABLE], "c": {"d": "e"}}
    assert len(messages) == 2


def test_reading_stops_after_many_faults() -> None:
    value, messages = read_with_faults(b"- 010\n" * 10_000)
    assert value is UNREADABLE
    assert messages[-1] == "reading stopped after 200 faults"
    assert len(messages) == 201


@given(st.text(alphabet="0123456789_:.eExXoObB+-~yn", min_size=1, max_size=8))
def test_accepted_unquoted_values_mean_the_same_to_every_reader(text: str) -> None:
    """YAML 1.1 as PyYAML has it, and what JSON (which YAML 1.2 contains) makes of a number."""
    value, messages = read_with_faults(f"a: {text}".encode())
    if messages:
        return
    assert value == yaml.safe_load(f"a: {text}")
    if not isinstance(value["a"], str):
        assert value["a"] == json.loads(text)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_message(data: bytes) -> None:
    try:
        read_yaml(data)
    except YamlRefused as refused:
        assert refused.messages  # noqa: PT017 - being read is just as good
