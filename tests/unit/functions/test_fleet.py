"""The responses of `fleet` over HTTP, as functions-framework serves it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.domain.names import person_key
from shared.domain.status import Health, Phase
from tests.support.builders import ANA, a_message, minutes
from tests.support.fleet import Fleet, fleet_of
from tests.support.simulation.world import GRACE, START, World

BEN = "ben@example.com"

ROUTES = (
    "GET /environments, /environments/EMAIL, /environments/EMAIL/leaving, "
    "/environments/EMAIL/leaving.html, /counts, /parked, /unchanged"
)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """A deployment without environments."""
    world = World()
    with fleet_of(world) as client:
        yield Fleet(client, world)


def test_a_deployment_without_environments_gives_empty_lists(fleet: Fleet) -> None:
    assert fleet.get("/environments") == {"environments": [], "next_cursor": ""}
    assert fleet.get("/parked") == {"parked": [], "next_cursor": ""}


def test_a_list_entry_has_the_state_the_profile_and_the_cost_center(fleet: Fleet) -> None:
    fleet.world.join(ANA, person_id="7", team="risk", cost_center="CC 1")
    fleet.world.run_for(minutes(5))
    [entry] = fleet.get("/environments")["environments"]
    assert entry["updated_at"].startswith("2026-03-01T09:")
    assert entry | {"updated_at": "", "notebook": ""} == {
        "email": ANA,
        "person_id": "7",
        "key": person_key(ANA),
        "merged_into": None,
        "phase": "ready",
        "health": "ok",
        "desired": "present",
        "profile": "full",
        "team": "risk",
        "cost_center": "CC 1",
        "problem": "",
        "problem_codes": [],
        "held": False,
        "notebook": "",
        "running": True,
        "consent": "created",
        "waiting_since": None,
        "leaves_at": None,
        "removal_at": None,
        "updated_at": "",
    }
    assert entry["notebook"].startswith("https://"), "the URL of the notebook"


def test_the_list_is_filtered_by_phase(fleet: Fleet) -> None:
    for name in ("ana", "ben"):
        fleet.world.join(f"{name}@example.com")
    fleet.world.run_for(minutes(5))
    fleet.world.join("cleo@example.com")
    fleet.world.leave(ANA)
    fleet.world.run_for(minutes(1))
    assert fleet.emails(phase="ready") == ["ben@example.com"]
    assert fleet.emails(phase="provisioning") == ["cleo@example.com"]
    assert fleet.emails(phase="suspending") == [ANA]
    assert fleet.emails(phase="removed") == []


def test_the_list_is_filtered_by_health_and_by_both(fleet: Fleet) -> None:
    fleet.world.join("ben@example.com")
    fleet.world.run_for(minutes(5))
    fleet.world.cloud.short = {"us-central1-a", "us-central1-b"}
    fleet.world.join(ANA)
    fleet.world.run_for(minutes(10))
    assert fleet.emails(health="ok") == ["ben@example.com"]
    assert fleet.emails(health="waiting") == [ANA]
    assert fleet.emails(health="quarantined") == []
    assert fleet.emails(phase="provisioning", health="waiting") == [ANA]
    assert fleet.emails(phase="ready", health="waiting") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_the_pages_contain_every_environment_once(fleet: Fleet, limit: int) -> None:
    people = [f"p{n}@example.com" for n in range(7)]
    for email in people:
        fleet.world.join(email)
    seen: list[str] = []
    cursor = ""
    for _ in range(8):
        page = fleet.get("/environments", limit=str(limit), cursor=cursor)
        assert len(page["environments"]) <= limit
        seen += [e["email"] for e in page["environments"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert sorted(seen) == people
    assert seen == fleet.emails()


def test_parked_events_are_paged_newest_first(fleet: Fleet) -> None:
    for number in range(3):
        fleet.world.deliver(a_message(b"<b>no</b>", id=f"m{number}"))
        fleet.world.pass_time(minutes(1))
    first = fleet.get("/parked", limit="2")
    second = fleet.get("/parked", limit="2", cursor=first["next_cursor"])
    parked = first["parked"] + second["parked"]
    assert [p["id"] for p in parked] == ["onboarding-m2", "onboarding-m1", "onboarding-m0"]
    assert parked[0]["code"] == "not-json"
    assert parked[0]["sample"] == "<b>no</b>"
    assert second["next_cursor"] == ""


def test_an_environment_is_shown_in_full(fleet: Fleet) -> None:
    fleet.world.join(ANA, event_id="hr-1", display_name="Ana", groups=["a"], reason="hired")
    body = fleet.get(f"/environments/{ANA}")
    assert body["person"]["display_name"] == "Ana"
    assert body["event"]["event_id"] == "hr-1"
    assert (body["event"]["verb"], body["event"]["reason"]) == ("join", "hired")
    assert (body["pending"], body["removal_at"]) == ([], None)
    resources = {r["kind"]: r for r in body["resources"]}
    assert {kind: (r["desired"], r["observed"]) for kind, r in resources.items()} == {
        "workbench": ("present", "creating"),
        "session-template": ("present", "ready"),
        "cluster-template": ("present", "ready"),
    }
    assert resources["workbench"]["under_way"] == "create"
    assert resources["workbench"]["operation"]


def test_the_environment_of_a_leaver_has_the_time_of_its_removal(fleet: Fleet) -> None:
    fleet.world.join(ANA)
    fleet.world.run_for(minutes(5))
    fleet.world.leave(ANA)
    body = fleet.get(f"/environments/{ANA}")
    assert body["desired"] == "absent"
    removal = fleet.world.clock.now() + GRACE
    assert body["removal_at"] == removal.isoformat().replace("+00:00", "Z")
    notebook = next(r for r in body["resources"] if r["kind"] == "workbench")
    assert notebook["desired"] == "stopped"


def test_lists_show_when_somebody_is_to_leave_and_to_be_removed(fleet: Fleet) -> None:
    leaves_at = (fleet.world.clock.now() + timedelta(days=9)).isoformat().replace("+00:00", "Z")
    fleet.world.join(ANA)
    fleet.world.leave(ANA, effective_at=leaves_at)
    fleet.world.join(BEN)
    fleet.world.leave(BEN)
    removal = (fleet.world.clock.now() + GRACE).isoformat().replace("+00:00", "Z")
    listed = fleet.get("/environments")["environments"]
    assert {e["email"]: (e["leaves_at"], e["removal_at"]) for e in listed} == {
        ANA: (leaves_at, None),
        BEN: (None, removal),
    }


def desired_and_observed(fleet: Fleet) -> dict[str, tuple[str, str]]:
    resources = fleet.get(f"/environments/{ANA}")["resources"]
    return {r["kind"]: (r["desired"], r["observed"]) for r in resources}


def test_a_resource_that_a_new_profile_lacks_has_the_desired_state_absent(fleet: Fleet) -> None:
    fleet.world.join(ANA)
    fleet.world.run_for(minutes(5))
    fleet.world.join(ANA, profile="lean")
    fleet.world.run_for(minutes(15))
    assert desired_and_observed(fleet) == {
        "workbench": ("present", "ready"),
        "session-template": ("absent", "absent"),
        "cluster-template": ("absent", "absent"),
    }


def test_the_resources_of_a_leaver_have_the_desired_state_stopped_or_absent(fleet: Fleet) -> None:
    fleet.world.join(ANA)
    fleet.world.run_for(minutes(5))
    fleet.world.leave(ANA)
    fleet.world.run_for(minutes(5))
    assert desired_and_observed(fleet) == {
        "workbench": ("stopped", "stopped"),
        "session-template": ("absent", "absent"),
        "cluster-template": ("absent", "absent"),
        "session": ("absent", "absent"),
        "cluster": ("absent", "absent"),
    }
    fleet.world.run_for(GRACE, every=timedelta(hours=1))
    fleet.world.run_for(minutes(15))
    shown = desired_and_observed(fleet)
    assert shown.pop("snapshot") == ("present", "ready")
    assert set(shown.values()) == {("absent", "absent")}


def test_a_resource_under_hold_has_the_desired_state_unmanaged(fleet: Fleet) -> None:
    fleet.world.join(ANA)
    fleet.world.run_for(minutes(5))
    fleet.world.command("hold", ANA, reason="a lawsuit")
    fleet.world.leave(ANA)
    fleet.world.run_for(minutes(5))
    shown = desired_and_observed(fleet)
    assert shown["workbench"] == ("stopped", "stopped")
    assert shown["session-template"] == ("unmanaged", "ready")


def test_a_scheduled_join_is_shown_as_pending(fleet: Fleet) -> None:
    fleet.world.join(ANA, effective_at=START + GRACE)
    body = fleet.get(f"/environments/{ANA}")
    assert (body["phase"], body["desired"], body["event"]) == ("scheduled", "none", None)
    [pending] = body["pending"]
    assert pending["effective_at"] == body["next_look_at"] == "2026-03-15T09:00:00Z"


def test_the_history_is_newest_first_and_has_reasons(fleet: Fleet) -> None:
    fleet.world.join(ANA, event_id="hr-1")
    fleet.world.run_for(minutes(5))
    fleet.world.leave(ANA, event_id="hr-2", reason="<i>retired</i>")
    history = fleet.get(f"/environments/{ANA}")["history"]
    times = [entry["at"] for entry in history]
    assert times == sorted(times, reverse=True)
    applied = [e for e in history if e["action"] == "intent.applied"]
    assert [e["event_id"] for e in applied] == ["hr-2", "hr-1"]
    assert "(<i>retired</i>)" in applied[0]["text"], "JSON does not escape it"


# Records that were merged into another

SMITH, JONES = "ana.smith@example.com", "ana.jones@example.com"


def merge_records(world: World, *emails: str) -> None:
    """Joins of these addresses begin a record each; then late events say it is one person."""
    changes = []
    for before, email in itertools.pairwise(("", *emails)):
        changes.append((before, email, world.clock.now() - minutes(1)))
        world.join(email)
        world.pass_time(minutes(2))
    for before, email, at in reversed(changes[1:]):
        world.join(email, previous_email=before, occurred_at=at)


def test_a_merged_record_names_the_record_of_the_person(fleet: Fleet) -> None:
    merge_records(fleet.world, ANA, SMITH)
    merged = person_key(SMITH)
    shown = {e["key"]: e["merged_into"] for e in fleet.get("/environments")["environments"]}
    assert shown == {person_key(ANA): None, merged: person_key(ANA)}
    body = fleet.get(f"/environments/{merged}")
    assert (body["phase"], body["merged_into"]) == ("removed", person_key(ANA))
    assert fleet.get(f"/environments/{merged}/leaving")["merged_into"] == person_key(ANA)
    body = fleet.get(f"/environments/{SMITH}")
    assert (body["key"], body["merged_into"]) == (person_key(ANA), None)


def test_a_merged_record_names_the_record_that_is_the_persons_now(fleet: Fleet) -> None:
    """Jones was merged into Smith, and then Smith into Ana."""
    merge_records(fleet.world, ANA, SMITH, JONES)
    direct = {e.key: e.merged_into for e in fleet.world.store.page(10).items}
    assert direct[person_key(JONES)] == person_key(SMITH), "the record itself names the first one"
    shown = {e["key"]: e["merged_into"] for e in fleet.get("/environments")["environments"]}
    assert shown[person_key(JONES)] == shown[person_key(SMITH)] == person_key(ANA)
    assert fleet.get(f"/environments/{person_key(JONES)}")["merged_into"] == person_key(ANA)


@pytest.mark.parametrize("email", [ANA.upper(), f" {ANA} ", ANA.replace("@", "%40")])
def test_an_address_is_found_in_any_case_and_encoding(fleet: Fleet, email: str) -> None:
    fleet.world.join(ANA)
    assert fleet.get(f"/environments/{email}")["email"] == ANA


@pytest.mark.parametrize("email", ["ben@example.com", "<script>", "..", "%00", "\u5206\u6790"])
def test_an_unknown_person_gets_404_with_the_routes(fleet: Fleet, email: str) -> None:
    error = fleet.get(f"/environments/{email}", status=404)["error"]
    assert "/parked" in error


@pytest.mark.parametrize(
    ("path", "query", "error"),
    [
        (
            "/environments",
            {"fase": "ready"},
            "unknown parameter 'fase'; known parameters: limit, cursor",
        ),
        (
            "/parked",
            {"phase": "ready"},
            "unknown parameter 'phase'; known parameters: limit, cursor",
        ),
        ("/environments", {"limit": "0"}, "limit: '0' is not a number from 1 to 1000"),
        ("/environments", {"limit": "1001"}, "limit: '1001' is not"),
        ("/environments", {"limit": "-1"}, "limit: '-1' is not"),
        ("/environments", {"limit": "ten"}, "limit: 'ten' is not"),
        ("/environments", {"limit": ""}, "limit: '' is not"),
        ("/environments", {"limit": "\u0667"}, "is not a number from 1 to 1000"),
        ("/environments", {"limit": "9" * 5000}, "is not a number from 1 to 1000"),
        ("/parked", {"limit": "1e2"}, "limit: '1e2' is not"),
        ("/environments", {"phase": "raedy"}, "phase: 'raedy' is not one of scheduled, provis"),
        ("/environments", {"phase": ""}, "phase: '' is not one of"),
        ("/environments", {"health": "failing"}, "health: 'failing' is not one of ok, waiting"),
        ("/environments", {"phase": "quarantined"}, "phase: 'quarantined' is not one of"),
        ("/environments", {"cursor": "rubbish"}, "cursor: 'rubbish' is not a cursor"),
        ("/environments", {"cursor": "../../x"}, "cursor: '../../x' is not a cursor"),
        ("/environments", {"cursor": "\u5206"}, "cursor: "),
        ("/parked", {"cursor": "AAAA"}, "cursor: 'AAAA' is not a cursor"),
    ],
)
def test_an_invalid_parameter_gets_400_with_what_is_allowed(
    fleet: Fleet, path: str, query: dict[str, str], error: str
) -> None:
    assert error in fleet.get(path, status=400, **query)["error"]


def test_a_cursor_of_another_list_is_rejected(fleet: Fleet) -> None:
    for number in range(2):
        fleet.world.join(f"p{number}@example.com")
    cursor = fleet.get("/environments", limit="1")["next_cursor"]
    assert "cursor" in fleet.get("/parked", status=400, cursor=cursor)["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_writing_method_gets_405_and_changes_nothing(fleet: Fleet, method: str) -> None:
    fleet.world.join(ANA)
    calls = fleet.world.points.copy()
    response = fleet.client.open(f"/environments/{ANA}", method=method, json={"email": ANA})
    assert response.status_code == 405
    assert ROUTES in response.get_json()["error"]
    assert fleet.world.points == calls


@pytest.mark.parametrize("path", ["/", "/people", "/environments/a/b", "/environment"])
def test_an_unknown_path_gets_404_with_the_routes(fleet: Fleet, path: str) -> None:
    assert ROUTES in fleet.get(path, status=404)["error"]


def test_every_phase_and_every_health_is_a_valid_filter(fleet: Fleet) -> None:
    for phase in Phase:
        assert fleet.emails(phase=phase) == []
    for health in Health:
        assert fleet.emails(health=health) == []


def test_reading_changes_nothing_and_calls_no_other_api(fleet: Fleet) -> None:
    fleet.world.join(ANA)
    fleet.world.points.clear()
    fleet.get("/environments")
    fleet.get(f"/environments/{ANA}")
    fleet.get("/parked")
    fleet.get("/counts")
    fleet.get("/unchanged")
    read = ("load", "find", "count", "next_value")
    assert set(fleet.world.points) <= {f"before:{name}" for name in read}
