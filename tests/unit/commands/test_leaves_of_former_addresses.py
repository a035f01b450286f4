"""Which leaves are of the person, and which only retire a former address."""

from __future__ import annotations

import pytest

from shared.domain.commands.facts import leaves_of_person, retires_address
from shared.domain.commands.intent import Intent, Verb
from shared.domain.environment import Environment
from shared.domain.people.addresses import Address
from shared.domain.people.person import Person
from tests.support.builders import ANA, a_record, after, an_intent
from tests.support.grouped_fields import replace

SMITH, ZED = "ana.smith@example.com", "zed@example.com"


def leave(email: str, at: float) -> Intent:
    return an_intent(Verb.LEAVE, f"l{at}", occurred_at=after(at), person=Person(email=email))


def period(email: str, *named: float, until: float | None = None) -> Address:
    return Address(
        email=email, named=tuple(map(after, named)), until=None if until is None else after(until)
    )


def record(*addresses: Address, leaves: tuple[Intent, ...], effective: float | None) -> Environment:
    """Of somebody whose newest join, at 4, named Smith; ``effective``: when it took effect."""
    joined = an_intent(
        occurred_at=after(4),
        person=Person(email=SMITH),
        effective_at=None if effective is None else after(effective),
    )
    return replace(a_record(intent=joined), addresses=addresses, joined=joined, leaves=leaves)


ONCE = (period(ANA, 0, until=4), period(SMITH, 4))
AGAIN = (period(ANA, 0, until=1), period(SMITH, 1, until=2), period(ANA, 2, until=4), ONCE[1])
LATER = (period(ZED, 7, until=8), ONCE[1])


@pytest.mark.parametrize(
    ("addresses", "email", "at", "effective", "counts"),
    [
        pytest.param(ONCE, ANA, 5, None, False, id="a former address"),
        pytest.param(ONCE, ANA, 4, None, False, id="just then"),
        pytest.param(ONCE, ANA, 3, None, True, id="it was theirs"),
        pytest.param(ONCE, SMITH, 5, None, True, id="the current address"),
        pytest.param(ONCE, ZED, 5, None, True, id="an address that was never theirs"),
        pytest.param(AGAIN, ANA, 1.5, None, False, id="between two periods"),
        pytest.param(AGAIN, ANA, 3, None, True, id="in the second period"),
        pytest.param(AGAIN, ANA, 5, None, False, id="after both"),
        pytest.param(LATER, ZED, 6, None, True, id="they got it later"),
        pytest.param(LATER, ZED, 9, None, False, id="they had it later, and it is over"),
        pytest.param(ONCE, ANA, 5, 6, True, id="the change had not taken effect"),
        pytest.param(ONCE, ANA, 6, 6, False, id="the change just took effect"),
        pytest.param(LATER, ZED, 9, 10, False, id="another change had"),
    ],
)
def test_a_leave_of_a_former_address_is_not_of_the_person(
    addresses: tuple[Address, ...], email: str, at: float, effective: float | None, counts: bool
) -> None:
    one = leave(email, at)
    known = record(*addresses, leaves=(one,), effective=effective)
    assert leaves_of_person(known) == ([one] if counts else [])


def test_without_a_join_every_leave_is_of_the_person() -> None:
    one = leave(ANA, 5)
    known = replace(record(*ONCE, leaves=(one,), effective=None), joined=None)
    assert leaves_of_person(known) == [one]


def test_only_the_newest_leave_of_a_former_address_retires_it() -> None:
    addresses = (replace(ONCE[0], left=(after(5), after(7))), ONCE[1])
    known = record(*addresses, leaves=(), effective=None)
    assert retires_address(known, leave(ANA, 7))
    assert not retires_address(known, leave(ANA, 5))
    assert not retires_address(known, leave(SMITH, 7)), "another address"
    assert not retires_address(known, replace(leave(ANA, 7), verb=Verb.JOIN))
