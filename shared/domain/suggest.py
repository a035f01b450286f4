"""Suggests the known name that a mistyped one probably stands for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Words below this similarity only share some letters: "freeze" is not a mistyped "release".
_ALIKE = 0.7


def closest(given: str, known: Iterable[str]) -> str | None:
    """The most similar of ``known``, if any is similar; compares 100 characters of ``given``."""
    return next(iter(difflib.get_close_matches(given[:100], list(known), n=1, cutoff=_ALIKE)), None)


def suggestion(given: str, known: Iterable[str]) -> str:
    """A hint such as ``did you mean 'analyst'? known are: analyst, spark-engineer``."""
    names = [str(name) for name in known]
    listed = f"known are: {', '.join(names)}" if names else "none are known"
    close = closest(given, names)
    return f"did you mean {close!r}? {listed}" if close else listed
