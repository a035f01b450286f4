"""Ratios of times within one run: the only times that mean anything on somebody else's machine."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of ours/theirs, round by round.

    Each round measured both, one right after the other: what slowed the machine down in that round
    slowed both.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} rounds of ours against {len(theirs)} of theirs")
    return median(our / their for our, their in zip(ours, theirs, strict=True))


def spread(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest ratio of a round, to see how far to trust the median."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return min(ratios), max(ratios)
