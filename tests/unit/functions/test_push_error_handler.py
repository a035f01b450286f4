"""Requests that functions-framework rejects: the function gets a push, anything else gets 400."""

from __future__ import annotations

import json
import logging
from typing import Any

import flask
import functions_framework
import pytest
from flask.testing import FlaskClient

import functions.pubsub_request
import functions.push_error_handler
from shared.domain.contracts.parked import Parked
from tests.support.builders import ANA, an_app, once_at
from tests.support.served_functions import MAIN, TOPICS
from tests.support.simulation.world import World

MESSAGE = {"messageId": "m-1", "message_id": "m-1", "publishTime": "2026-03-01T09:00:00Z"}
NO_DATA = MESSAGE | {"attributes": {"email": ANA}}
SUBSCRIPTION = "projects/demo/subscriptions/s"
each_function = pytest.mark.parametrize("name", list(TOPICS))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    for module in (functions.pubsub_request, functions.push_error_handler):
        monkeypatch.setattr(module, "app", lambda: an_app(world))
    return world


def served(name: str) -> FlaskClient:
    made = functions_framework.create_app(name, str(MAIN), "http")  # type: ignore[no-untyped-call]
    client: FlaskClient = made.test_client()
    return client


def push(name: str, message: object, **options: Any) -> tuple[int, str]:
    """Status and text of the response to a push from the subscription of ``name``."""
    body = json.dumps({"message": message, "subscription": SUBSCRIPTION})
    path = f"/projects/demo/topics/{TOPICS[name]}"
    response = served(name).post(path, data=body, content_type="application/json", **options)
    return response.status_code, response.get_data(as_text=True)


def parked(world: World) -> list[Parked]:
    return list(world.store.parked(10).items)


@each_function
def test_a_push_without_data_is_acknowledged_and_parked(world: World, name: str) -> None:
    assert push(name, NO_DATA) == (200, "OK")
    [one] = parked(world)
    assert (one.id, one.topic, one.code) == (f"{TOPICS[name]}-m-1", TOPICS[name], "not-json")
    assert one.reason.startswith("the message has no data; ")


def test_a_redelivered_push_is_parked_once(world: World) -> None:
    assert push("onboard", NO_DATA) == push("onboard", NO_DATA) == (200, "OK")
    assert len(parked(world)) == 1


@pytest.mark.parametrize("path", ["/", "/x"])
def test_the_topic_of_the_function_is_used_if_the_path_has_none(world: World, path: str) -> None:
    body = {"message": NO_DATA, "subscription": SUBSCRIPTION}
    assert served("offboard").post(path, json=body).status_code == 200
    assert [one.topic for one in parked(world)] == ["offboarding"]


@pytest.mark.parametrize("data", ["", 5, None, [], {}])
def test_a_push_whose_data_is_not_text_is_parked(world: World, data: object) -> None:
    assert push("onboard", MESSAGE | {"data": data}) == (200, "OK")
    assert [one.code for one in parked(world)] == ["not-json"]


def test_a_push_without_a_json_content_type_is_processed(world: World) -> None:
    data = "eyJlbWFpbCI6ImFuYUBleGFtcGxlLmNvbSJ9"  # {"email":"ana@example.com"}
    body = json.dumps({"message": MESSAGE | {"data": data}, "subscription": SUBSCRIPTION})
    assert served("onboard").post("/", data=body).status_code == 200
    assert world.environment(ANA) is not None
    assert parked(world) == []


def test_a_push_that_could_not_be_parked_is_delivered_again(world: World) -> None:
    def fail() -> None:
        raise ConnectionError("the store is unavailable")

    hit = once_at(world, "before:park", fail)
    client = served("onboard")
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    body = {"message": NO_DATA, "subscription": SUBSCRIPTION}
    assert client.post("/", json=body).status_code == 500
    assert hit
    assert client.post("/", json=body).status_code == 200
    assert len(parked(world)) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
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
def test_a_body_that_is_not_a_push_gets_400_with_the_reason(
    world: World, caplog: pytest.LogCaptureFixture, body: bytes, reason: str, content_type: str
) -> None:
    with caplog.at_level(logging.WARNING, "functions"):
        response = served("onboard").post("/", data=body, content_type=content_type)
    assert (response.status_code, response.mimetype) == (400, "text/plain")
    text = response.get_data(as_text=True)
    assert text.startswith(reason)
    assert text.count("\n") == 1
    [line] = [r for r in caplog.records if vars(r).get("action") == "push.refused"]
    assert f"{line.getMessage()}\n" == text
    assert parked(world) == []


def test_errors_of_fleet_are_not_handled(world: World) -> None:
    def reject(**_: object) -> None:
        flask.abort(400, description="raised by fleet")

    client = served("fleet")
    client.application.view_functions["run"] = reject
    response = client.get("/environments")
    assert response.status_code == 400
    assert "raised by fleet" in response.get_data(as_text=True)
