"""Lists of records by filter, counts, and the values in use, on every store there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.domain.commands.intent import Intent, Verb
from shared.domain.environment import Environment
from shared.domain.people.person import Person
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Health, Phase
from shared.ports import ALL, BadCursor, EnvironmentStore, Facet, Filter
from tests.support.backends import BACKENDS, Backend, all_items, opened_backend
from tests.support.grouped_fields import a_resource, replace
from tests.support.stored import NOON, an_environment

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    yield from opened_backend(request, tmp_path)


def person(name: str, **changes: Any) -> Environment:
    """Somebody who is ready, of no team, not held, with nothing scheduled and no notebook."""
    values: dict[str, Any] = {
        "holds": (), "phase": Phase.READY, "profile": "analyst", "resources": (),
    }  # fmt: skip
    of_person = {n: changes.pop(n) for n in ("team", "cost_center") if n in changes}
    record = an_environment(name, **values | changes)
    return replace(record, person=msgspec.structs.replace(record.person, **of_person))


def held(name: str) -> Environment:
    return person(name, holds=an_environment().holds.in_force)


def running(name: str, state: State = State.READY) -> Environment:
    notebook = a_resource(kind=Kind.WORKBENCH, slot="main", name="x", state=state)
    return person(name, resources=(notebook,))


def leaves_at(name: str, at: datetime, **changes: Any) -> Environment:
    """Somebody whose leave is scheduled for ``at``."""
    email = f"{name}@example.com"
    leave = Intent(
        verb=Verb.LEAVE, event_id="m-9", source="test", occurred_at=NOON + HOUR,
        person=Person(email=email), effective_at=at,
    )  # fmt: skip
    return person(name, pending=(leave,), **changes)


def left_at(name: str, at: datetime, **changes: Any) -> Environment:
    """Somebody who left at that time; a day later the grace period is over."""
    email = f"{name}@example.com"
    leave = Intent(
        verb=Verb.LEAVE, event_id="m-8", source="test", occurred_at=at, person=Person(email=email)
    )
    values = {"phase": Phase.SUSPENDED, "intent": leave, "left_at": at, "grace_seconds": 86400}
    return person(name, **values | changes)


def stored(store: EnvironmentStore, *people: Environment) -> None:
    for each in people:
        store.save(each, None, ())


def found(store: EnvironmentStore, only: Filter, limit: int = 2) -> list[str]:
    """The names of those who match, page by page; the count must be the same."""
    names: list[str] = []
    after = ""
    while True:
        page = store.page(limit, after, only)
        assert len(page.items) <= limit
        names += [each.person.email.partition("@")[0] for each in page.items]
        after = page.next
        if not after:
            break
    assert store.count(only) == len(names)
    return names


PAIRS: dict[str, tuple[Filter, Callable[[str], Environment], Callable[[str], Environment]]] = {
    "phase": (
        Filter(phase=Phase.SUSPENDED),
        lambda name: person(name, phase=Phase.SUSPENDED),
        person,
    ),
    "health": (
        Filter(health=Health.RETRYING),
        lambda name: person(name, health=Health.RETRYING),
        person,
    ),
    "profile": (Filter(profile="lean"), lambda name: person(name, profile="lean"), person),
    "team": (
        Filter(team="Ri-sk ünd"),
        lambda name: person(name, team="Ri-sk ünd"),
        lambda name: person(name, team="risk"),
    ),
    "cost_center": (
        Filter(cost_center="CC 7"),
        lambda name: person(name, cost_center="CC 7"),
        person,
    ),
    "held": (Filter(held=True), held, person),
    "not held": (Filter(held=False), person, held),
    "running": (Filter(running=True), running, lambda name: running(name, State.STOPPED)),
    "not running": (Filter(running=False), lambda name: running(name, State.UPDATING), running),
    "no notebook": (Filter(running=False), person, running),
    "merged": (Filter(merged=True), lambda name: person(name, merged_into="x"), person),
    "not merged": (Filter(merged=False), person, lambda name: person(name, merged_into="x")),
    "problem": (
        Filter(problem="STOCK_OUT"),
        lambda name: person(name, problem_codes=("INTERNAL", "STOCK_OUT")),
        lambda name: person(name, problem_codes=("STOCK_OUT_2",)),
    ),
    "leaves before": (
        Filter(leaves_before=NOON + DAY),
        lambda name: leaves_at(name, NOON + DAY - HOUR),
        lambda name: leaves_at(name, NOON + DAY),
    ),
    "leaves at all": (
        Filter(leaves_before=NOON + 900 * DAY),
        lambda name: leaves_at(name, NOON + DAY),
        person,
    ),
    "removal before": (
        Filter(removal_before=NOON + DAY),
        lambda name: left_at(name, NOON - HOUR),
        lambda name: left_at(name, NOON),
    ),
    "removal done": (
        Filter(removal_before=NOON + 900 * DAY),
        lambda name: left_at(name, NOON),
        lambda name: left_at(name, NOON, phase=Phase.REMOVED),
    ),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_a_filter_finds_all_who_match_and_nobody_else(
    backend: Backend, pair: tuple[Filter, Callable[[str], Any], Callable[[str], Any]]
) -> None:
    only, fitting, other = pair
    stored(backend.store, *(fitting(f"yes{n}") for n in range(5)))
    stored(backend.store, *(other(f"no{n}") for n in range(4)))
    expected = sorted(f"yes{n}" for n in range(5))
    assert sorted(found(backend.store, only)) == expected
    assert sorted(found(backend.store, only, limit=5)) == expected
    assert len(found(backend.store, ALL)) == 9


def test_filters_by_value_are_combined(backend: Backend) -> None:
    one = {"team": "risk", "cost_center": "CC", "problem_codes": ("X",)}
    stored(
        backend.store,
        person("all", **one),
        *(person(f"not-{name}", **one | {name: other}) for name, other in (
            ("team", None), ("cost_center", "C"), ("problem_codes", ()),
            ("profile", "lean"), ("health", Health.WAITING), ("phase", Phase.PROVISIONING),
            ("holds", an_environment().holds.in_force), ("merged_into", "x"),
        )),
    )  # fmt: skip
    only = Filter(
        phase=Phase.READY, health=Health.OK, profile="analyst", team="risk", cost_center="CC",
        held=False, running=False, merged=False, problem="X",
    )  # fmt: skip
    assert found(backend.store, only) == ["all"]
    assert len(found(backend.store, Filter(problem="X"))) == 8
    assert len(found(backend.store, Filter(problem="X", held=False))) == 7


def test_a_time_is_combined_with_other_filters(backend: Backend) -> None:
    for n in range(6):
        at = NOON + n * HOUR
        team = "risk" if n % 2 else "core"
        stored(backend.store, leaves_at(f"p{n}", at, team=team, problem_codes=("X",)))
        stored(backend.store, left_at(f"q{n}", at, team=team))
    before = NOON + 5 * HOUR
    assert found(backend.store, Filter(leaves_before=before, team="risk")) == ["p1", "p3"]
    both = Filter(leaves_before=before, team="core", problem="X", held=False)
    assert found(backend.store, both) == ["p0", "p2", "p4"]
    assert found(backend.store, Filter(leaves_before=before, problem="Y")) == []
    removed = Filter(removal_before=before + DAY, team="core", phase=Phase.SUSPENDED)
    assert found(backend.store, removed) == ["q0", "q2", "q4"]
    assert found(backend.store, Filter(leaves_before=before, removal_before=before)) == []


def test_pages_by_a_time_are_in_its_order_and_of_one_moment_by_key(backend: Backend) -> None:
    stored(backend.store, *(leaves_at(f"p{n}", NOON + (n % 2) * HOUR) for n in range(7)))
    only = Filter(leaves_before=NOON + DAY)
    everybody = all_items(lambda after: backend.store.page(2, after, only))
    assert [(e.leaves_at, e.key) for e in everybody] == sorted(
        (e.leaves_at, e.key) for e in everybody
    )
    assert len(everybody) == 7


def test_a_time_in_another_zone_is_the_same_moment(backend: Backend) -> None:
    stored(backend.store, leaves_at("ana", NOON))
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))
    assert found(backend.store, Filter(leaves_before=elsewhere)) == []
    just_after = elsewhere + timedelta(microseconds=1)
    assert found(backend.store, Filter(leaves_before=just_after)) == ["ana"]


@pytest.mark.parametrize(
    "only", [Filter(team="risk", held=False), Filter(problem="X"), Filter(leaves_before=NOON + DAY)]
)
def test_pages_have_no_gaps_or_repeats_while_records_change(backend: Backend, only: Filter) -> None:
    """Of those who match all the time, each is on one page."""
    store = backend.store
    values: dict[str, Any] = {"team": "risk", "problem_codes": ("X",)}
    for n in range(9):
        stored(store, leaves_at(f"p{n}", NOON + n * HOUR, **values))
    seen: list[str] = []
    after = ""
    for number in range(20):
        page = store.page(2, after, only)
        seen += [e.key for e in page.items]
        after = page.next
        if not after:
            break
        # Somebody who was shown no longer matches, another changes otherwise, a third one is new.
        shown = store.load(seen[0])
        assert shown is not None
        gone = replace(shown.environment, pending=(), problem_codes=())
        gone = replace(gone, person=msgspec.structs.replace(gone.person, team="core"))
        store.save(gone, shown.version, ())
        other = store.load(seen[-1])
        assert other is not None
        store.save(replace(other.environment, health=Health.WAITING), other.version, ())
        stored(store, leaves_at(f"new{number}", NOON - HOUR, **values))
    names = {e.key: e.person.email for e in store.page(99).items}
    old = [names[key] for key in seen if names[key].startswith("p")]
    assert sorted(old) == sorted({*old})
    assert len(old) == 9


@pytest.mark.parametrize("code", ["a.b", "`x`", "1-2", "X" * 200, "a/b", "~*[]"])
def test_a_code_may_have_any_characters(backend: Backend, code: str) -> None:
    stored(backend.store, person("ana", problem_codes=(code,)), person("ben"))
    assert found(backend.store, Filter(problem=code)) == ["ana"]
    assert found(backend.store, Filter(problem=code, held=False)) == ["ana"]
    assert backend.store.next_value(Facet.PROBLEM) == code


def test_a_record_that_changes_leaves_one_list_for_another(backend: Backend) -> None:
    ana = person("ana", team="risk", problem_codes=("X", "Y"))
    version = backend.store.save(ana, None, ())
    changed = replace(ana, problem_codes=("Y", "Z"), profile="lean", phase=Phase.SUSPENDED)
    changed = replace(changed, person=msgspec.structs.replace(changed.person, team=None))
    backend.store.save(changed, version, ())
    for only in (Filter(problem="X"), Filter(team="risk"), Filter(profile="analyst")):
        assert found(backend.store, only) == []
    for only in (Filter(problem="Y"), Filter(problem="Z"), Filter(profile="lean")):
        assert found(backend.store, only) == ["ana"]


def test_a_cursor_of_another_listing_is_refused(backend: Backend) -> None:
    store = backend.store
    for n in range(3):
        stored(store, leaves_at(f"p{n}", NOON), left_at(f"q{n}", NOON))
    leaves, removal = Filter(leaves_before=NOON + DAY), Filter(removal_before=NOON + 2 * DAY)
    cursors = {only: store.page(1, "", only).next for only in (ALL, leaves, removal)}
    cursors[Filter(held=True)] = store.due(NOON, 1).next
    assert all(cursors.values())
    for only in (ALL, leaves, removal):
        for of, cursor in cursors.items():
            if of == only:
                assert len(store.page(1, cursor, only).items) == 1
                continue
            with pytest.raises(BadCursor):
                store.page(1, cursor, only)


class TestValuesInUse:
    def test_each_value_in_use_is_given_once_in_order(self, backend: Backend) -> None:
        stored(
            backend.store,
            person("a", profile="lean", problem_codes=("Q",)),
            person("b", profile="analyst", problem_codes=("A",)),
            person("c", profile="lean", problem_codes=("A", "Z")),
            person("d", profile="", problem_codes=()),
            person("e", profile="ünder", problem_codes=("A-", "Q")),
        )
        assert self._all(backend, Facet.PROFILE) == ["analyst", "lean", "ünder"]
        codes = self._all(backend, Facet.PROBLEM)
        assert [code for code in codes if code != "Z"] == ["A", "A-", "Q"]

    def test_without_records_there_is_none(self, backend: Backend) -> None:
        assert [self._all(backend, facet) for facet in Facet] == [[], []]

    def _all(self, backend: Backend, facet: Facet) -> list[str]:
        values: list[str] = []
        while value := backend.store.next_value(facet, values[-1] if values else ""):
            values.append(value)
            assert len(values) < 10
        return values
