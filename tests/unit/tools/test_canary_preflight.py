"""Before a release is applied: does the canary have an identity to call fleet?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.auth.exceptions import DefaultCredentialsError

from tools.canary import __main__ as canary

ARGUMENTS = ["--project=my-notebooks", "--preflight"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The audiences for which a token was asked; every one gets one."""
    audiences: list[str] = []

    def fetch(audience: str) -> str:
        audiences.append(audience)
        return "a token"

    monkeypatch.setattr(canary, "fetch_identity_token", fetch)
    return audiences


def test_a_token_that_can_be_had_is_enough(asked: list[str]) -> None:
    assert canary.main(ARGUMENTS, {}, "1") == 0
    assert canary.main(ARGUMENTS, {"FLEET_URL": "https://fleet.example.org"}, "1") == 0
    assert asked == ["https://fleet.example.com", "https://fleet.example.org"]


def test_a_token_that_is_given_is_not_asked_for(asked: list[str]) -> None:
    assert canary.main(ARGUMENTS, {"FLEET_TOKEN": "mine"}, "1") == 0
    assert asked == []


def test_the_credentials_of_a_person_fail_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person = {
        "type": "authorized_user",
        "client_id": "i",
        "client_secret": "s",
        "refresh_token": "r",
    }
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps(person))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    assert canary.main(ARGUMENTS, {}, "1") == 1
    printed = capsys.readouterr().err
    assert "canary: no identity token" in printed
    assert "FLEET_TOKEN=$(gcloud auth print-identity-token)" in printed


def test_a_failing_metadata_server_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(_: str) -> str:
        raise DefaultCredentialsError("the metadata server does not answer")

    monkeypatch.setattr(canary, "fetch_identity_token", fetch)
    assert canary.main(ARGUMENTS, {}, "1") == 1
    assert "the metadata server does not answer" in capsys.readouterr().err
