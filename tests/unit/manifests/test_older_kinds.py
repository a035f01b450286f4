"""The two older kinds in a profile: what is asked for, what is refused, what it turns into."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from local.api.discovery import Discovery
from shared.adapters.profiles.directory import DirectoryProfiles
from shared.domain.manifests import Site, is_ours, manifests_of
from shared.domain.names import person_key
from shared.domain.people.person import Person
from shared.domain.profiles import ProfileSet, ProfilesInvalid
from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest
from tools.check_profiles import main

SITE = Site(project="acme-data", region="us-central1", templates_bucket="acme-templates")
ANA = Person(email="ana@example.com", team="core")
KEY = person_key(ANA.email)
MASTERS = {"cluster.yaml": b"config: {}"}
PROFILES = """\
version: 1
default: older
profiles:
  older:
    grace: 14d
    network: {network: main, subnet: inner, tags: [no-egress]}
    managed_notebook:
      location: us-central1
      machine_type: n1-standard-2
      data_disk: {size_gb: 200, type: PD_SSD}
      idle_minutes: 60
      terminal: false
    dataproc_hub:
      zone: us-central1-a
      machine_type: n1-standard-1
      service_account: hub@example.com
    cluster_templates: [{name: small, master: cluster.yaml}]
  plain:
    grace: 0
    network: {public_ip: true}
    workbench: {zones: [us-central1-a], machine_type: e2-small}
    managed_notebook: {location: us-central1, machine_type: n1-standard-2}
