"""The pure parts of the benchmarks: ratios, rows, the table, the queue, and what fails a run."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.burst import CREATION_SECONDS, Burst
from bench.burst_rows import rows
from bench.instance import Done
from bench.life import billed_documents
from bench.memory import fitting, mebibytes
from bench.queueing import Arrival, ahead, most_at_once, rounds
from bench.ratios import median_ratio, spread
from bench.report import TIMES, Row, Section, failed, table
from shared.ports import Crowd, Page

ROOT = Path(__file__).parents[3]


def test_a_slow_round_slows_both_and_leaves_the_ratio() -> None:
    assert median_ratio([2.0, 20.0, 2.2], [1.0, 10.0, 1.1]) == pytest.approx(2.0)


def test_the_ratio_is_taken_round_by_round_not_of_the_medians() -> None:
    assert median_ratio([1.0, 6.0, 9.0], [1.0, 2.0, 9.0]) == 1.0
    assert median_ratio([3.0, 4.0, 40.0], [1.0, 4.0, 10.0]) == 3.0


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0])])
def test_rounds_that_do_not_pair_are_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match="rounds of ours"):
        median_ratio(ours, theirs)


def test_the_spread_shows_the_best_and_the_worst_round() -> None:
    assert spread([2.0, 6.0, 3.0], [1.0, 2.0, 2.0]) == (1.5, 3.0)


@pytest.mark.parametrize(
    ("row", "within"),
    [
        (Row("at the budget", 3, 3), True),
        (Row("over it", 4, 3), False),
        (Row("nothing allowed, nothing done", 0, 0), True),
        (Row("nothing allowed", 1, 0), False),
        (Row("no budget", 99), True),
        (Row("a ratio over it", 1.26, 1.25, TIMES), False),
    ],
)
def test_a_row_is_within_its_budget(row: Row, within: bool) -> None:
    assert row.is_within is within


def test_only_counts_fail_a_run() -> None:
    over = Row("calls", 4, 3)
    slow = Row("CPU", 9.9, 1.25, TIMES)
    fine = Row("calls", 3, 3)
    assert failed([Section("a", [fine, slow]), Section("b", [over])]) == [over]


def test_the_table_says_what_was_measured_against_which_budget() -> None:
    section = Section(
        "Calls",
        [
            Row("first join: state", 3, 3, note="load, 2 save"),
            Row("duplicate: state", 12, 2),
            Row("warm join", 1.5, 1.25, TIMES),
            Row("loads profiles", 6),
        ],
    )
    title, head, rule, *lines = table(section).splitlines()
    assert title == "Calls"
    assert head.split() == ["what", "measured", "budget"]
    assert set(rule.strip()) == {"─"}
    assert [line.split("  ")[1] for line in lines] == [row.what for row in section.rows]
    assert [line.split() for line in lines] == [
        ["first", "join:", "state", "3", "≤", "3", "✓", "load,", "2", "save"],
        ["duplicate:", "state", "12", "≤", "2", "✗"],
        ["warm", "join", "1.50", TIMES, "≤", "1.25", TIMES, "✗"],
        ["loads", "profiles", "6"],
    ]


def test_the_columns_stand_below_one_another() -> None:
    section = Section(
        "Calls", [Row("a", 1, 10, note="first"), Row("much longer", 22, 3, note="second")]
    )
    _, _, _, first, second = table(section).splitlines()
    assert first.index("≤") == second.index("≤")
    assert first.index("first") == second.index("second")


_START = datetime(2026, 11, 22, 9, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return _START + timedelta(seconds=seconds)


def _arrival(who: str, began: float, ended: float) -> Arrival:
    return Arrival(who, _at(began), _at(ended))


@pytest.mark.parametrize(
    ("spans", "most"),
    [
        ([], 0),
        ([(0, 90), (10, 100), (95, 185)], 2),
        ([(0, 90), (90, 180)], 1),
        ([(0, 90), (0, 90), (0, 90)], 3),
    ],
)
def test_an_end_frees_the_place_for_a_start_at_the_same_moment(
    spans: list[tuple[float, float]], most: int
) -> None:
    assert most_at_once((_at(begin), _at(end)) for begin, end in spans) == most


def test_events_before_the_first_tick_are_in_round_0() -> None:
    moments = {"early": _at(59), "on the tick": _at(60), "late": _at(200)}
    assert rounds(moments, [_at(60), _at(120)]) == {"early": 0, "on the tick": 1, "late": 2}


@pytest.mark.parametrize(
    ("arrivals", "served", "found"),
    [
        ([("a", 0, 1), ("b", 2, 3)], {"a": 1, "b": 1}, []),
        ([("a", 0, 1), ("b", 2, 3)], {"a": 1, "b": 2}, []),
        ([("a", 0, 1), ("b", 2, 3)], {"a": 2, "b": 1}, ["b"]),
        ([("a", 0, 2), ("b", 1, 3)], {"a": 2, "b": 1}, []),
        ([("a", 0, 1), ("b", 2, 3), ("c", 4, 5)], {"a": 5, "b": 1, "c": 2}, ["b", "c"]),
        ([("a", 0, 1), ("b", 2, 3)], {"b": 1}, ["b"]),
    ],
    ids=["together", "in order", "passed", "no order", "passed by two", "never served"],
)
def test_a_person_served_out_of_order_is_named(
    arrivals: list[tuple[str, float, float]], served: dict[str, int], found: list[str]
) -> None:
    assert ahead([_arrival(*each) for each in arrivals], served) == found


def _burst(people: int = 4) -> Burst:
    """Two at a time, each in progress for the length of a creation, ready at the tick after it."""
    burst = Burst(people, 2, joining=0.1, converging=0.1, converged=2 * people)
    for number in range(people):
        who, turn = f"p{number}@example.com", 180 * (number // 2)
        burst.arrivals.append(_arrival(who, number, number + 0.5))
        burst.made.append((who, _at(60 + turn)))
        burst.ready[who] = _at(180 + turn)
    burst.ticks = [_at(60 * minute) for minute in range(1, 3 * people)]
    burst.calls = Counter({"state.save": 3 * people, "notebooks.instances.create": people})
    return burst


def _over(burst: Burst) -> list[str]:
    return [row.what for row in failed([Section("burst", rows(burst))])]


def _lose(burst: Burst) -> None:
    del burst.ready["p3@example.com"]


def _lose_notebook(burst: Burst) -> None:
    del burst.made[3]


def _double(burst: Burst) -> None:
    burst.made.append(("p0@example.com", _at(2000)))


def _storm(burst: Burst) -> None:
    burst.made = [(who, _at(60)) for who, _ in burst.made]


def _jump(burst: Burst) -> None:
    burst.arrivals[0] = _arrival("p0@example.com", 10, 11)
    burst.ready["p0@example.com"] = _at(900)
    for number in range(4, 8):
        who = f"p{number}@example.com"
        burst.arrivals.append(_arrival(who, 20 + number, 21 + number))
        burst.ready[who] = _at(200)
        burst.made.append((who, _at(1000 * number)))
    burst.joins = 8


def test_an_orderly_burst_is_within_its_budgets() -> None:
    assert _over(_burst()) == []


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (_lose, "lost: joined and not ready"),
        (_lose_notebook, "lost: joined and no notebook"),
        (_double, "doubled: notebooks more than owners"),
        (_storm, "notebooks being made at once, at most"),
        (_jump, "ready in an earlier tick than somebody who joined before them"),
    ],
)
def test_a_broken_promise_of_the_queue_fails_the_run(
    spoil: Callable[[Burst], None], what: str
) -> None:
    burst = _burst()
    spoil(burst)
    assert _over(burst) == [what]


def test_a_burst_says_what_a_person_costs_and_how_long_they_waited() -> None:
    found = {row.what: row for row in rows(_burst())}
    assert found["calls a person: state"].measured == 3
    assert found["calls a person: notebooks"].note == "1.00 instances.create"
    assert found["onboard, events for each second of one core"].measured == pytest.approx(40)
    shortest = 2 * CREATION_SECONDS / 60
    note = found["ticks until everybody is ready"].note
    assert note.endswith(f"with every place always taken: {shortest:.0f}")


def test_a_burst_in_which_nobody_became_ready_is_reported() -> None:
    burst = _burst()
    burst.ready.clear()
    burst.made.clear()
    assert _over(burst) == ["lost: joined and not ready", "lost: joined and no notebook"]


def test_results_of_several_instances_are_added_up() -> None:
    one = Done(1.5, Counter(load=2), [_arrival("a", 0, 1)])
    other = Done(0.5, Counter(load=1, save=1), [_arrival("b", 0, 1)])
    assert Done.of([one, other]) == Done(
        2.0, Counter(load=3, save=1), [_arrival("a", 0, 1), _arrival("b", 0, 1)]
    )
    assert Done.of([]) == Done(0.0, Counter(), [])


@pytest.mark.parametrize(
    ("peak", "size"), [(90, 512), (341, 512), (342, 1024), (682, 1024), (683, 2048)]
)
def test_memory_is_the_next_size_above_the_peak_with_room_to_spare(peak: float, size: int) -> None:
    assert fitting(peak) == size


def test_memory_is_read_as_cloud_functions_writes_it() -> None:
    assert [mebibytes("512Mi"), mebibytes("2Gi")] == [512, 2048]


@pytest.mark.slow
def test_a_section_that_does_not_exist_is_named() -> None:
    command = [sys.executable, "-m", "bench", "memory", "speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no section speed; there are calls, cpu, cold, memory, life, tick, burst" in done.stderr


@pytest.mark.parametrize(
    ("method", "args", "result", "billed"),
    [
        ("load", ("k",), None, {"read": 1}),
        ("load", ("k",), object(), {"read": 1}),
        ("save", ("record", "1", ()), "2", {"written": 1}),
        ("save", ("record", None, ("joined", "created")), "2", {"written": 3}),
        ("find", (("a", "b"), None), (), {"read": 1}),
        ("find", (("a", "b"), "7"), (object(), object()), {"read": 2}),
        ("save_merged", ("one", "other", (("merged",), ("emptied",))), "2", {"written": 4}),
        ("append", ("k", ("repeated",)), None, {"written": 1}),
        ("append", ("k", ()), None, {"written": 0}),
        ("due", ("now", 500), Page((), ""), {"read": 1}),
        ("due", ("now", 500), Page(("a", "b", "c"), "next"), {"read": 3}),
        ("shortages", ("now",), frozenset(), {"read": 1}),
        ("creating", (), Crowd(5, 5), {"read": 2}),
        ("park", ("parked",), True, {"written": 1}),
    ],
)
def test_documents_are_counted_as_firestore_bills_them(
    method: str, args: Sequence[object], result: object, billed: dict[str, int]
) -> None:
    assert billed_documents(method, args, result) == billed
