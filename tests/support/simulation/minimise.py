"""The shortest life that still fails in the same place, found by leaving steps out."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.simulation.choices import Step
from tests.support.simulation.driver import Lived, replay

_MOST_TRIES = 600


class _Search:
    def __init__(self, lived: Lived) -> None:
        self.best = lived
        self.tries = 0

    def still_breaks(self, steps: Sequence[Step]) -> bool:
        """Whether these steps fail in the same place; if so they are the best so far."""
        if self.tries >= _MOST_TRIES:
            return False
        self.tries += 1
        lived = replay(steps)
        if lived.kind != self.best.kind:
            return False
        self.best = lived
        return True


def minimised(lived: Lived) -> Lived:
    """A life as short and as simple as can be found that fails as ``lived`` does.

    Steps are left out by delta debugging (Zeller and Hildebrandt, 2002); then each number that was
    drawn is made as small as possible, since the simplest option of every choice comes first.
    """
    search = _Search(lived)
    before: list[Step] = []
    while search.best.steps != before and search.tries < _MOST_TRIES:
        before = search.best.steps
        _leave_steps_out(search)
        _make_numbers_smaller(search)
    return search.best


def _leave_steps_out(search: _Search) -> None:
    size = max(len(search.best.steps) // 2, 1)
    while size:
        start = 1  # the first step begins the life
        while start < len(search.best.steps):
            steps = search.best.steps
            if not search.still_breaks([*steps[:start], *steps[start + size :]]):
                start += size
        size //= 2


def _make_numbers_smaller(search: _Search) -> None:
    for index in range(len(search.best.steps)):
        place = 0
        while index < len(search.best.steps) and place < len(search.best.steps[index][1]):
            name, numbers = search.best.steps[index]
            for smaller in dict.fromkeys((0, numbers[place] // 2, numbers[place] - 1)):
                if not 0 <= smaller < numbers[place]:
                    continue
                changed = (name, (*numbers[:place], smaller, *numbers[place + 1 :]))
                steps = search.best.steps
                if search.still_breaks([*steps[:index], changed, *steps[index + 1 :]]):
                    break
            place += 1
