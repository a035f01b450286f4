"""Every event that is refused: acknowledged, parked once with its code and reason, and harmless.

The table is in the other modules of this directory. Which texts are no address of a person is in
``people/test_person.py``.
"""

from __future__ import annotations

import logging
import re
from collections import Counter

import msgspec
import pytest

import functions.pubsub_request
from shared.domain.contracts.rejections import RejectionCode
from tests.support.builders import KEY, an_app, ready_world
from tests.support.served_functions import TOPICS, Functions, data_of
from tests.support.simulation.world import World
from tests.unit.refused_events import (
    admin_commands,
    field_values,
    inner_messages,
    joins,
    unreadable,
    with_records,
)
from tests.unit.refused_events.row import Row

PARTS = (unreadable, joins, field_values, admin_commands, inner_messages, with_records)
TABLE = {name: row for part in PARTS for name, row in part.TABLE.items()}
FUNCTION_OF = {topic: function for function, topic in TOPICS.items()}
WORDS_OF_MSGSPEC = re.compile("regex|`|Expected|Invalid")


@pytest.fixture(scope="module")
def served() -> Functions:
    """The five functions; each test gives them a deployment of its own."""
    return Functions(World())


def state_of(world: World) -> tuple[object, ...]:
    """All that an event could change."""
    records = [msgspec.json.encode(record) for record in world.store.page(10).items]
    history = world.store.history(KEY, 100)
    cloud = world.cloud.counts.copy(), set(world.cloud.things)
    return records, history, cloud, len(world.topics.news)


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
def test_a_refused_event_is_parked_once_with_its_reason_and_changes_nothing(
    row: Row,
    served: Functions,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = served.world = ready_world()
    row.before(world)
    before = state_of(world)
    monkeypatch.setattr(functions.pubsub_request, "app", lambda: an_app(world))
    caplog.clear()
    caplog.set_level(logging.INFO)

    for _ in range(3):
        assert served.send(FUNCTION_OF[row.topic], row.message, id="m-7") == 200

    [parked] = world.store.parked(10).items
    size = len(data_of(row.message))
    assert (parked.code, parked.topic, parked.size) == (row.code, row.topic, size)
    assert parked.reason.startswith(row.says[0])
    assert [part for part in row.says if part not in parked.reason] == []
    assert parked.reason.isprintable()
    assert len(parked.reason) < 1000
    assert row.code != "wrong-shape" or not WORDS_OF_MSGSPEC.search(parked.reason)
    assert len(parked.sample) <= 2000
    [line] = [vars(r) for r in caplog.records if vars(r).get("action") == "event.parked"]
    assert (line["code"], line["event_id"], line["levelname"]) == (row.code, "m-7", "WARNING")
    assert state_of(world) == before


def test_each_code_is_in_the_table() -> None:
    assert {row.code for row in TABLE.values()} == set(RejectionCode)


def test_no_two_rows_have_the_same_name() -> None:
    names = Counter(name for part in PARTS for name in part.TABLE)
    assert [name for name, count in names.items() if count > 1] == []
