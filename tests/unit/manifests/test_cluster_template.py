"""A person's cluster template: it has our fields, and no text of the person as structure.

Invariant 10: a person's text can never become YAML structure.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from shared.adapters.storage.cluster_yaml import render
from shared.domain.contracts.rejections import Rejected
from shared.domain.manifests import Site, labels_of
from shared.domain.manifests.cluster_template import cluster_template_manifest
from shared.domain.names import person_key
from shared.domain.people.person import Person, parse_email
from shared.domain.profiles import Network, Profile, SparkTemplate

SITE = Site(project="acme-data", region="us-central1", templates_bucket="acme-templates")
MASTER: dict[str, Any] = {
    "config": {
        "masterConfig": {"numInstances": 1},
        "softwareConfig": {
            "imageVersion": "2.2-debian12",
            "optionalComponents": ["ICEBERG"],
            "properties": {"spark:spark.executor.cores": "4"},
        },
        "lifecycleConfig": {"autoDeleteTtl": "86400s"},
    }
}
NASTY = [
    'x"\nconfig: {masterConfig: {numInstances: 99}}\n#',
    "*alias",
    "&anchor x",
    "!!python/object/apply:os.system [ls]",
    "a: b",
    "- x",
    "{{ cluster }}",
    "${HOME}",
    "null",
    "yes",
    "1e3",
    "0o14",
    "'",
    "\u2028---\n",
    "\x00\x07",
]


def profile(master: dict[str, Any] = MASTER, tags: tuple[str, ...] = ("no-egress",)) -> Profile:
    template = SparkTemplate(slot="small", master=copy.deepcopy(master), idle_seconds=1800)
    return Profile(
        name="engineer",
        grace_seconds=0,
        keep_seconds=0,
        labels={},
        network=Network(subnet="inner", tags=tags),
        workbench=None,
        session_templates=(),
        cluster_templates=(template,),
    )


def body_of(person: Person, used: Profile | None = None) -> dict[str, Any]:
    used = used or profile()
    (template,) = used.cluster_templates
    return cluster_template_manifest(used, template, person, person_key(person.email), SITE).body


ANA = Person(email="ana@example.com")


def test_our_fields_are_set_in_the_master() -> None:
    config = body_of(ANA)["config"]
    assert config["masterConfig"] == {"numInstances": 1}
    assert config["softwareConfig"] == {
        "imageVersion": "2.2-debian12",
        "optionalComponents": ["ICEBERG", "JUPYTER"],
        "properties": {
            "spark:spark.executor.cores": "4",
            "dataproc:dataproc.personal-auth.user": "ana@example.com",
        },
    }
    assert config["endpointConfig"] == {"enableHttpPortAccess": True}
    assert config["lifecycleConfig"] == {"autoDeleteTtl": "86400s", "idleDeleteTtl": "1800s"}
    assert config["gceClusterConfig"] == {
        "subnetworkUri": "projects/acme-data/regions/us-central1/subnetworks/inner",
        "internalIpOnly": True,
        "tags": ["no-egress"],
    }


def test_an_empty_master_is_enough() -> None:
    config = body_of(ANA, profile({}, tags=()))["config"]
    assert config["softwareConfig"]["optionalComponents"] == ["JUPYTER"]
    assert "tags" not in config["gceClusterConfig"]


def test_a_master_that_asks_for_jupyter_gets_it_once() -> None:
    master = {"config": {"softwareConfig": {"optionalComponents": ["JUPYTER", "ICEBERG"]}}}
    config = body_of(ANA, profile(master))["config"]
    assert config["softwareConfig"]["optionalComponents"] == ["JUPYTER", "ICEBERG"]


def test_reading_back_gives_what_was_written() -> None:
    body = body_of(ANA)
    assert yaml.safe_load(render(body)) == body


def test_repeated_values_are_written_without_aliases() -> None:
    same = {"a": "b"}
    assert yaml.safe_load(render({"x": same, "y": same})) == {"x": same, "y": same}
    assert b"*" not in render({"x": same, "y": same})


@pytest.mark.parametrize("text", ["1e3", "0o14", "0x1f", "1:30", "-1", "~", ".5", "", "=", "<<"])
def test_text_that_looks_like_something_else_is_quoted_for_every_reader(text: str) -> None:
    assert f"'{text}'".encode() in render({"x": text})


@given(st.text(), st.text(), st.text(), st.lists(st.text()))
@example(*NASTY[:3], NASTY)
def test_text_of_a_person_never_becomes_structure(
    name: str, team: str, center: str, groups: list[str]
) -> None:
    person = Person(
        email="ana@example.com",
        display_name=name,
        team=team,
        cost_center=center,
        groups=tuple(groups),
    )
    body = body_of(person)
    read = yaml.safe_load(render(body))
    assert read == body
    plain = body_of(ANA)
    assert read["config"] == plain["config"]
    labels = labels_of(profile(), person, person_key(person.email))
    assert read == {**plain, "labels": labels}


@given(st.from_regex(r"[!-?A-~]{1,20}", fullmatch=True))
@example("a'b")
@example("a#b&c*d{e}")
@example("null")
def test_any_address_that_is_accepted_stays_one_value(local: str) -> None:
    try:
        email = parse_email(f"{local}@example.com", allowed_domains={"example.com"})
    except Rejected:
        return
    read = yaml.safe_load(render(body_of(Person(email=email))))
    properties = read["config"]["softwareConfig"]["properties"]
    assert properties["dataproc:dataproc.personal-auth.user"] == email


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
@example({text: text for text in NASTY})
def test_any_plain_value_is_read_back_as_it_was(value: object) -> None:
    assert yaml.safe_load(render({"x": value})) == {"x": value}
