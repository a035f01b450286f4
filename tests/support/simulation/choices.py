"""Where a rule's choices come from: a random generator, a recorded life, or Hypothesis.

A choice is a number below a bound, so that a life is plain data: for each step the name of its rule
and the numbers it drew. Replayed with other steps left out, a number still means something: it is
taken modulo the bound, and 0 (the simplest option comes first) where the record has no more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
Step = tuple[str, tuple[int, ...]]
"""A step of a life: the name of its rule, and what it drew."""


class Choices:
    """What a rule draws from; ``drawn`` is what it has drawn so far."""

    def __init__(self, draw: Callable[[int], int]) -> None:
        self._draw = draw
        self.drawn: list[int] = []

    def index(self, bound: int) -> int:
        """A number from 0 up to, but not including, ``bound``."""
        number = self._draw(bound)
        self.drawn.append(number)
        return number

    def pick(self, options: Sequence[T]) -> T:
        """One of ``options``; list one several times to make it likelier."""
        return options[self.index(len(options))]

    def one_in(self, count: int) -> bool:
        """True once in ``count`` times."""
        return self.index(count) == count - 1


def at_random(source: random.Random) -> Choices:
    """Choices from a seeded generator."""
    # Half the time of randrange, and all options here are few.
    return Choices(lambda bound: int(source.random() * bound))


def as_recorded(numbers: Sequence[int]) -> Choices:
    """The choices of a recorded step."""
    left = iter(numbers)
    return Choices(lambda bound: next(left, 0) % bound)
