"""The pure parts of the benchmarks: ratios, rows, the table, and what fails a run."""

from __future__ import annotations

import pytest

from bench.ratios import median_ratio, spread
from bench.report import TIMES, Row, Section, failed, table


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
