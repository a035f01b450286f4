"""Refusals say what to send instead, also for shapes that a later message may have."""

from __future__ import annotations

import json
from typing import Literal

import msgspec
import pytest

from shared.domain.contracts.inbound_events import read_typed
from shared.domain.contracts.rejections import Rejected


class _TwoLists(msgspec.Struct):
    """A message with two listed values and a number, as a later one may have them."""

    size: Literal["small", "large"] = "small"
    colour: Literal["red", "green"] = "red"
    count: int = 0


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"size": "mall"}, "size: 'mall' is none of large, small; did you mean 'small'?"),
        ({"colour": "gren"}, "colour: 'gren' is none of green, red; did you mean 'green'?"),
        ({"count": "7"}, "count: must be int, got text; send that"),
    ],
)
def test_of_several_fields_the_wrong_one_is_explained(sent: object, message: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_typed(json.dumps(sent).encode(), _TwoLists)
    assert refused.value.message == message
