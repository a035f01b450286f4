"""The owner's consent to an instance running on their own credentials."""

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


@pytest.mark.parametrize("said", ["nb1", NAME])
def test_it_is_asked_for_until_it_is_given(api: Api, said: str) -> None:
    api.notebook(body=EUC)
    asked = authorization(api)
    assert asked["success"] is False
    assert asked["oauth_uri"].startswith("https://")
    assert asked["createTime"]
    assert consent(api, said) == {"consents": {NAME: True}}
    given = authorization(api)
    assert given["success"] is True
    assert "oauth_uri" not in given
    consent(api, said, False)
    assert authorization(api)["success"] is False


def test_without_managed_credentials_there_is_nothing_to_ask(api: Api) -> None:
    api.notebook()
    assert authorization(api)["success"] is True
    assert api("GET", "/_admin/consents") == {"consents": {}}
    assert status(consent(api, "nb1")) == "FAILED_PRECONDITION"


def test_a_later_instance_of_the_same_name_asks_again(api: Api) -> None:
    api.notebook(body=EUC)
    consent(api, "nb1")
    api("DELETE", f"{NOTEBOOKS}/nb1")
    api.wait()
    api.notebook(body=EUC)
    assert authorization(api)["success"] is False


def test_an_id_that_two_have_is_not_enough(api: Api) -> None:
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
