"""The owner's consent to an instance using their own credentials."""

from typing import Any

import pytest

from tests.local.compute import harness
from tests.local.compute.harness import NOTEBOOKS, ZONE, Api

api = harness.api  # pytest finds fixtures by name

EUC = {"instanceOwners": ["ana@example.com"], "enableManagedEuc": True}
NAME = f"projects/demo/locations/{ZONE}/instances/nb1"


def authorization(api: Api) -> dict[str, Any]:
    return api("POST", f"{NOTEBOOKS}/nb1:checkAuthorization", {})


def consent(api: Api, instance: str, given: object = True) -> dict[str, Any]:
    return api("PUT", "/_admin/consents", {"instance": instance, "given": given})


def status(answer: dict[str, Any]) -> str:
    return str(answer["error"]["status"])


@pytest.mark.parametrize("instance", ["nb1", NAME])
def test_authorization_fails_until_consent_is_given(api: Api, instance: str) -> None:
    api.notebook(body=EUC)
    refused = authorization(api)
    assert refused["success"] is False
    assert refused["oauth_uri"].startswith("https://")
    assert refused["createTime"]
    assert consent(api, instance) == {"consents": {NAME: True}}
    given = authorization(api)
    assert given["success"] is True
    assert "oauth_uri" not in given
    consent(api, instance, False)
    assert authorization(api)["success"] is False


def test_without_managed_credentials_no_consent_is_needed(api: Api) -> None:
    api.notebook()
    assert authorization(api)["success"] is True
    assert api("GET", "/_admin/consents") == {"consents": {}}
    assert status(consent(api, "nb1")) == "FAILED_PRECONDITION"


def test_a_later_instance_of_the_same_name_needs_a_new_consent(api: Api) -> None:
    api.notebook(body=EUC)
    consent(api, "nb1")
    api("DELETE", f"{NOTEBOOKS}/nb1")
    api.wait()
    api.notebook(body=EUC)
    assert authorization(api)["success"] is False


def test_an_id_that_is_not_unique_is_refused(api: Api) -> None:
    api.notebook(body=EUC)
    api("POST", NOTEBOOKS.replace(ZONE, "us-central1-b"), EUC, instanceId="nb1")
    assert status(consent(api, "nb1")) == "INVALID_ARGUMENT"
    assert consent(api, NAME)["consents"] == {
        NAME: True,
        NAME.replace(ZONE, "us-central1-b"): False,
    }


def test_a_missing_instance_is_not_found(api: Api) -> None:
    assert status(authorization(api)) == "NOT_FOUND"
    assert status(consent(api, "nb1")) == "NOT_FOUND"


@pytest.mark.parametrize("body", [{}, {"instance": "nb1"}, {"instance": "nb1", "given": "yes"}])
def test_a_wrong_body_is_refused(api: Api, body: dict[str, Any]) -> None:
    api.notebook(body=EUC)
    assert status(api("PUT", "/_admin/consents", body)) == "INVALID_ARGUMENT"
