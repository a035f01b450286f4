"""Hostile input: refused with a reason, or taken as the plain text it is; it makes nothing else.

Invariant 10: a person's text (name, e-mail, group) can never become YAML structure, a path, a label
key or HTML. The plain cases of what is refused are in ``refused_events/test_refused_events.py``.
"""

from __future__ import annotations

import json
import re

import pytest
import yaml

from functions.fleet.views import detail
from shared.adapters.storage.cluster_yaml import render
from shared.domain.manifests import manifests_of
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest
from tests.support.builders import ANA, KEY
from tests.support.simulation.world import SITE, World

TEXTS = ("display_name", "team", "cost_center", "reason")
IDS = ("event_id", "person_id")
LABEL_KEY = re.compile(r"[a-z]([a-z0-9_-]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
NAME = re.compile(
    r"(projects/demo/locations/[a-z0-9-]+/[a-zA-Z]+/|gs://demo-templates/people/)[^ ]+"
)


@pytest.mark.parametrize("code", ["unknown-profile", "not-a-person"])
def test_leaving_does_not_need_profiles(code: str) -> None:
    """What would be refused of a join for their sake is no reason to keep a leaver."""
    email = "analysts@example.com" if code == "not-a-person" else ANA
    world = World()
    assert world.join(email, profile="ful" if email == ANA else "full") == code
    assert world.leave(email, profile="ful") == "applied"
    assert not world.cloud.things


CONTROL = {
    "YAML after a line break": "x\nroles: [owner]",
    "a YAML document": "---\n- !!python/object/apply:os.system [id]",
    "a header": "x\r\nSet-Cookie: a=b",
    "NUL": "x\x00y",
    "a terminal sequence": "\x1b]0;owned\x07",
    "a bidirectional override": "gpj.\u202eexe",
    "a YAML 1.1 line break": "x\u2028role: owner",
}
PRINTABLE = {
    "YAML mapping": "a: {b: c}",
    "YAML comment": "x # y",
    "YAML tag": "!!python/object/apply:os.system",
    "YAML alias": "*anchor",
    "YAML null": "~",
    "YAML truth": "yes",
    "YAML number": "0x1F",
    "YAML exponent": "1e3",
    "YAML time": "2026-05-04",
    "YAML merge": "<<",
    "YAML block": "|",
    "YAML flow": "]}, {[",
    "YAML quotes": "'\"'\"",
    "a template": "{{7*7}}${HOME}%(x)s{0}",
    "HTML": "<script>alert(1)</script>",
    "an HTML attribute": '"onmouseover="alert(1)',
    "a path": "../../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "a bucket": "gs://other/people/ben.yaml",
    "a Windows path": "..\\..\\x",
    "an encoded path": "..%2f..%2fx",
    "a shell": "$(id);`id`|id",
    "SQL": "'; DROP TABLE environments; --",
    "a label": "managed-by=somebody",
    "letters of elsewhere": "\u5206\u6790 \u00e4\u00f6\u00fc \U0001f989",
}


@pytest.mark.parametrize("trick", CONTROL.values(), ids=CONTROL.keys())
@pytest.mark.parametrize("field", [*TEXTS, *IDS, "groups", "profile", "email", "previous_email"])
def test_control_characters_are_refused_in_every_field(field: str, trick: str) -> None:
    world = World()
    value: object = [trick] if field == "groups" else trick
    code = world.join(**{"email": ANA} | {field: value})  # type: ignore[arg-type]
    assert code == ("bad-email" if field.endswith("email") else "wrong-shape")
    [parked] = world.store.parked(10).items
    assert parked.reason.startswith(field)
    assert parked.reason.isprintable()
    assert_nothing_was_made(world)


@pytest.mark.parametrize("trick", PRINTABLE.values(), ids=PRINTABLE.keys())
@pytest.mark.parametrize(("field", "codes"), [
    ("email", {"bad-email", "wrong-shape"}),
    ("previous_email", {"bad-email", "wrong-shape"}),
    ("profile", {"unknown-profile", "wrong-shape"}),
])  # fmt: skip
def test_hostile_text_that_names_no_person_or_profile_is_refused(
    field: str, codes: set[str], trick: str
) -> None:
    world = World()
    assert world.join(**{"email": ANA} | {field: trick}) in codes
    [parked] = world.store.parked(10).items
    assert parked.reason.startswith(f"{field}: ")
    assert_nothing_was_made(world)


@pytest.mark.parametrize("trick", PRINTABLE.values(), ids=PRINTABLE.keys())
@pytest.mark.parametrize("field", [*TEXTS, *IDS, "groups"])
def test_invariant_10_hostile_text_is_refused_or_stays_text(field: str, trick: str) -> None:
    world, plain = World(), World()
    plain.join(ANA)
    value: object = [trick] if field == "groups" else trick
    outcome = world.join(ANA, **{field: value})
    if field in IDS and (" " in trick or not trick.isascii()):
        assert outcome == "wrong-shape", "an id has no spaces"
        assert_nothing_was_made(world)
        return
    assert outcome == "applied"
    assert set(world.cloud.things) == set(plain.cloud.things), "no name contains the text"
    expected = {"cost_center": {"cost-center"}, "team": {"team"}}.get(field, set())
    for made in wanted(world):
        assert_harmless(made, allowed_keys=expected | {"managed-by"}, text=trick)
    shown = detail(world.record(ANA), world.store.history(KEY, 10))
    assert json.loads(json.dumps(shown, default=str)), "it comes out as a JSON string"


@pytest.mark.parametrize(
    "local",
    [
        "'a'",
        "{a}",
        "*a",
        "&a",
        "#a",
        "|",
        "~",
        "!a",
        "%2e%2e",
        "a/b",
        "/etc/passwd",
        "0x1f",
        "1e3",
        "null",
        "yes",
        "$home",
        "`id`",
        "{{7*7}}",
        "=1",
        "-a",
        "?",
    ],
)
def test_invariant_10_an_unusual_but_valid_address_stays_text(local: str) -> None:
    world = World()
    email = f"{local}@example.com"
    assert world.join(email) == "applied"
    assert len(world.cloud.things) == 3
    for made in wanted(world, email):
        assert_harmless(made, allowed_keys={"managed-by"}, text="")
        if made.kind is Kind.CLUSTER_TEMPLATE:
            read = yaml.safe_load(render(made.body))
            properties = read["config"]["softwareConfig"]["properties"]
            assert properties == {"dataproc:dataproc.personal-auth.user": email}
        if made.kind is Kind.WORKBENCH:
            assert made.body["instanceOwners"] == [email]


def wanted(world: World, email: str = ANA) -> tuple[Manifest, ...]:
    """What the record of ``email`` asks of the cloud."""
    record = world.record(email)
    profile = world.profiles.current().profile(record.terms.profile)
    assert profile is not None
    return manifests_of(profile, record.person, record.key, SITE)


def assert_harmless(made: Manifest, *, allowed_keys: set[str], text: str) -> None:
    """Names, labels and YAML are well formed, and hold ``text`` nowhere but where they may."""
    ours = {"managed-by", "benchkeeper-person", "benchkeeper-profile"}
    assert allowed_keys | ours == set(made.body["labels"]), "no text of a person becomes a label"
    for key, value in made.body["labels"].items():
        assert LABEL_KEY.fullmatch(key)
        assert LABEL_VALUE.fullmatch(value)
    for place in made.places:
        assert NAME.fullmatch(place)
        assert not text or text not in place
    assert yaml.safe_load(render(made.body)) == made.body, "writing and reading changes nothing"


def assert_nothing_was_made(world: World) -> None:
    """No record, no resource, no call to the cloud."""
    assert world.store.page(10).items == ()
    assert not world.cloud.counts
