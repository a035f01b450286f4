"""One row of the table of refused events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shared.domain.contracts.rejections import RejectionCode
from tests.support.simulation.world import World


def nothing(_: World) -> None:
    """Nothing happens before the message."""


class Row(NamedTuple):
    """A message, the code under which it is parked, and what the reason says.

    ``message``: sent as JSON, as it is if it is bytes, or None for a message without data.
    ``says``: the start of the reason (where), and other parts (what is wrong, what to do next).
    ``before``: what happens first, in a deployment where Ana has everything.
    """

    topic: str
    message: Any
    code: RejectionCode
    says: tuple[str, ...]
    before: Callable[[World], object] = nothing


def rows(topic: str, table: Mapping[str, tuple[Any, ...]]) -> dict[str, Row]:
    """The rows of one topic, given as message, code, and the words of the reason."""
    return {
        f"{topic}: {name}": Row(topic, message, code, tuple(says))
        for name, (message, code, *says) in table.items()
    }
