"""`fleet` over HTTP, on a running stack."""

from __future__ import annotations

from itertools import chain
from urllib.parse import quote

import pytest

from demo.stage import Json
from tests.integration.client import Client
from tests.integration.conftest import StartStack

# Addresses with characters that are reserved in URLs.
RESERVED = [
    f"{x}@example.com" for x in ("a/b", "/x//y/", "o'neil+x", "50%", "a%2fb", "who?limit=0#1")
]
PEOPLE = [*(f"person-{number:02}@example.com" for number in range(25)), *RESERVED]
LEAVER, READY = PEOPLE[7], PEOPLE[0]
SCHEDULED = "later@example.com"


@pytest.fixture(scope="module")
def client(start_stack: StartStack) -> Client:
    """Ready environments, one that is suspended, and one that is scheduled for next year."""
    client = start_stack()
    joins: list[Json] = [{"email": email, "event_id": f"join-{email}"} for email in PEOPLE]
    client.send("onboarding", *joins)
    client.wait()
    client.until(READY, "ready")
    client.leave(LEAVER, event_id="leave-1", reason="moved to another team")
    client.until(LEAVER, "suspended")
    later = f"{int(client.now()[:4]) + 1}-01-31T08:00:00+01:00"
    client.join(SCHEDULED, effective_at=later, display_name="Zoë Later")
    return client


def pages(client: Client, **params: str) -> list[list[str]]:
    """The addresses on each page of the list."""
    found: list[list[str]] = []
    cursor = ""
    while True:
        page = client.ask("/environments", cursor=cursor, **params).json()
        found.append([e["email"] for e in page["environments"]])
        cursor = page["next_cursor"]
        if not cursor:
            return found


def test_the_pages_contain_every_environment_once(client: Client) -> None:
    found = pages(client, limit="10")
    assert [len(page) for page in found] == [10, 10, 10, 2]
    assert sorted(chain(*found)) == sorted([*PEOPLE, SCHEDULED])


def test_a_list_filtered_by_phase_or_health_has_pages(client: Client) -> None:
    assert pages(client, phase="suspended") == [[LEAVER]]
    assert pages(client, phase="scheduled") == [[SCHEDULED]]
    ready = pages(client, phase="ready", limit="7")
    assert sorted(chain(*ready)) == sorted({*PEOPLE} - {LEAVER})
    assert len(ready) == 5
    assert pages(client, phase="removing") == [[]]
    assert pages(client, health="quarantined") == [[]]
    assert pages(client, phase="suspended", health="ok") == [[LEAVER]]


def test_lists_and_counts_of_a_filter_agree(client: Client) -> None:
    email = "nina@example.com"
    client.join(email, team="Trésor", cost_center="CC-9", profile="data-scientist")
    client.until(email, "ready")
    later = f"{int(client.now()[:4]) + 1}-01-31"
    client.leave(email, event_id="HR-9", effective_at=f"{later}T17:00:00+01:00")
    for query in (
        {"team": "Trésor"},
        {"cost_center": "CC-9", "running": "true", "held": "false", "merged": "false"},
        {"leaves_before": f"{later}T17:00:00.000001+01:00"},
        {"leaves_before": f"{int(later[:4]) + 1}-01-01", "team": "Trésor", "phase": "ready"},
    ):
        assert pages(client, **query) == [[email]]
        counts = client.ask("/counts", days="3000", **query).json()
        assert (counts["environments"], counts["leaves"], counts["running"]) == (1, 1, 1)
        assert counts["profile"] == {"data-scientist": 1}
    assert pages(client, leaves_before=later) == [[]]
    assert pages(client, removal_before="2099-01-01") == [[LEAVER]]
    assert client.ask("/counts").json()["phase"]["suspended"] == 1


def test_a_leave_without_effect_is_listed(client: Client) -> None:
    email = "olga@example.com"
    client.join(email)
    client.leave(email, event_id="HR-1", source="hr", occurred_at="2020-01-01T00:00:00Z")
    client.leave(email, event_id="HR-1", source="hr", occurred_at="2020-01-01T00:00:00Z")
    client.leave(email, event_id="HR-2", effective_at="2098-01-01T00:00:00Z")
    client.join(email, team="core")
    found = client.ask("/unchanged", verb="leave").json()["unchanged"]
    mine = [(e["outcome"], e["event_id"], e["source"]) for e in found if e["email"] == email]
    assert mine == [
        ("cancelled", "HR-2", "pubsub:offboarding"),
        ("duplicate", "HR-1", "pubsub:offboarding/hr"),
        ("stale", "HR-1", "pubsub:offboarding/hr"),
    ]
    assert client.ask("/unchanged", verb="join", limit="1").json()["unchanged"] == []


