"""What `fleet` can be asked: every address an event may have, and clear words for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from functions.fleet_questions import WAYS, Question, Unanswerable, View, question_of
from shared.domain.names import person_key
from shared.domain.person import parse_email
from tests.stateful.world import World
from tests.support.builders import ANA, KEY
from tests.support.fleet import fleet_of

ATOM = st.text("abz09!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
# What could be taken for another part of a URL, or for something encoded.
MISLEADING = """
    a/b / // /a a/ a//b a/./b a/leaving leaving.html parked a%2fb % 100% %40 a%00 ?a=b a?limit=0 #
    o'neil+x a+b
"""
LOCAL_PARTS = st.one_of(
    st.lists(ATOM, min_size=1, max_size=4).map(".".join), st.sampled_from(MISLEADING.split())
)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """An address as an event may hold it, in any case; accepted, or the test says why not."""
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
def test_every_address_an_event_may_have_can_be_asked_for(
    world: World, client: FlaskClient, address: str, safe: str
) -> None:
    world.join(address)
    path = "/environments/" + quote(address, safe=safe)
    for part in ("", "/leaving", "/", "/leaving/"):
        answer = client.get(path + part)
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["email"] == address.lower()
    assert client.get(path + "/leaving.html").mimetype == "text/html"


@given(address=addresses())
def test_everybody_can_be_asked_for_by_the_key_that_log_lines_show(
    world: World, client: FlaskClient, address: str
) -> None:
    world.join(address)
    path = f"/environments/{person_key(address)}"
    assert client.get(path).get_json() == client.get(f"/environments/{quote(address)}").get_json()
    assert client.get(f"{path}/leaving").get_json()["email"] == address.lower()


def test_a_key_that_nobody_has_is_not_found(client: FlaskClient) -> None:
    answer = client.get("/environments/nobody-rzb4un3qciuo")
    assert answer.status_code == 404
    assert "no environment of nobody-rzb4un3qciuo; " in answer.get_json()["error"]


@pytest.mark.parametrize("path", ["/favicon.ico", "/robots.txt"])
def test_what_browsers_and_crawlers_ask_for_is_answered_in_json_too(
    client: FlaskClient, path: str
) -> None:
    """The framework answers these two itself, in HTML, and asks no function."""
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (404, "application/json")
    assert answer.get_json()["error"].startswith(f"nothing is answered at {path}; there are GET")


@given(address=addresses())
def test_who_has_no_environment_is_nobody_elses(client: FlaskClient, address: str) -> None:
    answer = client.get("/environments/" + quote(f"nobody.{address}", safe=""))
    assert answer.status_code == 404
    assert "no environment of nobody." in answer.get_json()["error"]


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/environments", Question(View.ENVIRONMENTS)),
        ("/environments/", Question(View.ENVIRONMENTS)),
        ("/parked/", Question(View.PARKED)),
        (
            "/environments/a/leaving@example.com",
            Question(View.ENVIRONMENT, "a/leaving@example.com"),
        ),
        ("/environments/a/b@example.com/leaving", Question(View.LEAVING, "a/b@example.com")),
        ("/environments//@example.com", Question(View.ENVIRONMENT, "/@example.com")),
        (f"/environments/{KEY}", Question(View.ENVIRONMENT, key=KEY)),
        (f"/environments/{KEY}/leaving/", Question(View.LEAVING, key=KEY)),
        (f"/environments/{KEY}/leaving.html", Question(View.LEAVING_PAGE, key=KEY)),
        (f"/environments/ {ANA.upper()} ", Question(View.ENVIRONMENT, ANA)),
        ("/environments/\u212aim@example.com", Question(View.ENVIRONMENT, "\u212aim@example.com")),
    ],
)
def test_the_last_at_sign_tells_where_an_address_ends(path: str, question: Question) -> None:
    assert question_of("GET", path) == question


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/", "nothing is answered at /; there are "),
        ("/environment", "nothing is answered at /environment; "),
        ("/environmentsx", "nothing is answered at /environmentsx; "),
        ("/parked/ana", "nothing is answered at /parked/ana; "),
        (f"/environments/{ANA}/leavin", f"nothing is answered at /environments/{ANA}/leavin; "),
        (f"/environments/{ANA}/leaving/x", "nothing is answered at /environments/ana@"),
        (
            "/environments/ana",
            "no environment of ana: this is neither an e-mail address (name@domain) nor a key",
        ),
        ("/environments/a/b", "no environment of a/b: this is neither"),
        (f"/environments/{KEY}/leavin", f"nothing is answered at /environments/{KEY}/leavin; "),
        ("/environments/" + "x" * 500, "x..."),
    ],
)
def test_an_unknown_path_is_told_what_exists(path: str, error: str) -> None:
    with pytest.raises(Unanswerable) as refused:
        question_of("GET", path)
    assert refused.value.status == 404
    assert error in refused.value.message
    assert WAYS in refused.value.message
    assert len(refused.value.message) < 500


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("phase=readdy", "; did you mean 'ready'?"),
        ("phase=READY", "; did you mean 'ready'?"),
        ("phase=gone", "phase: 'gone' is none of scheduled, "),
        ("fase=ready", "unopened_days, pretty; did you mean 'phase'?"),
        ("limit=0", "limit: '0' is not a number from 1 to 1000"),
        ("limit=1&limit=2", "limit: is given more than once; give it once"),
        ("phase=ready&phase=removed", "phase: is given more than once"),
        ("unopened_days=x", "unopened_days: 'x' is not a number of days"),
        ("pretty=yes", "pretty: 'yes' is neither 1 nor 0"),
    ],
)
def test_what_a_newcomer_mistypes_is_answered_with_what_was_meant(
    client: FlaskClient, query: str, error: str
) -> None:
    answer = client.get(f"/environments?{query}")
    assert answer.status_code == 400
    assert error in answer.get_json()["error"]


def test_head_is_answered_like_get_without_the_body(world: World, client: FlaskClient) -> None:
    world.join(ANA)
    for path, status in ((f"/environments/{ANA}", 200), ("/environments?limit=0", 400)):
        answer = client.head(path)
        assert (answer.status_code, answer.data) == (status, b"")
        assert answer.headers["Content-Length"] == client.get(path).headers["Content-Length"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_told_that_fleet_only_reads(client: FlaskClient, method: str) -> None:
    answer = client.open("/environments", method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"
    error = answer.get_json()["error"]
    assert error.startswith(f"{method} is not answered: fleet only reads")
    assert WAYS in error
