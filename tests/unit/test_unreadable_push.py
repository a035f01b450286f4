"""What functions-framework can't read: a push gets to its function, anything else a clear 400."""

from __future__ import annotations

import json
import logging
from typing import Any

import flask
import functions_framework
import pytest
from flask.testing import FlaskClient

import functions.handling
import functions.unreadable_push
from shared.domain.environment import Parked
from tests.stateful.world import World
from tests.support.builders import ANA, an_app, once_at
from tests.unit.test_entry_points import MAIN, TOPICS

MESSAGE = {"messageId": "m-1", "message_id": "m-1", "publishTime": "2026-03-01T09:00:00Z"}
NO_DATA = MESSAGE | {"attributes": {"email": ANA}}
SUBSCRIPTION = "projects/demo/subscriptions/s"
each_function = pytest.mark.parametrize("name", list(TOPICS))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    for module in (functions.handling, functions.unreadable_push):
        monkeypatch.setattr(module, "app", lambda: an_app(world))
    return world


def served(name: str) -> FlaskClient:
    made = functions_framework.create_app(name, str(MAIN), "http")  # type: ignore[no-untyped-call]
    client: FlaskClient = made.test_client()
    return client


def push(name: str, message: object, **options: Any) -> tuple[int, str]:
    """Status and text of the answer to a push, as the subscription of ``name`` sends it."""
    body = json.dumps({"message": message, "subscription": SUBSCRIPTION})
    path = f"/projects/demo/topics/{TOPICS[name]}"
    answer = served(name).post(path, data=body, content_type="application/json", **options)
    return answer.status_code, answer.get_data(as_text=True)


def parked(world: World) -> list[Parked]:
    return list(world.store.parked(10).items)


@each_function
def test_a_push_without_data_is_acknowledged_and_parked(world: World, name: str) -> None:
    assert push(name, NO_DATA) == (200, "OK")
    [one] = parked(world)
    assert (one.id, one.topic, one.code) == (f"{TOPICS[name]}-m-1", TOPICS[name], "not-json")
    assert one.reason.startswith("the message has no data; ")


def test_its_redelivery_is_parked_once(world: World) -> None:
    assert push("onboard", NO_DATA) == push("onboard", NO_DATA) == (200, "OK")
    assert len(parked(world)) == 1


@pytest.mark.parametrize("path", ["/", "/x"])
def test_without_a_topic_in_the_path_the_functions_own_is_assumed(world: World, path: str) -> None:
    body = {"message": NO_DATA, "subscription": SUBSCRIPTION}
    assert served("offboard").post(path, json=body).status_code == 200
    assert [one.topic for one in parked(world)] == ["offboarding"]


@pytest.mark.parametrize("data", ["", 5, None, [], {}])
def test_data_that_is_no_text_is_parked(world: World, data: object) -> None:
    assert push("onboard", MESSAGE | {"data": data}) == (200, "OK")
    assert [one.code for one in parked(world)] == ["not-json"]


def test_a_push_that_is_not_declared_to_be_json_takes_effect(world: World) -> None:
    data = "eyJlbWFpbCI6ImFuYUBleGFtcGxlLmNvbSJ9"  # {"email":"ana@example.com"}
    body = json.dumps({"message": MESSAGE | {"data": data}, "subscription": SUBSCRIPTION})
    assert served("onboard").post("/", data=body).status_code == 200
    assert world.environment(ANA) is not None
    assert parked(world) == []


def test_when_it_can_not_be_parked_it_is_delivered_again(world: World) -> None:
    def down() -> None:
        raise ConnectionError("no state")

    hit = once_at(world, "before:park", down)
    client = served("onboard")
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    body = {"message": NO_DATA, "subscription": SUBSCRIPTION}
    assert client.post("/", json=body).status_code == 500
    assert hit
    assert client.post("/", json=body).status_code == 200
    assert len(parked(world)) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b"hello", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"null", "the body has no 'subscription'"),
        (b"[]", "the body has no 'subscription'"),
        (b"{}", "the body has no 'subscription'"),
        (b'"subscription message"', "the body has no 'subscription'"),
        (b'{"email": "ana@example.com"}', "the body has no 'subscription'"),
        (b'{"message": null, "subscription": "s"}', "'message' is not an object"),
        (b'{"message": "data messageId", "subscription": "s"}', "'message' is not an object"),
        (b'{"message": {"data": "e30="}, "subscription": "s"}', "'message' has no 'messageId'"),
        (b'{"message": {"messageId": 7}, "subscription": "s"}', "'message' has no 'messageId'"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_what_is_no_push_gets_a_400_that_says_why(
    world: World, caplog: pytest.LogCaptureFixture, body: bytes, said: str, content_type: str
) -> None:
    with caplog.at_level(logging.WARNING, "functions"):
        answer = served("onboard").post("/", data=body, content_type=content_type)
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    text = answer.get_data(as_text=True)
    assert text.startswith(said)
    assert text.count("\n") == 1
    [line] = [r for r in caplog.records if vars(r).get("action") == "push.refused"]
    assert f"{line.getMessage()}\n" == text
    assert parked(world) == []


def test_errors_of_fleet_are_none_of_its_business(world: World) -> None:
    def refuse(**_: object) -> None:
        flask.abort(400, description="of somebody else")

    client = served("fleet")
    client.application.view_functions["run"] = refuse
    answer = client.get("/environments")
    assert answer.status_code == 400
    assert "of somebody else" in answer.get_data(as_text=True)
