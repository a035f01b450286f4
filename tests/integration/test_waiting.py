"""Waiting for capacity, and for the consent of an owner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.client import Client

ANALYST, SCIENTIST = "e2-standard-4", "n2-standard-8"


@pytest.fixture
def scarce(client: Client) -> Iterator[None]:
    """The first zone of the profiles has no machines for data scientists."""
    client.lack({"us-central1-a": [SCIENTIST]})
    yield
    client.lack({})


def zone_of(client: Client, email: str) -> str:
    return str(client.notebook(email)["name"].split("/")[3])


def creates(client: Client, email: str) -> int:
    key = client.environment(email)["key"]
    return len(client.calls_of("notebooks", "instances.create", target=key))


@pytest.mark.usefixtures("scarce")
def test_after_a_stock_out_the_next_zone_is_used_for_everybody(
    client: Client,
) -> None:
    first, second, third = (f"{name}@example.com" for name in ("ana", "ben", "chen"))
    client.join(first, profile="data-scientist")
    shown = client.until(first, "ready")
    assert zone_of(client, first) == "us-central1-b"
    assert (shown["problem"], creates(client, first)) == ("", 2)
    failed = [e["text"] for e in shown["history"] if e["action"] == "step.failed"]
    assert [text for text in failed if "ZONE_RESOURCE_POOL_EXHAUSTED" in text]

    client.join(second, profile="data-scientist")
    client.until(second, "ready")
    assert (zone_of(client, second), creates(client, second)) == ("us-central1-b", 1)

    client.join(third, profile="analyst")
    client.until(third, "ready")
    assert zone_of(client, third) == "us-central1-a", f"it has {ANALYST}"


def test_a_zone_is_tried_again_after_half_an_hour(client: Client) -> None:
    email = "dora@example.com"
    client.advance("31m")
    client.join(email, profile="data-scientist")
    client.until(email, "ready")
    assert (zone_of(client, email), creates(client, email)) == ("us-central1-a", 1)


def unopened(client: Client, days: int) -> list[str]:
    found = client.ask("/environments", unopened_days=str(days)).json()["environments"]
    return [environment["email"] for environment in found]


def test_fleet_shows_whether_the_owner_ever_opened_the_notebook(client: Client) -> None:
    opens, never = "emil@example.com", "fay@example.com"
    for email in (opens, never):
        client.join(email)
    for email in (opens, never):
        shown = client.until(email, "ready")
        assert shown["consent"] == "created"
    client.tick("121m")
    client.tick()
    assert client.environment(opens)["consent"] == "waiting for consent"
    assert not {opens, never} & set(unopened(client, days=7))

    client.tick("8d")
    assert {opens, never} <= set(unopened(client, days=7))
    client.consent(opens)
    client.tick("25h")
    assert client.environment(opens)["consent"] == "opened"
    assert client.environment(never)["consent"] == "waiting for consent"
    listed = unopened(client, days=7)
    assert never in listed
    assert opens not in listed


@pytest.mark.parametrize("days", ["seven", "-1", "1.5"])
def test_days_that_are_not_a_number_are_rejected(client: Client, days: str) -> None:
    answer = client.ask("/environments", unopened_days=days)
    assert answer.status_code == 400
    assert "unopened_days" in answer.json()["error"]