"""


def parsed(text: str = PROFILES, region: str | None = None) -> ProfileSet:
    return parse_profiles(text.encode(), MASTERS, region=region)


def made(name: str = "older", person: Person = ANA) -> dict[str, Manifest]:
    profile = parsed().profile(name)
    assert profile is not None
    return {
        manifest.id: manifest
        for manifest in manifests_of(profile, person, person_key(person.email), SITE)
    }


class TestProfiles:
    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (
                "location: us-central1\n",
                "location: us-central1-a\n",
                "managed_notebook.location: expected a region such as us-central1, got",
            ),
            (
                "type: PD_SSD",
                "type: HYPERDISK_ML",
                "managed_notebook.data_disk.type: expected one of PD_STANDARD, PD_BALANCED",
            ),
            (
                "idle_minutes: 60",
                "idle_minutes: 5",
                "managed_notebook.idle_minutes: expected whole minutes from 10 to 1440, got 5",
            ),
            (
                "zone: us-central1-a",
                "zones: [us-central1-a]",
                "dataproc_hub.zones: unknown key; did you mean 'zone'?",
            ),
            (
                "      service_account: hub@example.com\n",
                "",
                "dataproc_hub.service_account: is missing",
            ),
            (
                "service_account: hub@example.com",
                "service_account: Hub",
                "dataproc_hub.service_account: expected a service account's e-mail address",
            ),
            (
                "service_account: hub@example.com",
                "service_account: hub@example.com\n      boot_disk: {size_gb: 50}",
                "dataproc_hub.boot_disk.size_gb: expected at least 100",
            ),
            (
                "    cluster_templates: [{name: small, master: cluster.yaml}]\n",
                "",
                "dataproc_hub: needs cluster_templates: they are what it offers",
            ),
        ],
    )
    def test_a_fault_is_named_with_its_place(self, old: str, new: str, expected: str) -> None:
        assert PROFILES.count(old) == 1
        with pytest.raises(ProfilesInvalid) as caught:
            parsed(PROFILES.replace(old, new))
        assert caught.value.messages[0].startswith(f"profiles.older.{expected}")

    def test_with_a_region_what_lies_outside_it_is_refused(self) -> None:
        with pytest.raises(ProfilesInvalid) as caught:
            parsed(region="europe-west1")
        assert [m for m in caught.value.messages if m.startswith("profiles.older")] == [
            "profiles.older.managed_notebook.location: us-central1 is not this site's region "
            "europe-west1, where its subnet is",
            "profiles.older.dataproc_hub.zone: us-central1-a is not in this site's region "
            "europe-west1, where its subnet is",
        ]

    def test_one_older_kind_alone_is_a_valid_profile(self) -> None:
        text = PROFILES.replace(
            "    workbench: {zones: [us-central1-a], machine_type: e2-small}\n", ""
        )
        assert parsed(text).names == ("older", "plain")

    def test_each_older_kind_has_a_warning_with_dates_and_an_alternative(self) -> None:
        warnings = parsed().warnings
        assert [warning.split()[0] for warning in warnings] == [
            "profiles.older.managed_notebook",
            "profiles.older.dataproc_hub",
            "profiles.plain.managed_notebook",
        ]
        for warning in warnings:
            assert "creation ended on 2025-01-30" in warning
            assert "until 2026-03-30" in warning
            assert "use workbench" in warning

    def test_without_older_kinds_there_is_no_warning(self) -> None:
        text = "version: 1\ndefault: a\nprofiles: {a: {grace: 0, cluster_templates: "
        text += "[{name: small, master: cluster.yaml}]}}"
        assert parsed(text).warnings == ()

    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        (tmp_path / "masters").mkdir()
        (tmp_path / "masters" / "cluster.yaml").write_bytes(MASTERS["cluster.yaml"])
        (tmp_path / "profiles.yaml").write_text(PROFILES)
        return tmp_path

    def test_the_warning_for_a_set_in_force_is_logged_once(
        self, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = DirectoryProfiles(directory)
        source.current()
        source.current()
        (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
        said = vars(record)
        assert said["action"] == "profiles.warned"
        assert said["warnings"] == list(parsed().warnings)

    def test_the_check_prints_the_warnings_and_passes(
        self, directory: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([str(directory), "--region", "us-central1"]) == 0
        printed = capsys.readouterr()
        assert printed.err.splitlines() == [f"warning: {w}" for w in parsed().warnings]
        assert "older (default): cluster-template/small, managed-notebook/main, " in printed.out


class TestManagedNotebook:
    def test_is_the_persons_alone(self) -> None:
        body = made()["managed-notebook/main"].body
        assert body["accessConfig"] == {"accessType": "SINGLE_USER", "runtimeOwner": ANA.email}

    def test_the_whole_body(self) -> None:
        body = made()["managed-notebook/main"].body
        machine = body["virtualMachine"]["virtualMachineConfig"]
        labels = machine.pop("labels")
        assert is_ours(labels, KEY)
        assert machine == {
            "machineType": "n1-standard-2",
            "dataDisk": {"initializeParams": {"diskSizeGb": "200", "diskType": "PD_SSD"}},
            "subnet": "projects/acme-data/regions/us-central1/subnetworks/inner",
            "internalIpOnly": True,
            "tags": ["no-egress"],
        }
        assert body["softwareConfig"] == {
            "idleShutdown": True,
            "idleShutdownTimeout": 60,
            "disableTerminal": True,
        }

    def test_a_profile_may_leave_most_to_its_defaults(self) -> None:
        body = made("plain")["managed-notebook/main"].body
        machine = body["virtualMachine"]["virtualMachineConfig"]
        assert machine["internalIpOnly"] is False
        assert "tags" not in machine
        assert body["softwareConfig"]["idleShutdownTimeout"] == 180
        assert body["softwareConfig"]["disableTerminal"] is False


class TestDataprocHub:
    def test_reads_the_persons_own_templates_and_creates_nothing_else(self) -> None:
        metadata = made()["dataproc-hub/main"].body["metadata"]
        folder = f"gs://acme-templates/people/{KEY}/"
        assert metadata["dataproc-configs"] == folder
        (template,) = made()["cluster-template/small"].places
        assert template.startswith(folder)
        assert metadata["dataproc-allow-custom-clusters"] == "false"

    def test_creates_clusters_in_its_own_zone(self) -> None:
        body = made()["dataproc-hub/main"].body
        assert body["metadata"]["dataproc-locations-list"] == "a"
        assert body["metadata"]["dataproc-default-subnet"] == body["subnet"]
        assert body["subnet"] == "projects/acme-data/regions/us-central1/subnetworks/inner"

    def test_admits_its_owner_and_nobody_else(self) -> None:
        body = made()["dataproc-hub/main"].body
        assert body["instanceOwners"] == [ANA.email]
        assert body["metadata"]["proxy-mode"] == "mail"
        assert body["metadata"]["proxy-user-mail"] == ANA.email

    def test_runs_the_hubs_container_as_the_profiles_account(self) -> None:
        body = made()["dataproc-hub/main"].body
        assert body["containerImage"] == {
            "repository": "gcr.io/cloud-dataproc/dataproc-spawner",
            "tag": "prod",
        }
        assert body["serviceAccount"] == "hub@example.com"
        assert body["noPublicIp"] is True
        assert is_ours(body["labels"], KEY)


@pytest.mark.parametrize("name", ["older", "plain"])
def test_bodies_are_what_the_api_takes(name: str) -> None:
    discovery = Discovery("notebooks", "v1")
    schemas = {Kind.MANAGED_NOTEBOOK: "Runtime", Kind.DATAPROC_HUB: "Instance"}
    checked = [manifest for manifest in made(name).values() if manifest.kind in schemas]
    assert checked
    for manifest in checked:
        assert discovery.violations(schemas[manifest.kind], manifest.body) == []


def test_notebooks_come_last_and_are_named_after_the_person() -> None:
    assert {want_id: manifest.places for want_id, manifest in list(made().items())[1:]} == {
        "managed-notebook/main": (f"projects/acme-data/locations/us-central1/runtimes/mn-{KEY}",),
        "dataproc-hub/main": (f"projects/acme-data/locations/us-central1-a/instances/dh-{KEY}",),
    }
    assert list(made("plain")) == ["workbench/main", "managed-notebook/main"]


def test_a_shortage_of_an_older_kind_is_of_the_machine_type() -> None:
    scarce: dict[str, Any] = {manifest.kind: manifest.scarce for manifest in made().values()}
    assert scarce[Kind.MANAGED_NOTEBOOK] == "n1-standard-2"
    assert scarce[Kind.DATAPROC_HUB] == "n1-standard-1"


def test_each_person_has_a_different_digest() -> None:
    ben = Person(email="ben@example.com", team="core")
    theirs = made(person=ben)
    for want_id, manifest in made().items():
        assert manifest.digest != theirs[want_id].digest
        assert manifest.digest == made()[want_id].digest
