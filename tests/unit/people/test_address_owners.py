"""Who has, had or will have an address, by the times of the events."""

from __future__ import annotations

from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.people.address_owners import owner_of
from tests.support.builders import ANA, NOW, after
from tests.support.records import Records, join, leave

SMITH, BEN = "ana.smith@example.com", "ben@example.com"


def owners(*people: Environment, minutes: str = "0123456789") -> str:
    """The owner of Ana's address at each minute: the number of the record, or a dot."""
    found = [owner_of(ANA, people, after(int(minute))) for minute in minutes]
    return "".join("." if owner is None else str(people.index(owner)) for owner in found)


def had(since: float, until: float | None = None) -> Environment:
    """The record of somebody who has, or had, the address of Ana."""
    events = [join(ANA, since)]
    if until is not None:
        events.append(join(SMITH, until, previous_email=ANA))
    [record] = Records(events).people
    return record


def test_whose_an_address_is_depends_on_the_moment() -> None:
    assert owners(had(3)) == "0000000000", "the first to have it, too"
    assert owners(had(3, 5)) == "0000000000", "the last who had it, too"
    assert owners(had(1, 3), replace(had(5), key="second")) == "0001111111"
    assert owners() == ".........."


def test_the_last_former_owner_is_the_last_who_was_named_with_it() -> None:
    """The first one left and returns with another address, after the next one got another, too."""
    first = Records([join(ANA, 0, "1"), leave(ANA, 1), join(SMITH, 5, "1")]).people
    [second] = Records([join(ANA, 2, "2"), join(BEN, 3, previous_email=ANA)]).people
    assert owners(*first, replace(second, key="second"), minutes="0123456") == "0011111"


def test_former_owners_are_left_out_where_only_owners_count() -> None:
    one = had(3, 5)
    assert [owner_of(ANA, [one], after(m), formerly=False) for m in (4, 5)] == [one, None]
    assert [owner_of(ANA, [one], after(m), afterwards=False) for m in (2, 3)] == [None, one]


def test_an_address_in_a_scheduled_join_belongs_to_that_person() -> None:
    later = join(SMITH, 0, previous_email=ANA, effective_at=after(days=1))
    [record] = Records([later]).people
    for email in (ANA, SMITH):
        assert owner_of(email, [record], NOW) == record
    assert owner_of(BEN, [record], NOW) is None


def test_a_former_address_belongs_to_its_next_owner_except_for_a_leave() -> None:
    """A scheduled join says that the address is given to somebody else."""
    later = join(ANA, 1, effective_at=after(days=1))
    former, new = Records([join(ANA, -9), join(SMITH, -5, previous_email=ANA), later]).people
    assert owner_of(ANA, [former, new], after(2), formerly=False) == new
    assert owner_of(ANA, [former, new], after(2)) == former
