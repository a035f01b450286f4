"""What a profile turns into: bodies for Google's APIs, labelled, named, the same every time."""

from __future__ import annotations

import copy
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.manifests import Site, is_ours, labels_of, manifests_of
from shared.domain.manifests.workbench import with_disk_for
from shared.domain.names import person_key
from shared.domain.people.person import Person
from shared.domain.profiles import Profile, ProfilesInvalid
from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest

SITE = Site(project="acme-data", region="us-central1", templates_bucket="acme-templates")
ANA = Person(
    email="ana@example.com", display_name="Ana", team="BI Team", cost_center="cc-7", groups=("a",)
)
KEY = person_key(ANA.email)

PROFILES = b"""
version: 1
default: full
profiles:
  full:
    grace: 0
    labels: {tier: gold}
    network: {network: main, subnet: inner, tags: [no-egress]}
    workbench:
      zones: [us-central1-a, us-central1-f]
      machine_type: e2-standard-4
      boot_disk: {size_gb: 150, type: PD_SSD}
      data_disk: {size_gb: 200}
      idle_minutes: 60
      downloads: false
      spark_kernels: true
      upgrade_schedule: 00 3 * * SUN
      metadata: {report-event-health: "true"}
    session_templates: [{name: spark, master: session.yaml, idle_minutes: 30}]
    cluster_templates:
      - {name: small, master: cluster.yaml}
      - {name: large, master: cluster.yaml, idle_minutes: 15}
  lean:
    grace: 0
    network: {public_ip: true, subnet: projects/host/regions/us-central1/subnetworks/s,
              network: projects/host/global/networks/n}
    workbench:
      zones: [us-central1-a]
      machine_type: e2-small
      image: {project: acme-images, name: notebook-v7}
"""
MASTERS = {
    "session.yaml": b"runtimeConfig: {version: '2.3'}\n"
    b"environmentConfig: {executionConfig: {ttl: 86400s}}\n",
    "cluster.yaml": b"config: {softwareConfig: {optionalComponents: [ICEBERG]}}\n",
}


def profile(name: str = "full") -> Profile:
    found = parse_profiles(PROFILES, MASTERS).profile(name)
    assert found is not None
    return found


def made(name: str = "full", person: Person = ANA) -> dict[str, Manifest]:
    return {
        manifest.id: manifest
        for manifest in manifests_of(profile(name), person, person_key(person.email), SITE)
    }


def setup_of(name: str = "full") -> dict[str, Any]:
    setup: dict[str, Any] = made(name)["workbench/main"].body["gceSetup"]
    return setup


def test_templates_come_before_the_notebook() -> None:
    assert list(made()) == [
        "session-template/spark",
        "cluster-template/small",
        "cluster-template/large",
        "workbench/main",
    ]


def test_a_profile_without_spark_gives_a_notebook_alone() -> None:
    assert list(made("lean")) == ["workbench/main"]


def test_names_carry_the_persons_key_and_the_slot() -> None:
    assert {want_id: manifest.places for want_id, manifest in made().items()} == {
        "session-template/spark": (
            f"projects/acme-data/locations/us-central1/sessionTemplates/st-{KEY}-spark",
        ),
        "cluster-template/small": (f"gs://acme-templates/people/{KEY}/small.yaml",),
        "cluster-template/large": (f"gs://acme-templates/people/{KEY}/large.yaml",),
        "workbench/main": (
            f"projects/acme-data/locations/us-central1-a/instances/nb-{KEY}",
            f"projects/acme-data/locations/us-central1-f/instances/nb-{KEY}",
        ),
    }


class TestLabels:
    def test_on_everything(self) -> None:
        for manifest in made().values():
            labels = manifest.body["labels"]
            assert labels["managed-by"] == "benchkeeper"
            assert labels["benchkeeper-person"] == KEY
            assert labels["benchkeeper-profile"] == "full"
            assert labels["cost-center"] == "cc-7"
            assert labels["team"].startswith("bi-team-")
            assert labels["tier"] == "gold"
            assert is_ours(labels, KEY)

    def test_unknown_facts_have_no_label(self) -> None:
        labels = labels_of(profile(), Person(email=ANA.email), KEY)
        assert "team" not in labels
        assert "cost-center" not in labels

    @pytest.mark.parametrize(
        "labels",
        [
            {},
            {"managed-by": "benchkeeper"},
            {"benchkeeper-person": KEY},
            {"managed-by": "terraform", "benchkeeper-person": KEY},
            {"managed-by": "benchkeeper", "benchkeeper-person": "somebody-else"},
        ],
    )
    def test_anything_less_is_not_ours(self, labels: dict[str, str]) -> None:
        assert not is_ours(labels, KEY)

    @pytest.mark.parametrize("label", sorted(set(labels_of(profile("lean"), ANA, KEY))))
    def test_none_of_ours_can_be_overridden_by_a_profile(self, label: str) -> None:
        text = PROFILES.replace(b"tier: gold", f"{label}: mine".encode())
        with pytest.raises(ProfilesInvalid, match=f"labels.{label}: is set by us"):
            parse_profiles(text, MASTERS)

    @given(st.text(max_size=200), st.text(max_size=200))
    def test_values_are_valid_whatever_the_directory_says(self, team: str, center: str) -> None:
        person = Person(email="x@example.com", team=team, cost_center=center)
        for value in labels_of(profile(), person, KEY).values():
            assert re.fullmatch(r"[a-z0-9_-]{1,63}", value)


