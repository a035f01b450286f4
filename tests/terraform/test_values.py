"""A value outside the documented list is found wherever it stands; an unknown one is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tools.terraform.values import WrongValue, wrong_values

COLOUR = {"type": "string", "values": ["RED", "BLUE"]}
UNKNOWN = object()


def schema(**nested: str) -> dict[str, Any]:
    """A block with a colour, colours, and such blocks by the nesting mode of each."""
    attributes = {"colour": COLOUR, "colours": COLOUR, "free": {"type": "string"}}
    inner = {"attributes": attributes, "block_types": {}}
    blocks = {name: {"nesting_mode": mode, "block": inner} for name, mode in nested.items()}
    return {"attributes": attributes, "block_types": blocks}


@pytest.mark.parametrize(
    ("values", "paths"),
    [
        pytest.param({"colour": "RED", "free": "GREEN"}, [], id="allowed"),
        pytest.param({"colour": "red"}, [("colour",)], id="case counts"),
        pytest.param({"colour": ""}, [], id="empty"),
        pytest.param({"colour": None}, [], id="null"),
        pytest.param({"colour": UNKNOWN}, [], id="not known yet"),
        pytest.param({}, [], id="left out"),
        pytest.param({"colours": ["RED", "GREEN", UNKNOWN]}, [("colours",)], id="one of several"),
        pytest.param({"one": {"colour": "GREEN"}}, [("one", "colour")], id="in a single block"),
        pytest.param({"one": None}, [], id="no single block"),
        pytest.param(
            {"many": [{"colour": "RED"}, {"colour": "GREEN"}]},
            [("many", 1, "colour")],
            id="in the second of several blocks",
        ),
        pytest.param({"any": [{"colour": "GREEN"}]}, [("any", "colour")], id="in a set of blocks"),
        pytest.param({"many": UNKNOWN}, [], id="blocks not known yet"),
        pytest.param({"many": [UNKNOWN]}, [], id="a block not known yet"),
    ],
)
def test_wrong_values_are_found(values: dict[str, Any], paths: list[Any]) -> None:
    block = schema(one="single", many="list", any="set")
    assert [wrong.path for wrong in wrong_values(block, values)] == paths


def test_the_text_names_the_value_and_those_allowed() -> None:
    [wrong] = wrong_values(schema(), {"colour": "GREEN"})
    assert wrong == WrongValue(("colour",), '"GREEN" is none of RED, BLUE.')
