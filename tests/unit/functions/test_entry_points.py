"""The five Pub/Sub functions, served by functions-framework: which messages are acknowledged.

Status 200 acknowledges a message; after 500 it is delivered again.
"""

from __future__ import annotations

import json
import logging

import pytest

import functions.pubsub_request
from shared.domain.commands.intent import Verb
from shared.domain.status import Phase
from shared.logs import JsonFormatter
from tests.support.builders import ANA, KEY, an_app, minutes, once_at
from tests.support.served_functions import HEADERS, TOPICS, Functions
from tests.support.simulation.world import World
from tests.support.stored import waiting

each_function = pytest.mark.parametrize("name", list(TOPICS))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Functions:
    world = World()
    monkeypatch.setattr(functions.pubsub_request, "app", lambda: an_app(world))
    return Functions(world)


def parked_codes(world: World) -> list[str]:
    return [parked.code for parked in world.store.parked(10).items]


def test_a_person_joins_is_converged_and_leaves(served: Functions) -> None:
    world = served.world
    assert served.send("onboard", {"email": ANA}) == 200
    world.pass_time(minutes(2))
    assert served.send("reconcile", {"scope": "due"}) == 200
    assert world.topics.waiting == [{"key": KEY}]
    assert served.send("converge", {"key": KEY}) == 200
    assert world.record(ANA).status.phase is Phase.READY
    leave = {"email": ANA, "occurred_at": "2026-03-01T09:01:00Z"}
    assert served.send("offboard", leave, id="m-2") == 200
    intent = world.record(ANA).events.in_force
    assert intent is not None
    assert (intent.verb, intent.source) == (Verb.LEAVE, "pubsub:offboarding")
    assert parked_codes(world) == []


def test_a_hold_records_its_sender_and_its_reason(served: Functions) -> None:
    world = served.world
    world.join(ANA)
    world.run_for(minutes(5))
    order = {"action": "hold", "email": ANA, "reason": "a lawsuit", "by": "legal@example.com"}
    assert served.send("admin", order, id="m-9") == 200
    hold = world.record(ANA).held
    assert hold is not None
    assert (hold.reason, hold.by) == ("a lawsuit", "legal@example.com")
    history = world.store.history(KEY, 10)
    [entry] = [e for e in history if e.action == "order.applied"]
    assert entry.event_id == "m-9"
    assert world.topics.news[-1]["data"]["news"] == "held"
    assert served.send("admin", order | {"action": "release"}, id="m-10") == 200
    assert parked_codes(world) == []


def test_converge_creates_the_notebook_once_reconcile_has_admitted_it(served: Functions) -> None:
    world = served.world
    world.store.save(waiting("zoe", due_at=None), None, ())
    assert served.send("onboard", {"email": ANA}) == 200
    assert world.cloud.counts["workbench.create"] == 0
    assert served.send("converge", {"key": KEY}) == 200
    assert world.cloud.counts["workbench.create"] == 0
    assert served.send("reconcile", {"scope": "due"}) == 200
    [body] = world.topics.waiting
    assert body == {"key": KEY, "admitted": True}
    assert served.send("converge", body) == 200
    assert world.cloud.counts["workbench.create"] == 1


@each_function
def test_an_event_without_a_message_is_acknowledged_and_parked(
    served: Functions, name: str
) -> None:
    source = f"//pubsub.googleapis.com/projects/demo/topics/{TOPICS[name]}"
    response = served.client(name).post("/", headers=HEADERS | {"ce-source": source}, data="{}")
    assert response.status_code == 200
    [parked] = served.world.store.parked(10).items
    assert (parked.code, parked.topic) == ("not-json", TOPICS[name])
    assert "carries no Pub/Sub message" in parked.reason


@pytest.mark.parametrize(
    ("name", "payload", "point"),
    [
        ("onboard", {"email": ANA}, "before:find"),
        ("onboard", {"email": ANA}, "before:save"),
        ("onboard", [1], "before:park"),
        ("offboard", {"email": ANA}, "before:save"),
        ("converge", {"key": KEY}, "before:load"),
        ("admin", {"action": "hold", "email": ANA, "reason": "x"}, "before:find"),
        ("admin", {"action": "hold", "email": ANA, "reason": "x"}, "before:save"),
        ("admin", [1], "before:park"),
    ],
)
def test_a_message_is_delivered_again_after_the_store_failed(
    served: Functions, name: str, payload: object, point: str
) -> None:
    def fail() -> None:
        raise ConnectionError("the store is unavailable")

    served.world.join(ANA, occurred_at="2026-02-01T00:00:00Z")
    hit = once_at(served.world, point, fail)
    assert served.send(name, payload) == 500
    assert hit
    assert served.send(name, payload) == 200


def test_the_traceback_of_a_failed_request_names_the_message(
    served: Functions, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConnectionError("the store is unavailable")

    once_at(served.world, "before:find", fail)
    assert served.send("onboard", {"email": ANA}, id="m-7") == 500
    assert "Pub/Sub message m-7 of topic onboarding" in caplog.text


def test_log_lines_have_the_trace_and_the_message_id(
    served: Functions, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[dict[str, str]] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter().format(record)))

    caplog.set_level(logging.INFO)
    handler = Collector()
    logging.getLogger("shared").addHandler(handler)
    try:
        served.send("onboard", {"email": ANA, "event_id": "hr-1"}, id="m-7")
    finally:
        logging.getLogger("shared").removeHandler(handler)
    trace = "projects/demo/traces/0af7651916cd43dd8448eb211c80319c"
    assert {line["logging.googleapis.com/trace"] for line in lines} == {trace}
    assert {line["message_id"] for line in lines} == {"m-7"}
    [outcome] = [line for line in lines if line["action"] == "intent.applied"]
    assert (outcome["person"], outcome["event_id"]) == (KEY, "hr-1")
