"""Hostile text in every text field: what is accepted stays text, the rest is refused.

Invariant 10: a person's text can never become YAML structure, a path, a label key, or HTML.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
import yaml

from tests.integration.client import Client

ANA = "ana@example.com"
KINDS = ("notebooks.instance", "dataproc.sessionTemplate", "storage.object")

TRICKS = {
    "yaml": "x: {y: [1, *a]} # !!python/object/apply:os.system",
    "yaml-block": "'\": |- &a >",
    "html": "<script>alert('x')</script>&amp;\"",
    "path": "../../../people/someone-else/small.yaml%2F..",
    "template": "{{7*7}} ${HOME} $(id) `id` %s %(x)s",
    "label": "managed-by=somebody,benchkeeper-person:other",
    "words": "null",
    "number": "0o14",
}
REFUSED = {
    "new-line": "a\nlabels: {}",
    "nul": "a\x00b",
    "right-to-left": "a\u202eb",
    "endless": "a" * 5000,
}
FIELDS = ("display_name", "team", "cost_center", "reason", "person_id", "groups", "event_id")


@pytest.mark.parametrize("trick", TRICKS)
def test_a_persons_text_stays_text(client: Client, trick: str) -> None:
    """Invariant 10, in everything that is made of what the event said."""
    text = TRICKS[trick]
    fields = dict.fromkeys(FIELDS, text)
    fields |= {
        "person_id": text.replace(" ", "_"),
        "event_id": text.replace(" ", "_"),
    }
    email, plain = f"trick-{trick}@example.com", f"plain-{trick}@example.com"
    client.join(plain, profile="data-scientist", team="core", cost_center="cc-1")
    client.join(email, profile="data-scientist", **{**fields, "groups": [text]})

    shown = client.ask(f"/environments/{email}")
    assert shown.headers["Content-Type"] == "application/json"
    environment = shown.json()
    assert environment["person"]["display_name"] == text, "kept and shown as it was sent"
    key = environment["key"]

    names = [r["name"] for kind in KINDS for r in client.resources(kind) if key in r["name"]]
    assert len(names) == 3, "a notebook, a session template, a cluster template; nothing beside"
    assert f"people/{key}/small.yaml" in "\n".join(names)
    (notebook,) = client.notebooks_of(email)
    (other,) = client.notebooks_of(plain)
    assert notebook["labels"].keys() == other["labels"].keys()
    assert all(re.fullmatch(r"[a-z0-9_-]{1,63}", v) for v in notebook["labels"].values())
    assert shape(cluster_of(client, key)) == shape(
        cluster_of(client, client.environment(plain)["key"])
    )


def cluster_of(client: Client, key: str) -> Any:
    """A person's cluster template, parsed."""
    url = f"{client.cloud_url}/download/storage/v1/b/demo-templates/o/people%2F{key}%2Fsmall.yaml"
    answer = requests.get(url, params={"alt": "media"}, timeout=10)
    answer.raise_for_status()
    return yaml.safe_load(answer.content)


def shape(value: Any) -> Any:
    """The structure of a document without its texts."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("refused", REFUSED)
def test_control_characters_and_very_long_text_are_rejected(
    client: Client, field: str, refused: str
) -> None:
    text = REFUSED[refused]
    value = [text] if field == "groups" else text
    (message_id,) = client.send("onboarding", {"email": ANA, field: value})
    client.wait()
    (parked,) = [p for p in client.parked() if message_id in p["id"]]
    assert parked["code"] == "wrong-shape"
    assert parked["reason"].startswith(field)
