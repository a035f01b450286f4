"""The addresses of one person: what is known of them doesn't depend on the order of arrival."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.domain.people.addresses import Address, united, with_current, with_former, with_leave
from tests.support.builders import after

A, B, C = "ana@example.com", "ana.b@example.com", "ana.c@example.com"
Event = tuple[str, str, float]  # what it says, of which address, and at which minute


def join(email: str, at: float, previous: str = "") -> tuple[Event, ...]:
    """A join as ``facts.with_facts`` notes it: the address, and the one that it replaces."""
    return (("named", email, at), *([("replaced", previous, at)] if previous else []))


def leave(email: str, at: float) -> tuple[Event, ...]:
    return (("left", email, at),)


def noted(events: Iterable[tuple[Event, ...]]) -> tuple[Address, ...]:
    """The addresses after these events, in this order."""
    note = {"named": with_current, "replaced": with_former, "left": with_leave}
    addresses: tuple[Address, ...] = ()
    for event in events:
        for what, email, at in event:
            addresses = note[what](addresses, email, after(at))
    return addresses


def address(
    email: str,
    *named: float,
    until: float | None = None,
    left: tuple[float, ...] = (),
) -> Address:
    return Address(
        email=email,
        named=tuple(map(after, named)),
        until=None if until is None else after(until),
        left=tuple(map(after, left)),
    )


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([join(A, 1)], [address(A, 1)], id="one"),
        pytest.param([join(A, 1), join(A, 3)], [address(A, 1, 3)], id="named again"),
        pytest.param([join(B, 2, A)], [address(A, until=2), address(B, 2)], id="never named"),
        pytest.param(
            [join(A, 1), join(B, 2, A)], [address(A, 1, until=2), address(B, 2)], id="changed"
        ),
        pytest.param(
            [join(A, 1), join(B, 2)], [address(A, 1, until=2), address(B, 2)], id="known by id"
        ),
        pytest.param(
            [join(A, 1), join(B, 2, A), join(C, 3, B)],
            [address(A, 1, until=2), address(B, 2, until=3), address(C, 3)],
            id="changed twice",
        ),
        pytest.param(
            [join(A, 1), join(B, 2, A), join(B, 4)],
            [address(A, 1, until=2), address(B, 2, 4)],
            id="changed, and named again",
        ),
        pytest.param(
            [join(A, 1), join(B, 2, A), join(A, 3, B)],
            [address(A, 1, until=2), address(B, 2, until=3), address(A, 3)],
            id="changed back",
        ),
        pytest.param(
            [join(A, 1), leave(A, 1.5), join(B, 2), join(A, 4), leave(A, 5)],
            [address(A, 1, until=2, left=(1.5,)), address(B, 2, until=4), address(A, 4, left=(5,))],
            id="changed back, and left in both periods",
        ),
        pytest.param(
            [join(A, 1), join(B, 2, A), leave(A, 3)],
            [address(A, 1, until=2, left=(3,)), address(B, 2)],
            id="the former one retired",
        ),
        pytest.param(
            [join(A, 1), leave(A, 3), leave(A, 5)], [address(A, 1, left=(3, 5))], id="left twice"
        ),
        pytest.param([leave(A, 3)], [address(A, left=(3,))], id="only left"),
        pytest.param(
            [join(A, 1), leave(B, 3)], [address(B, left=(3,)), address(A, 1)], id="left by id"
        ),
        pytest.param(
            [join(C, 1), join(B, 1, C), join(A, 1, B)],
            [
                address(B, 1, until=1),
                address(C, 1, until=1),
                address(A, 1),
            ],
            id="changed twice at one moment",
        ),
        pytest.param(
            [join(B, 1), join(C, 5, A)],
            [address(B, 1, until=5), address(A, until=5), address(C, 5)],
            id="two former ones",
        ),
    ],
)
def test_every_order_of_arrival_gives_the_same_addresses(
    events: list[tuple[Event, ...]], expected: list[Address]
) -> None:
    for order in permutations(events):
        found = [replace(each, replaced=()) for each in noted(order)]
        assert found == expected, order


_MINUTES, _ADDRESSES = st.integers(0, 9), st.sampled_from([A, B, C])
_EVENTS = st.one_of(
    st.builds(join, _ADDRESSES, _MINUTES),
    st.builds(leave, _ADDRESSES, _MINUTES),
    st.permutations([A, B, C]).flatmap(
        lambda of: st.builds(join, st.just(of[0]), _MINUTES, st.just(of[1]))
    ),
)


@given(st.lists(_EVENTS, min_size=1, max_size=6), st.data())
def test_what_is_known_of_the_addresses_never_depends_on_the_order(
    events: list[tuple[Event, ...]], data: st.DataObject
) -> None:
    """Also with repeated changes, and with several events at one moment."""
    other = data.draw(st.permutations(events))

    assert noted(events) == noted(other)


@given(st.lists(_EVENTS, min_size=1, max_size=6))
def test_the_current_address_is_the_last_and_the_last_that_was_named(
    events: list[tuple[Event, ...]],
) -> None:
    addresses = noted(events)
    joins = [(at, email) for event in events for what, email, at in event if what == "named"]
    if joins:
        newest = max(joins)[0]
        current = {email for at, email in joins if at == newest}
        [last] = [a.email for a in addresses if a.named and a.until is None]
        assert last == addresses[-1].email
        assert last in current


def test_many_events_leave_few_times_and_few_periods() -> None:
    named = noted([*(join(A, at) for at in range(100)), *(leave(A, at) for at in range(100))])
    first, newest = 0, range(85, 100)
    assert named == (address(A, first, *newest, left=(first, *newest)),)
    flips = noted([join(email, at) for at in range(60) for email in ((A, B)[at % 2],)])
    assert len(flips) == 50
    assert flips[-1] == address(B, 59)
    once_more = noted([join(C, 0), *(join((A, B)[at % 2], at) for at in range(1, 60))])
    assert C in {each.email for each in once_more}


@pytest.mark.parametrize(
    ("at", "left"),
    [(0, False), (1, True), (1.5, True), (2, False), (3, False), (4, True)],
)
def test_an_address_was_left_until_an_event_names_it_again(at: float, left: bool) -> None:
    [one] = noted([join(A, 0), leave(A, 1), join(A, 2), leave(A, 4)])
    assert one.was_left_by(after(at)) is left


@pytest.mark.parametrize(
    ("until", "left_at", "retired"),
    [
        (None, None, False),
        (None, 3, False),
        (2, None, False),
        (2, 1, False),
        (2, 2, True),
        (2, 3, True),
    ],
)
def test_an_address_is_retired_by_a_leave_of_it_once_it_is_a_former_one(
    until: float | None, left_at: float | None, retired: bool
) -> None:
    one = address(A, 0, until=until, left=() if left_at is None else (left_at,))
    assert one.retired_at == (one.left_at if retired else None)


@pytest.mark.parametrize(
    ("since", "until", "theirs"),
    [
        (None, None, "0123"),
        (1, None, "123"),
        (None, 2, "01"),
        (1, 2, "1"),
    ],
)
def test_owner_of_an_address_at_each_moment(
    since: float | None, until: float | None, theirs: str
) -> None:
    one = address(A, *(() if since is None else (since,)), until=until)
    assert "".join(str(m) for m in range(4) if one.is_theirs_at(after(m))) == theirs


@pytest.mark.parametrize("split", range(5))
def test_merged_records_have_the_addresses_that_one_record_would_have(split: int) -> None:
    events = [join(A, 1), join(B, 2, A), leave(A, 3), join(C, 4, B), leave(C, 5)]
    one, other = noted(events[:split]), noted(events[split:])
    assert united(one, other) == united(other, one) == noted(events)
