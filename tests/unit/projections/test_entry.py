"""Which history entries say that an event changed nothing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.stored import an_unchanged


@pytest.mark.parametrize(
    ("action", "nothing"),
    [
        ("intent.stale", True),
        ("intent.duplicate", True),
        ("intent.cancelled", True),
        ("intent.applied", False),
        ("intent.scheduled", False),
        ("order.stale", False),
    ],
)
def test_stale_duplicate_and_cancelled_events_changed_nothing(action: str, nothing: bool) -> None:
    assert replace(an_unchanged(), action=action).changed_nothing is nothing


def test_an_entry_of_before_that_lacks_its_event_is_not_listed() -> None:
    assert not replace(an_unchanged(), event=None).changed_nothing
