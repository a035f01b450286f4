"""Names are readable, always valid where they are used, and never two people's at once."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared.domain.names import (
    SLOT_PATTERN,
    fingerprint,
    label_value,
    person_key,
    resource_id,
    slug,
)

# Compute Engine's names (RFC 1035), which a Notebooks instance gives to its machine and disks.
INSTANCE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
# Dataproc's ids of batches and sessions are 4 to 63 of [a-z0-9-]; templates are held to no less.
TEMPLATE = re.compile(r"[a-z0-9][a-z0-9-]{2,61}[a-z0-9]")
# What every API that we label at accepts in a value (keys are constants, or the profile's).
LABEL = re.compile(r"([a-z0-9_-]{0,63})")
DISK_SUFFIX = "-data-workspace"

ATOM = string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-"
locals_ = st.lists(st.text(ATOM, min_size=1, max_size=30), min_size=1, max_size=3).map(".".join)
emails = st.builds(
    "{}@{}".format, locals_, st.sampled_from(["example.com", "lab.example.com", "example.org"])
)
slots = st.from_regex(SLOT_PATTERN.rstrip("$"), fullmatch=True)


@given(emails, slots)
@example("7@example.com", "a" * 20)
@example("!@example.com", "a" * 20)
@example(f"{'a' * 64}@example.com", "a" * 20)
@example("-@example.com", "a-b")
def test_every_name_is_valid_where_it_is_used(email: str, slot: str) -> None:
    key = person_key(email)
    assert INSTANCE.fullmatch(resource_id("nb", key))
    assert TEMPLATE.fullmatch(resource_id("st", key, slot))
    assert LABEL.fullmatch(key), "the key is the value of the ownership label"
    assert key.strip("-_") == key
    path = f"people/{key}/{slot}.yaml"
    assert re.fullmatch(r"people/[a-z0-9-]+/[a-z0-9-]+\.yaml", path), "no way out of the prefix"


@given(emails)
def test_the_key_fits_a_disk_name_of_its_notebook(email: str) -> None:
    assert INSTANCE.fullmatch(resource_id("nb", person_key(email)) + DISK_SUFFIX)


@given(st.text())
def test_a_key_is_valid_whatever_the_text(text: str) -> None:
    assert INSTANCE.fullmatch(person_key(text))


@given(emails, emails)
def test_two_addresses_never_share_a_key(one: str, other: str) -> None:
    assume(one.lower() != other.lower())
    assert person_key(one) != person_key(other)


@pytest.mark.parametrize(
    ("one", "other", "because"),
    [
        ("a.b@example.com", "a-b@example.com", "a dot and a hyphen become the same slug"),
        ("a.b@example.com", "ab@example.com", "no mail system of ours ignores dots"),
        ("ana@example.com", "ana@example.org", "the same name in another domain"),
        ("ana@example.com", "ana+nb@example.com", "a plus address is an address of its own"),
        (f"{'a' * 40}b@example.com", f"{'a' * 40}c@example.com", "the slug is cut before"),
    ],
)
def test_similar_addresses_have_different_keys(one: str, other: str, because: str) -> None:
    assert person_key(one) != person_key(other), because


def test_upper_and_lower_case_give_one_key() -> None:
    assert person_key("Ana@Example.com") == person_key("ana@example.com")


@pytest.mark.parametrize(
    ("email", "key"),
    [
        ("ana@example.com", "ana-rzb4un3qciuo"),
        ("ana.lopez+nb@example.com", "ana-lopez-nb-mu7zcag2zi5s"),
        ("7of9@example.com", "u-7of9-lxauommsuize"),
        ("maximiliana.wolfeschlegelstein@example.com", "maximiliana-wolfeschle-6okowep2oxcl"),
    ],
)
def test_keys_never_change(email: str, key: str) -> None:
    """A changed key is a second notebook for everybody: these must not change by accident."""
    assert person_key(email) == key


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, ""),
        ("", ""),
        ("data-platform", "data-platform"),
        ("cc_1234", "cc_1234"),
        ("4711", "4711"),
        ("Data Platform", "data-platform-pr6pg2wn"),
        ("R&D", "r-d-duli3ng4"),
        ("Vertrieb M\u00fcnchen", "vertrieb-m-nchen-ucyqrijg"),
        ("\u5206\u6790", "fl2dpuzi"),
        ("-x-", "x-y3hzlzjn"),
    ],
)
def test_label_values_never_change(text: str | None, value: str) -> None:
    """Bills are grouped by them over years: these must not change by accident."""
    assert label_value(text) == value


@given(st.text(max_size=250))
def test_every_label_value_is_valid(text: str) -> None:
    value = label_value(text)
    assert LABEL.fullmatch(value)
    assert bool(value) == bool(text), "what was given never becomes nothing"


@given(st.text(string.ascii_lowercase, min_size=1, max_size=80), st.data())
def test_values_that_differ_only_in_dropped_characters_stay_different(
    text: str, data: st.DataObject
) -> None:
    dropped = st.sampled_from(" .,&/\u00e4\u5206A")
    at = data.draw(st.integers(0, len(text)))
    one, other = (text[:at] + data.draw(dropped) + text[at:] for _ in range(2))
    assume(one != other)
    assert len({label_value(one), label_value(other), label_value(text)}) == 3


def test_long_values_with_the_same_beginning_stay_different() -> None:
    assert label_value("a" * 63) == "a" * 63
    assert LABEL.fullmatch(label_value("a" * 64))
    assert label_value("a" * 64) != label_value("a" * 65)


@given(st.text(), st.integers(1, 40))
def test_a_slug_is_short_and_begins_with_a_letter(text: str, length: int) -> None:
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", made := slug(text, length=length))
    assert len(made) <= length


@given(st.text(), st.integers(1, 50))
def test_a_fingerprint_is_stable_and_of_the_length_asked_for(text: str, length: int) -> None:
    assert re.fullmatch(rf"[a-z2-7]{{{length}}}", fingerprint(text, length=length))
    assert fingerprint(text, length=length) == fingerprint(text, length=length)