def test_an_environment_has_the_link_of_its_notebook(client: Client) -> None:
    shown = client.environment(READY)
    notebook = next(r for r in shown["resources"] if r["kind"] == "workbench")
    (instance,) = client.notebooks_of(READY)
    assert notebook["link"] == f"https://{instance['proxyUri']}"
    assert shown["notebook"] == notebook["link"]
    assert notebook["name"] == instance["name"]
    assert (notebook["desired"], notebook["observed"]) == ("present", "ready")
    assert (shown["desired"], shown["phase"], shown["profile"]) == ("present", "ready", "analyst")
    assert shown["problem"] == ""


def test_a_suspended_environment_has_no_link_and_the_time_of_its_removal(client: Client) -> None:
    shown = client.environment(LEAVER)
    assert shown["notebook"] == ""
    assert shown["desired"] == "absent"
    observed = {r["kind"]: (r["desired"], r["observed"]) for r in shown["resources"]}
    assert observed == {
        "workbench": ("stopped", "stopped"),
        "session-template": ("absent", "absent"),
        "session": ("absent", "absent"),
    }
    assert shown["left_at"] < shown["removal_at"]
    assert shown["next_look_at"] == shown["removal_at"], "nothing is due before the removal"


def test_the_history_has_events_resources_and_phases(client: Client) -> None:
    history = list(reversed(client.environment(LEAVER)["history"]))
    events = [(e["action"], e["event_id"], e["text"]) for e in history if e["event_id"]]
    assert events == [
        ("intent.applied", f"join-{LEAVER}", "join as analyst in force"),
        ("intent.applied", "leave-1", "leave (moved to another team) in force"),
    ]
    about = [e["action"] for e in history if e["about"] == "workbench/main"]
    assert about == [
        "resource.creating",
        "resource.ready",
        "resource.stopping",
        "resource.stopped",
    ]
    phases = [e["text"] for e in history if e["action"] == "phase.changed"]
    assert phases == ["now provisioning", "now ready", "now suspending", "now suspended"]


def test_a_scheduled_join_is_shown_as_pending(client: Client) -> None:
    shown = client.environment(SCHEDULED)
    assert shown["event"] is None
    (pending,) = shown["pending"]
    assert pending["verb"] == "join"
    assert pending["effective_at"][:10].endswith("-01-31")
    assert shown["person"]["display_name"] == "Zoë Later"
    assert shown["resources"] == []


def test_an_address_is_found_in_any_case_and_with_spaces(client: Client) -> None:
    response = client.ask("/environments/%20Person-00%40EXAMPLE.com")
    assert response.json()["email"] == READY


@pytest.mark.parametrize("email", RESERVED)
def test_an_address_with_reserved_characters_has_a_route(client: Client, email: str) -> None:
    path = "/environments/" + quote(email.upper(), safe="")
    assert client.ask(path).json()["email"] == email
    assert client.ask(f"{path}/leaving").json()["email"] == email
    assert "This person has not left." in client.ask(f"{path}/leaving.html").text


def test_head_has_no_body_and_is_not_cached(client: Client) -> None:
    response = client.http.head(f"{client.stack.fleet_url}/environments", timeout=10)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "status", "hint"),
    [
        ("/environments/nobody@example.com", 404, "/parked"),
        ("/environments/..%2F..%2Fetc", 404, "/environments"),
        ("/environments/%3Cb%3E", 404, "no environment"),
        ("/nothing", 404, "/environments"),
        ("/environments?phase=redy", 400, "ready"),
        ("/environments?limit=0", 400, "limit"),
        ("/environments?limit=1001", 400, "1000"),
        ("/environments?limit=%D9%A1", 400, "limit"),
        ("/environments?cursor=rubbish", 400, "cursor"),
        ("/environments?fase=ready", 400, "phase"),
        ("/parked?phase=ready", 400, "phase"),
    ],
)
def test_an_invalid_request_gets_an_error_that_says_what_is_allowed(
    client: Client, path: str, status: int, hint: str
) -> None:
    response = client.ask(path)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    assert hint in response.json()["error"]


def test_other_methods_get_405(client: Client) -> None:
    url = f"{client.stack.fleet_url}/environments/{READY}"
    assert client.http.delete(url, timeout=10).status_code == 405
    assert client.http.post(url, json={}, timeout=10).status_code == 405


def test_reading_calls_no_other_api(client: Client) -> None:
    before = client.calls()
    client.environment(READY)
    pages(client)
    client.parked()
    assert client.calls() == before


def test_parked_events_are_paged_newest_first(client: Client) -> None:
    sent = client.send("offboarding", *({"email": f"x{n}"} for n in range(7)))
    client.wait()
    first = client.ask("/parked", limit="5").json()
    second = client.ask("/parked", limit="5", cursor=first["next_cursor"]).json()
    found = first["parked"] + second["parked"]
    assert {p["id"].rpartition("-")[2] for p in found} == set(sent)
    assert second["next_cursor"] == ""
    times = [p["at"] for p in found]
    assert times == sorted(times, reverse=True)
    assert {p["reason"].partition(":")[0] for p in found} == {"email"}
