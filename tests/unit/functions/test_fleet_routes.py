"""The routes of `fleet`: every address that an event may have, and the errors of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import NotFound

from functions.fleet.routes import ROUTES, Route, RouteMatch, match_route
from shared.domain.names import person_key
from shared.domain.people.person import parse_email
from tests.support.builders import ANA, KEY
from tests.support.fleet import fleet_of
from tests.support.simulation.world import World

ATOM = st.text("abz09!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
# Text that a URL parser could take for a separator, a query or an encoded character.
MISLEADING = """
    a/b / // /a a/ a//b a/./b a/leaving leaving.html parked a%2fb % 100% %40 a%00 ?a=b a?limit=0 #
    o'neil+x a+b
"""
LOCAL_PARTS = st.one_of(
    st.lists(ATOM, min_size=1, max_size=4).map(".".join), st.sampled_from(MISLEADING.split())
)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """A valid e-mail address of an event, in any case."""
    text = draw(LOCAL_PARTS) + "@example.com"
    upper = draw(st.sets(st.integers(0, len(text) - 1), max_size=6))
    text = "".join(c.upper() if i in upper else c for i, c in enumerate(text))
    parse_email(text, allowed_domains={"example.com"})
    return text


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[FlaskClient]:
    with fleet_of(world) as client:
        yield client


@given(address=addresses(), safe=st.sampled_from(["", "@", "/@"]))
def test_every_address_of_an_event_has_a_route(
    world: World, client: FlaskClient, address: str, safe: str
) -> None:
    world.join(address)
    path = "/environments/" + quote(address, safe=safe)
    for suffix in ("", "/leaving", "/", "/leaving/"):
        response = client.get(path + suffix)
        assert response.status_code == 200, response.text
        assert response.get_json()["email"] == address.lower()
    assert client.get(path + "/leaving.html").mimetype == "text/html"


@given(address=addresses())
def test_every_environment_has_a_route_by_its_key(
    world: World, client: FlaskClient, address: str
) -> None:
    world.join(address)
    path = f"/environments/{person_key(address)}"
    assert client.get(path).get_json() == client.get(f"/environments/{quote(address)}").get_json()
    assert client.get(f"{path}/leaving").get_json()["email"] == address.lower()


@pytest.mark.parametrize(
    "resource", ["nb-{}", "nb-{}-q5w2mz", "nb-{}-data-workspace", "st-{}-spark", "sn-{}-20261127-1"]
)
def test_the_id_of_a_resource_leads_to_its_person(
    world: World, client: FlaskClient, resource: str
) -> None:
    """As a bill shows it."""
    world.join(ANA)
    path = f"/environments/{resource.format(person_key(ANA))}"
    assert client.get(path).get_json()["email"] == ANA
    assert client.get(f"{path}/leaving").get_json()["email"] == ANA


def test_a_key_that_looks_like_the_id_of_a_resource_is_taken_for_the_key(
    world: World, client: FlaskClient
) -> None:
    world.join("nb-ana@example.com")
    world.join(ANA)
    assert person_key("nb-ana@example.com").startswith("nb-ana-")
    path = f"/environments/{person_key('nb-ana@example.com')}"
    assert client.get(path).get_json()["email"] == "nb-ana@example.com"


def test_an_unknown_key_gets_404(client: FlaskClient) -> None:
    response = client.get("/environments/nobody-rzb4un3qciuo")
    assert response.status_code == 404
    assert "no environment for nobody-rzb4un3qciuo; " in response.get_json()["error"]


@pytest.mark.parametrize("path", ["/favicon.ico", "/robots.txt"])
def test_paths_that_the_framework_handles_get_404_in_json(client: FlaskClient, path: str) -> None:
    """The framework responds to these two itself, in HTML, and does not call the function."""
    response = client.get(path)
    assert (response.status_code, response.content_type) == (404, "application/json")
    assert response.get_json()["error"].startswith(f"no route matches {path}; routes: GET")


@given(address=addresses())
def test_an_address_without_an_environment_gets_404(client: FlaskClient, address: str) -> None:
    response = client.get("/environments/" + quote(f"nobody.{address}", safe=""))
    assert response.status_code == 404
    assert "no environment for nobody." in response.get_json()["error"]


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/environments", RouteMatch(Route.ENVIRONMENTS)),
        ("/environments/", RouteMatch(Route.ENVIRONMENTS)),
        ("/parked/", RouteMatch(Route.PARKED)),
        (
            "/environments/a/leaving@example.com",
            RouteMatch(Route.ENVIRONMENT, "a/leaving@example.com"),
        ),
        ("/environments/a/b@example.com/leaving", RouteMatch(Route.LEAVING, "a/b@example.com")),
        ("/environments//@example.com", RouteMatch(Route.ENVIRONMENT, "/@example.com")),
        (f"/environments/{KEY}", RouteMatch(Route.ENVIRONMENT, key=KEY)),
        (f"/environments/{KEY}/leaving/", RouteMatch(Route.LEAVING, key=KEY)),
        (f"/environments/nb-{KEY}-q5w2mz", RouteMatch(Route.ENVIRONMENT, key=f"nb-{KEY}-q5w2mz")),
        (f"/environments/{KEY}/leaving.html", RouteMatch(Route.LEAVING_PAGE, key=KEY)),
        (f"/environments/ {ANA.upper()} ", RouteMatch(Route.ENVIRONMENT, ANA)),
        (
            "/environments/\u212aim@example.com",
            RouteMatch(Route.ENVIRONMENT, "\u212aim@example.com"),
        ),
    ],
)
def test_the_last_at_sign_in_the_path_belongs_to_the_address(path: str, match: RouteMatch) -> None:
    assert match_route("GET", path) == match


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/", "no route matches /; routes: "),
        ("/environment", "no route matches /environment; "),
        ("/environmentsx", "no route matches /environmentsx; "),
        ("/parked/ana", "no route matches /parked/ana; "),
        (f"/environments/{ANA}/leavin", f"no route matches /environments/{ANA}/leavin; "),
        (f"/environments/{ANA}/leaving/x", "no route matches /environments/ana@"),
        (
            "/environments/ana",
            "no environment for ana: this is neither an e-mail address (name@domain) nor a key",
        ),
        ("/environments/a/b", "no environment for a/b: this is neither"),
        (f"/environments/{KEY}/leavin", f"no route matches /environments/{KEY}/leavin; "),
        ("/environments/" + "x" * 500, "x..."),
    ],
)
def test_an_unknown_path_gets_404_with_the_routes(path: str, error: str) -> None:
    with pytest.raises(NotFound) as raised:
        match_route("GET", path)
    assert raised.value.code == 404
    reason = raised.value.description or ""
    assert error in reason
    assert ROUTES in reason
    assert len(reason) < 500


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("phase=readdy", "; did you mean 'ready'?"),
        ("phase=READY", "; did you mean 'ready'?"),
        ("phase=gone", "phase: 'gone' is not one of scheduled, "),
        ("fase=ready", "unopened_days, pretty; did you mean 'phase'?"),
        ("limit=0", "limit: '0' is not a number from 1 to 1000"),
        ("limit=1&limit=2", "limit: is given more than once; send it once"),
        ("phase=ready&phase=removed", "phase: is given more than once"),
        ("unopened_days=x", "unopened_days: 'x' is not a number of days"),
        ("pretty=yes", "pretty: 'yes' is neither 1 nor 0"),
    ],
)
def test_a_mistyped_parameter_gets_400_with_a_suggestion(
    client: FlaskClient, query: str, error: str
) -> None:
    response = client.get(f"/environments?{query}")
    assert response.status_code == 400
    assert error in response.get_json()["error"]


def test_head_has_the_headers_of_get_and_no_body(world: World, client: FlaskClient) -> None:
    world.join(ANA)
    for path, status in ((f"/environments/{ANA}", 200), ("/environments?limit=0", 400)):
        response = client.head(path)
        assert (response.status_code, response.data) == (status, b"")
        assert response.headers["Content-Length"] == client.get(path).headers["Content-Length"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_get_405(client: FlaskClient, method: str) -> None:
    response = client.open("/environments", method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"
    error = response.get_json()["error"]
    assert error.startswith(f"{method} is not allowed: fleet is read-only")
    assert ROUTES in error
