"""Who has, had or will have an address, by the times of the events."""

from __future__ import annotations

from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.people.address_owners import owner_of
from shared.domain.people.addresses import Address
from tests.support.builders import ANA, NOW, a_record, after
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


def person(key: str, *periods: Address) -> Environment:
    """A record with these periods of the address of Ana, and perhaps of others."""
    return a_record(key=key, addresses=periods)


def period(*named: float, until: float | None = None, email: str = ANA) -> Address:
    ended = None if until is None else after(until)
    return Address(email=email, named=tuple(map(after, named)), until=ended)


def test_of_two_who_have_it_the_owner_is_whom_an_event_named_last_by_then() -> None:
    one, two = person("one", period(1, 5)), person("two", period(3))
    assert owners(one, two, minutes="01234567") == "00011000"
    assert owners(two, one, minutes="01234567") == "11100111"
    at_once = (person("one", period(1)), person("two", period(1)))
    assert owners(*at_once, minutes="12") == "11", "the same for the same records"
    assert owners(*reversed(at_once), minutes="12") == "00"


def test_who_had_it_first_has_not_got_it_back_when_another_gives_it_up() -> None:
    one, two = person("one", period(1)), person("two", period(3, until=5))
    assert owners(one, two, minutes="1234567") == "0011111"
    assert owner_of(ANA, [one, two], after(6), formerly=False) is None
    same = person("two", period(1, until=5))
    assert owners(one, same, minutes="67") == "00", "not since, but at the same moment"


def test_the_times_of_other_addresses_do_not_count() -> None:
    other = period(4, email=SMITH)
    one, two = person("one", period(1), other), person("two", period(2), other)
    assert owners(one, two, minutes="0135") == "0011"


def test_the_first_of_those_who_get_it_later_is_the_owner_before() -> None:
    people = person("one", period(7)), person("two", period(5)), person("three", period(5))
    assert owners(*people, minutes="0") == "2", "of two at one moment always the same"
    assert owners(*reversed(people), minutes="0") == "0"


def test_of_several_former_owners_it_is_the_last() -> None:
    people = person("one", period(1, until=3)), person("two", period(2, until=4))
    assert owners(*people, minutes="9") == "1"
    assert owners(*reversed(people), minutes="9") == "0"
    unnamed = Address(email=ANA, until=after(6))
    assert owners(*people, person("zero", unnamed), minutes="9") == "2", "named by a change only"
    ended = person("one", period(1, until=9)), person("two", period(2, until=4))
    assert owner_of(ANA, ended, after(9), afterwards=False) == ended[1]


def test_a_scheduled_join_counts_last_and_of_several_always_the_same() -> None:
    later = join(ANA, 1, effective_at=after(days=1))
    [one] = Records([later]).people
    two = replace(one, key="zz")
    assert owners(one, two, minutes="5") == "1"
    assert owners(two, one, minutes="5") == "0"
    former = person("former", period(0, until=3))
    assert owner_of(ANA, [former, one], after(5), formerly=False) == one
    assert owner_of(ANA, [former, one], after(5)) == former