class TestNotebook:
    def test_is_the_persons_alone_and_runs_on_their_credentials(self) -> None:
        body = made()["workbench/main"].body
        assert body["instanceOwners"] == [ANA.email]
        assert body["enableManagedEuc"] is True
        assert "serviceAccounts" not in body["gceSetup"]

    def test_machine(self) -> None:
        setup = setup_of()
        assert setup["machineType"] == "e2-standard-4"
        assert setup["bootDisk"] == {"diskSizeGb": "150", "diskType": "PD_SSD"}
        assert setup["dataDisks"] == [{"diskSizeGb": "200", "diskType": "PD_BALANCED"}]
        assert setup["vmImage"] == {
            "project": "cloud-notebooks-managed",
            "family": "workbench-instances",
        }
        assert setup_of("lean")["vmImage"] == {"project": "acme-images", "name": "notebook-v7"}

    def test_short_network_names_are_of_the_sites_project_and_region(self) -> None:
        assert setup_of()["networkInterfaces"] == [
            {
                "network": "projects/acme-data/global/networks/main",
                "subnet": "projects/acme-data/regions/us-central1/subnetworks/inner",
            }
        ]
        assert setup_of()["disablePublicIp"] is True
        assert setup_of()["tags"] == ["no-egress"]

    def test_full_network_paths_stay_as_they_are(self) -> None:
        assert setup_of("lean")["networkInterfaces"] == [
            {
                "network": "projects/host/global/networks/n",
                "subnet": "projects/host/regions/us-central1/subnetworks/s",
            }
        ]
        assert setup_of("lean")["disablePublicIp"] is False
        assert "tags" not in setup_of("lean")

    def test_metadata_of_named_fields_and_of_the_profile(self) -> None:
        assert setup_of()["metadata"] == {
            "disable-mixer": "false",
            "idle-timeout-seconds": "3600",
            "notebook-disable-downloads": "true",
            "notebook-disable-nbconvert": "true",
            "notebook-disable-root": "true",
            "notebook-disable-terminal": "false",
            "notebook-upgrade-schedule": "00 3 * * SUN",
            "report-event-health": "true",
        }


class TestSessionTemplate:
    def test_our_fields_are_set_in_the_master(self) -> None:
        manifest = made()["session-template/spark"]
        assert manifest.body == {
            "name": manifest.places[0],
            "labels": labels_of(profile(), ANA, KEY),
            "runtimeConfig": {"version": "2.3"},
            "environmentConfig": {
                "executionConfig": {
                    "ttl": "86400s",
                    "authenticationConfig": {
                        "userWorkloadAuthenticationType": "END_USER_CREDENTIALS"
                    },
                    "subnetworkUri": "projects/acme-data/regions/us-central1/subnetworks/inner",
                    "idleTtl": "1800s",
                    "networkTags": ["no-egress"],
                }
            },
        }


class TestDigest:
    def test_is_the_same_for_the_same_manifests(self) -> None:
        again = {want_id: manifest.digest for want_id, manifest in made().items()}
        assert again == {want_id: manifest.digest for want_id, manifest in made().items()}

    def test_does_not_depend_on_the_order_of_fields(self) -> None:
        other = msgspec.structs.replace(profile(), labels={"b": "1", "a": "2"})
        another = msgspec.structs.replace(profile(), labels={"a": "2", "b": "1"})
        assert [w.digest for w in manifests_of(other, ANA, KEY, SITE)] == [
            w.digest for w in manifests_of(another, ANA, KEY, SITE)
        ]

    def test_changes_with_the_manifest(self) -> None:
        moved = msgspec.structs.replace(ANA, cost_center="cc-8")
        before, after = made(), made(person=moved)
        assert all(before[want_id].digest != after[want_id].digest for want_id in before)


def test_the_template_of_a_person_does_not_change_the_master() -> None:
    shared = profile()
    before = copy.deepcopy(shared.cluster_templates)
    first = manifests_of(shared, ANA, KEY, SITE)
    bob = Person(email="bob@example.com")
    manifests_of(shared, bob, person_key(bob.email), SITE)
    assert shared.cluster_templates == before
    assert manifests_of(shared, ANA, KEY, SITE) == first


def test_only_kinds_that_the_profile_asks_for_are_built() -> None:
    asked = {Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE, Kind.WORKBENCH}
    assert {manifest.kind for manifest in made().values()} == asked


def test_a_disk_to_restore_into_is_as_large_as_its_source() -> None:
    manifest = made()["workbench/main"]
    asked = int(manifest.body["gceSetup"]["dataDisks"][0]["diskSizeGb"])
    larger = with_disk_for(manifest, asked + 50)
    assert larger.body["gceSetup"]["dataDisks"][0]["diskSizeGb"] == str(asked + 50)
    assert larger.digest == manifest.digest, "it is still what the profile asks for"
    assert manifest.body["gceSetup"]["dataDisks"][0]["diskSizeGb"] == str(asked), "a copy"
    assert with_disk_for(manifest, asked - 1) is manifest
