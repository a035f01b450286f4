"""What somebody who mistyped a name probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(given: str, known: Iterable[str]) -> str:
    """A hint such as ``did you mean 'analyst'? known are: analyst, spark-engineer``."""
    names = [str(name) for name in known]
    listed = f"known are: {', '.join(names)}" if names else "none are known"
    close = difflib.get_close_matches(given[:100], names, n=1)
    return f"did you mean {close[0]!r}? {listed}" if close else listed
