"""Refusals say what to send instead, also for shapes that a later message may have."""

from __future__ import annotations

import json
from typing import Literal

import msgspec
import pytest

from functions.converge import ConvergeMessage
from functions.reconcile import ReconcileMessage
from shared.domain.contracts.inbound_events import AdminEvent, read_typed
from shared.domain.contracts.rejections import Rejected, RejectionCode
from tests.support.builders import ANA

ORDER = {"email": ANA, "action": "hold", "reason": "a lawsuit"}


@pytest.mark.parametrize(
    ("shape", "sent", "message"),
    [
        (
            AdminEvent,
            ORDER | {"action": "Hold"},
            "action: 'Hold' is none of hold, release, retry, recreate; did you mean 'hold'?",
        ),
        (
            AdminEvent,
            ORDER | {"action": "zap"},
            "action: 'zap' is none of hold, release, retry, recreate; send one of these",
        ),
        (
            AdminEvent,
            ORDER | {"action": "x" * 500},
            f"action: '{'x' * 77}...' is none of hold, release, retry, recreate; send one of these",
        ),
        (ReconcileMessage, {"scope": "all"}, "scope: 'all' is not 'due'; send that"),
        (
            ReconcileMessage,
            {"scope": "due", "email": ANA},
            "'email' is not a field of the message; known are: scope",
        ),
        (
            ConvergeMessage,
            {"key": ANA},
            "key: is not a key; send it as fleet shows it, such as ana-rzb4un3qciuo",
        ),
        (
            ConvergeMessage,
            {"key": "ana-rzb4un3qciuo", "admitted": 1},
            "admitted: must be true or false, got a number; send true or false without quotes",
        ),
    ],
)
def test_a_refusal_says_what_to_send_instead(
    shape: type[msgspec.Struct], sent: object, message: str
) -> None:
    with pytest.raises(Rejected) as refused:
        read_typed(json.dumps(sent).encode(), shape)
    assert refused.value.message == message
    assert refused.value.code in (RejectionCode.WRONG_SHAPE, RejectionCode.UNKNOWN_FIELD)


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
def test_of_several_fields_the_one_that_is_wrong_is_explained(sent: object, message: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_typed(json.dumps(sent).encode(), _TwoLists)
    assert refused.value.message == message
