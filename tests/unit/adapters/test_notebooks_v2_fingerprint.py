"""The fingerprint of a notebook: which changes it shows, and which it must not."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import googleapiclient
import pytest

from shared.adapters.notebooks_v2.fingerprint import FIELDS, instance_fingerprint

Json = dict[str, Any]

INSTANCE: Json = {
    "name": "projects/demo/locations/us-central1-a/instances/nb-ana-abcdefghijkl",
    "state": "ACTIVE",
    "labels": {"managed-by": "benchkeeper", "team": "core"},
    "instanceOwners": ["ana@example.com"],
    "enableManagedEuc": True,
    "proxyUri": "x-dot-us-central1.notebooks.googleusercontent.com",
    "gceSetup": {
        "machineType": "e2-standard-4",
        "bootDisk": {"diskSizeGb": "150"},
        "dataDisks": [{"diskSizeGb": "100"}],
        "networkInterfaces": [{"network": "projects/demo/global/networks/default"}],
        "metadata": {"idle-timeout-seconds": "3600", "version": "m130"},
        "tags": ["notebook-instance", "spark"],
        "vmImage": {"project": "cloud-notebooks-managed", "family": "workbench-instances"},
        "shieldedInstanceConfig": {"enableVtpm": True},
    },
}

# What can be set and is left out, with the reason.
LEFT_OUT = {
    "gceSetup.vmImage": "an upgrade replaces it",
    "gceSetup.containerImage": "an upgrade replaces it",
    "gceSetup.networkInterfaces.accessConfigs": "an ephemeral address is another after each start",
    "gceSetup.networkInterfaces.internalIp": "Google's choice",
}


def changed(**changes: object) -> Json:
    return deepcopy(INSTANCE) | changes


def setup(**changes: object) -> Json:
    return changed(gceSetup=deepcopy(INSTANCE["gceSetup"]) | changes)


def test_every_field_of_the_api_was_decided_about() -> None:
    """Fails when the document gets a field: take it, or leave it out for a reason."""
    root = Path(googleapiclient.__file__).parent
    document = json.loads((root / "discovery_cache/documents/notebooks.v2.json").read_text())
    known = set(_settable(document["schemas"], "Instance", FIELDS, ""))
    assert known == set(_leaves(FIELDS, "")) | set(LEFT_OUT)


def _settable(schemas: Json, name: str, fields: Json, path: str) -> list[str]:
    """The paths of what can be set, as deep as ``fields`` goes."""
    found = []
    for field, described in schemas[name]["properties"].items():
        if described.get("readOnly"):
            continue
        parts = fields.get(field)
        if parts is None:
            found.append(path + field)
        else:
            inner = described.get("items", described)["$ref"]
            found += _settable(schemas, inner, parts, f"{path}{field}.")
    return found


def _leaves(fields: Json, path: str) -> list[str]:
    found = []
    for field, parts in fields.items():
        found += [path + field] if parts is None else _leaves(parts, f"{path}{field}.")
    return found


@pytest.mark.parametrize(
    "after",
    [
        changed(labels={"managed-by": "benchkeeper"}),
        changed(labels={"managed-by": "benchkeeper", "team": ""}),
        changed(labels={}),
        changed(instanceOwners=["ben@example.com"]),
        changed(enableManagedEuc=False),
        changed(enableDeletionProtection=True),
        changed(disableProxyAccess=True),
        setup(machineType="n2-standard-8"),
        setup(metadata={"idle-timeout-seconds": "7200", "version": "m130"}),
        setup(metadata={"version": "m130"}),
        setup(metadata=INSTANCE["gceSetup"]["metadata"] | {"ssh-keys": "ana:ssh-rsa"}),
        setup(tags=["notebook-instance"]),
        setup(dataDisks=[{"diskSizeGb": "200"}]),
        setup(disablePublicIp=True),
        setup(shieldedInstanceConfig={"enableVtpm": True, "enableSecureBoot": True}),
        setup(acceleratorConfigs=[{"type": "NVIDIA_TESLA_T4", "coreCount": "1"}]),
        setup(networkInterfaces=[{"network": "projects/demo/global/networks/other"}]),
        setup(serviceAccounts=[{"email": "sa@demo.iam.gserviceaccount.com"}]),
    ],
)
def test_a_change_by_hand_shows(after: Json) -> None:
    assert instance_fingerprint(after) != instance_fingerprint(INSTANCE)


@pytest.mark.parametrize(
    "after",
    [
        changed(state="STOPPED", updateTime="2026-11-28T00:00:00Z", proxyUri=""),
        changed(healthState="HEALTHY", healthInfo={"updated": "now"}, id="1", creator="x@y.z"),
        changed(upgradeHistory=[{"version": "m129"}], thirdPartyProxyUrl="x"),
        changed(satisfiesPzi=True, satisfiesPzs=True, createTime="2026-11-28T00:00:00Z"),
        changed(**{"@type": "type.googleapis.com/google.cloud.notebooks.v2.Instance"}),
        changed(enableDeletionProtection=False, disableProxyAccess=False),
        changed(labels=dict(reversed(INSTANCE["labels"].items()))),
        setup(vmImage={"project": "cloud-notebooks-managed", "name": "workbench-20261128"}),
        setup(metadata={"version": "m131", "idle-timeout-seconds": "3600", "framework": "x"}),
        setup(instanceId="123", systemMetadata={"version": "m130"}),
        setup(tags=["spark", "notebook-instance"]),
        setup(minCpuPlatform="", acceleratorConfigs=[]),
        setup(
            networkInterfaces=[
                {
                    "network": "projects/demo/global/networks/default",
                    "internalIp": "10.0.0.2",
                    "accessConfigs": [{"externalIp": "192.0.2.1"}],
                }
            ]
        ),
    ],
)
def test_what_google_changes_does_not_show(after: Json) -> None:
    assert instance_fingerprint(after) == instance_fingerprint(INSTANCE)


def test_an_instance_without_any_of_it_has_one_too() -> None:
    assert len(instance_fingerprint({})) == 12
