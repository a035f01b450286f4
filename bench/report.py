"""The answers of a run as one plain table, and whether a count is over its budget.

Times never fail a run: whoever shares the machine decides them. Counts always can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TIMES = "\N{MULTIPLICATION SIGN}"  # the unit of a ratio


@dataclass(frozen=True)
class Row:
    """One line: ``budget`` None where the number only informs.

    ``unit`` stands behind the number, for a ratio or a time; a count has none.
    """

    what: str
    measured: float
    budget: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def is_count(self) -> bool:
        """Whether it is a count, which is the same on every machine."""
        return not self.unit

    @property
    def is_within(self) -> bool:
        """Whether it keeps to its budget; without one it does."""
        return self.budget is None or self.measured <= self.budget

    def cells(self) -> tuple[str, str, str, str, str]:
        """What the table shows of it."""
        budget = "" if self.budget is None else f"≤ {_number(self.budget, self.unit)}"
        mark = "" if self.budget is None else "✓" if self.is_within else "✗"
        return self.what, _number(self.measured, self.unit), budget, mark, self.note


@dataclass(frozen=True)
class Section:
    """Rows under a heading."""

    title: str
    rows: Sequence[Row]


def failed(sections: Sequence[Section]) -> list[Row]:
    """The counts over their budgets."""
    return [
        row for section in sections for row in section.rows if row.is_count and not row.is_within
    ]


def table(section: Section) -> str:
    """A section as text, its columns aligned within it."""
    head = ("what", "measured", "budget", "", "")
    lines = [head, *(row.cells() for row in section.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    texts = [_line(line, widths) for line in lines]
    rule = "  " + "─" * (max(map(len, texts)) - 2)
    return "\n".join([section.title, texts[0], rule, *texts[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    what, measured, budget, mark, note = cells
    first = f"{what:<{widths[0]}}  {measured:>{widths[1]}}  {budget:<{widths[2]}}"
    return f"  {first}  {mark:<1}  {note}".rstrip()


def _number(value: float, unit: str) -> str:
    return f"{value:.2f} {unit}" if unit else f"{value:g}"
