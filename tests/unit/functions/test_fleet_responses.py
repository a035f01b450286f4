"""The form of the responses: for a person or a program, with a line break, never cached."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from shared.logs import JsonFormatter
from tests.support.builders import ANA, minutes
from tests.support.fleet import fleet_of
from tests.support.simulation.world import World

PATHS = [
    "/environments",
    f"/environments/{ANA}",
    f"/environments/{ANA}/leaving",
    f"/environments/{ANA}/leaving.html",
    "/parked",
    "/environments/nobody@example.com",
    "/environments?limit=0",
    "/parked?pretty=maybe",
    "/nothing",
]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def world() -> World:
    world = World()
    world.join(ANA)
    return world


@pytest.fixture
def client(world: World) -> Iterator[FlaskClient]:
    with fleet_of(world) as client:
        yield client


@pytest.mark.parametrize(
    ("agent", "accept", "pretty", "because"),
    [
        ("curl/8.5.0", "*/*", True, "a terminal"),
        ("Wget/1.21.4", "*/*", True, "a terminal"),
        ("HTTPie/3.2.2", "*/*", True, "a terminal"),
        (FIREFOX, "text/html,application/xhtml+xml,*/*;q=0.8", True, "a browser"),
        ("curl/8.5.0", "application/json", False, "a script that accepts only JSON"),
        (FIREFOX, "application/json, text/plain, */*", False, "a script in a browser"),
        ("python-requests/2.32.5", "*/*", False, "a program"),
        ("Go-http-client/1.1", "", False, "a program"),
        ("", "", False, "an unknown client"),
    ],
)
@pytest.mark.parametrize("path", ["/environments", "/environments/nobody@example.com"])
def test_json_is_indented_for_people_and_on_one_line_for_programs(
    client: FlaskClient, path: str, agent: str, accept: str, pretty: bool, because: str
) -> None:
    text = client.get(path, headers={"User-Agent": agent, "Accept": accept}).text
    assert ("\n  " in text) is pretty, because
    assert text.count("\n") == 1 or pretty
    assert text.endswith("}\n"), "the shell prompt starts on a new line"


@pytest.mark.parametrize("agent", ["curl/8.5.0", "python-requests/2.32.5"])
@pytest.mark.parametrize(
    ("parameter", "pretty"),
    [
        ("pretty=1", True),
        ("pretty", True),
        ("pretty=true", True),
        ("pretty=0", False),
        ("pretty=false", False),
    ],
)
def test_the_parameter_pretty_chooses_the_form(
    client: FlaskClient, agent: str, parameter: str, pretty: bool
) -> None:
    for path in (
        f"/environments/{ANA}?{parameter}",
        f"/parked?limit=1&{parameter}",
        f"/no?{parameter}",
    ):
        text = client.get(path, headers={"User-Agent": agent}).text
        assert ("\n  " in text) is pretty


def test_both_forms_have_the_same_content(client: FlaskClient) -> None:
    indented = client.get(f"/environments/{ANA}?pretty=1").text
    compact = client.get(f"/environments/{ANA}?pretty=0").text
    assert json.loads(indented) == json.loads(compact)


@pytest.mark.parametrize("path", PATHS)
def test_no_response_is_cached_or_sniffed_for_its_type(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "ETag" not in headers


def test_a_method_that_is_not_allowed_is_not_cached_either(client: FlaskClient) -> None:
    assert client.post("/environments").headers["Cache-Control"] == "no-store"


def test_every_response_shows_the_current_state(world: World, client: FlaskClient) -> None:
    def phases() -> tuple[str, str]:
        [entry] = client.get("/environments").get_json()["environments"]
        return entry["phase"], client.get(f"/environments/{ANA}").get_json()["phase"]

    assert phases() == ("provisioning", "provisioning")
    world.run_for(minutes(5))
    assert phases() == ("ready", "ready")
    assert client.get(f"/environments/{ANA}/leaving").get_json()["leavings"] == []
    page = client.get(f"/environments/{ANA}/leaving.html").text
    assert "This person has not left." in page
    world.leave(ANA)
    world.run_for(minutes(5))
    assert phases() == ("suspended", "suspended")
    assert len(client.get(f"/environments/{ANA}/leaving").get_json()["leavings"]) == 1
    assert "State when first observed" in client.get(f"/environments/{ANA}/leaving.html").text


def test_an_exception_is_logged_and_gets_500_in_json(
    client: FlaskClient, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    world.store.find = fail  # type: ignore[assignment, method-assign]
    response = client.get(f"/environments/{ANA}")
    assert (response.status_code, response.mimetype) == (500, "application/json")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.get_json()["error"] == (
        "internal error; the log of fleet says why (action fleet.failed)"
    )
    [record] = [r for r in caplog.records if vars(r).get("action") == "fleet.failed"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], OSError)


def test_the_log_line_of_an_exception_has_the_trace(
    client: FlaskClient, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    world.store.find = fail  # type: ignore[assignment, method-assign]
    caplog.handler.setFormatter(JsonFormatter())
    trace = "0af7651916cd43dd8448eb211c80319c"
    client.get(f"/environments/{ANA}", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    [line] = [json.loads(line) for line in caplog.text.splitlines() if "fleet.failed" in line]
    assert line["logging.googleapis.com/trace"] == f"projects/demo/traces/{trace}"
