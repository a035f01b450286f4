"""Unquoted values: unambiguous ones are accepted, others refused with what to write instead."""

from __future__ import annotations

import pytest

from shared.domain.profiles.plain_values import Ambiguous, plain_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("100", 100),
        ("-5", -5),
        ("2.5", 2.5),
        ("0.10", 0.1),
        ("true", True),
        ("False", False),
        ("e2-standard-4", "e2-standard-4"),
        ("14d", "14d"),
        ("86400s", "86400s"),
        ("2.2-debian12", "2.2-debian12"),
        ("1.2.3", "1.2.3"),
        ("00 3 * * SUN", "00 3 * * SUN"),
        ("norway", "norway"),
        ("none", "none"),
        ("projects/p/zones/us-central1-a", "projects/p/zones/us-central1-a"),
    ],
)
def test_unambiguous_values_are_accepted(text: str, value: object) -> None:
    read = plain_value(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("010", "write 10 or 8, whichever is meant, or '010' in quotes"),
        ("-0200", "write -200 or -128, whichever is meant"),
        ("007", "write 7, or"),
        ("09", "write 9, or"),
        ("0o10", "write 8, or"),
        ("0O17", "write 15, or"),
        ("0x100", "write 256, or"),
        ("+0X1f", "write 31, or"),
        ("0x", "write the number in decimal digits"),
        ("0b11", "write 3, or"),
        ("1:30", "write 90, or '1:30' in quotes"),
        ("-1:30", "write -90, or"),
        ("10:00", "write 600, or"),
        ("190:20:30", "write 685230, or"),
        ("190:20:30.15", "write the number in decimal digits"),
        ("08:30", "write 510, or"),
        ("1_000", "write 1000, or"),
        ("1_000.5", "write 1000.5, or"),
        ("1e3", "write 1000, or"),
        ("12E03", "write 12000, or"),
        ("1.5e-3", "write 0.0015, or"),
        ("1e400", "write the number in decimal digits"),
        ("+5", "write 5, or"),
        (".5", "write 0.5, or"),
        ("-5.", "write -5.0, or"),
        ("1" * 30, "write the number in decimal digits, at most 18"),
        (".inf", "put it in quotes if it is text"),
        ("-.INF", "put it in quotes if it is text"),
        (".NaN", "put it in quotes if it is text"),
        ("2026-01-01", "is read as a date; put it in quotes"),
        ("2026-1-1", "is read as a date; put it in quotes"),
        ("2026-01-01T10:00:00Z", "is read as a date; put it in quotes"),
        ("2026-01-01 10:00:00 +1", "is read as a date; put it in quotes"),
        ("yes", "write true, or 'yes' in quotes"),
        ("No", "write false, or 'No' in quotes"),
        ("on", "write true, or"),
        ("OFF", "write false, or"),
        ("y", "write true, or"),
        ("N", "write false, or"),
        ("", "is empty; give it a value or leave it out"),
        ("~", "is empty; give it a value or leave it out"),
        ("Null", "is empty; give it a value or leave it out"),
        ("<<", "write the keys out"),
        ("=", "put it in quotes"),
    ],
)
def test_ambiguous_values_are_refused_with_what_to_write_instead(text: str, instead: str) -> None:
    with pytest.raises(Ambiguous) as refused:
        plain_value(text)
    assert instead in str(refused.value)
    assert len(str(refused.value)) < 300
