"""The drift of a notebook, the patch that corrects it, and what is not touched."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from shared.adapters.notebooks_v2.drift import drift_of
from shared.adapters.notebooks_v2.patch import patch_of
from shared.domain.manifests.written import written_by
from shared.domain.resources.manifest import Drift

Json = dict[str, Any]
PREFIX = "https://www.googleapis.com/compute/v1/"
NETWORK = "projects/demo/global/networks/main"
SUBNET = "projects/demo/regions/us-central1/subnetworks/inner"

BODY: Json = {
    "instanceOwners": ["ana@example.com"],
    "enableManagedEuc": True,
    "labels": {"managed-by": "benchkeeper", "benchkeeper-person": "ana", "team": "core"},
    "gceSetup": {
        "machineType": "e2-standard-4",
        "bootDisk": {"diskSizeGb": "150", "diskType": "PD_SSD"},
        "dataDisks": [{"diskSizeGb": "200", "diskType": "PD_BALANCED"}],
        "networkInterfaces": [{"network": NETWORK, "subnet": SUBNET}],
        "disablePublicIp": True,
        "metadata": {"idle-timeout-seconds": "3600", "notebook-disable-root": "true"},
        "vmImage": {"project": "images", "family": "workbench"},
        "shieldedInstanceConfig": {"enableSecureBoot": False, "enableVtpm": True},
        "tags": ["inner", "egress"],
    },
}
# The same as Google returns it: with fields added, in its own spelling, without defaults.
SHOWN: Json = {
    **BODY,
    "name": "projects/demo/locations/us-central1-a/instances/nb",
    "state": "ACTIVE",
    "labels": {**BODY["labels"], "notebooks-product": "workbench-instances", "env": "prod"},
    "gceSetup": {
        "machineType": f"{PREFIX}projects/demo/zones/us-central1-a/machineTypes/e2-standard-4",
        "bootDisk": {"diskSizeGb": 150, "diskType": "PD_SSD", "diskEncryption": "GMEK"},
        "dataDisks": [{"diskSizeGb": "200", "diskType": "PD_BALANCED"}],
        "networkInterfaces": [{"network": PREFIX + NETWORK, "subnet": PREFIX + SUBNET}],
        "disablePublicIp": True,
        "metadata": {**BODY["gceSetup"]["metadata"], "proxy-url": "https://proxy.example.com"},
        "vmImage": {"project": "images", "name": "workbench-v20261101"},
        "shieldedInstanceConfig": {"enableVtpm": True, "enableIntegrityMonitoring": True},
        "tags": ["deeplearning-vm", "egress", "inner", "notebook-instance"],
    },
}


def differing(value: Any, *path: str | int) -> Json:
    """``SHOWN`` with one value changed; None removes it."""
    shown = copy.deepcopy(SHOWN)
    at: Any = shown
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return shown


def patched(found: Json, mask: list[str], patch: Json) -> Json:
    """The instance after a PATCH: each path of the mask is replaced completely."""
    result = copy.deepcopy(found)
    names = {"machine_type": "machineType", "disable_public_ip": "disablePublicIp"}
    names["shielded_instance_config"] = "shieldedInstanceConfig"
    for path in mask:
        parent, _, field = path.rpartition(".")
        field = names.get(field, field)
        into, source = (
            (result["gceSetup"], patch["gceSetup"]) if parent == "gce_setup" else (result, patch)
        )
        into[field] = source[field]
    return result


def test_googles_spelling_is_not_drift_and_needs_no_patch() -> None:
    assert drift_of(BODY, SHOWN) == Drift()
    assert patch_of(BODY, SHOWN, at_rest=True) == ([], {})


IN_PLACE = {
    "a label of ours that was changed": (
        differing("other", "labels", "team"),
        "label team other -> core",
        "labels",
    ),
    "a label that is missing": (
        differing(None, "labels", "team"),
        "label team none -> core",
        "labels",
    ),
    "a label of ours that is wanted no more": (
        differing("cc-7", "labels", "cost-center"),
        "label cost-center cc-7 -> none",
        "labels",
    ),
    "another of ours": (
        differing("old", "labels", "benchkeeper-profile"),
        "label benchkeeper-profile old -> none",
        "labels",
    ),
    "metadata that was changed": (
        differing("60", "gceSetup", "metadata", "idle-timeout-seconds"),
        "metadata idle-timeout-seconds 60 -> 3600",
        "gce_setup.metadata",
    ),
    "metadata of ours that is missing": (
        differing(None, "gceSetup", "metadata", "idle-timeout-seconds"),
        "metadata idle-timeout-seconds none -> 3600",
        "gce_setup.metadata",
    ),
    "metadata of ours that is wanted no more": (
        differing("00 3 * * SUN", "gceSetup", "metadata", "notebook-upgrade-schedule"),
        "metadata notebook-upgrade-schedule 00 3 * * SUN -> none",
        "gce_setup.metadata",
    ),
    "a network tag too many": (
        differing(["deeplearning-vm", "egress", "inner", "open"], "gceSetup", "tags"),
        "network tags egress, inner, open -> egress, inner",
        "gce_setup.tags",
    ),
    "no network tags": (
        differing(None, "gceSetup", "tags"),
        "network tags none -> egress, inner",
        "gce_setup.tags",
    ),
    "a public IP": (
        differing(None, "gceSetup", "disablePublicIp"),
        "public IP yes -> no",
        "gce_setup.disable_public_ip",
    ),
}


@pytest.mark.parametrize(("found", "said", "path"), IN_PLACE.values(), ids=IN_PLACE.keys())
def test_drift_in_place_is_reported_and_corrected(found: Json, said: str, path: str) -> None:
    drift = drift_of(BODY, found)
    assert said in drift.in_place
    assert (drift.at_rest, drift.never) == ((), ())
    mask, patch = patch_of(BODY, found, at_rest=False)
    assert mask == [path]
    assert drift_of(BODY, patched(found, mask, patch)) == Drift()


def test_a_patch_includes_entries_of_others() -> None:
    found = differing("other", "labels", "team")
    found["gceSetup"]["metadata"]["idle-timeout-seconds"] = "60"
    found["gceSetup"]["tags"].remove("inner")
    found["gceSetup"]["shieldedInstanceConfig"]["enableVtpm"] = False
    _, patch = patch_of(BODY, found, at_rest=True)
    assert patch["labels"] == SHOWN["labels"]
    setup = patch["gceSetup"]
    assert setup["metadata"] == SHOWN["gceSetup"]["metadata"]
    assert setup["tags"] == SHOWN["gceSetup"]["tags"]
    assert setup["shieldedInstanceConfig"]["enableIntegrityMonitoring"] is True


def test_a_label_of_ours_that_is_no_longer_in_the_manifest_is_not_sent() -> None:
    _, patch = patch_of(BODY, differing("cc-7", "labels", "cost-center"), at_rest=False)
    assert patch == {"labels": SHOWN["labels"]}


AT_REST = {
    "another machine type": (
        differing("n2-standard-8", "gceSetup", "machineType"),
        "machine type n2-standard-8 -> e2-standard-4",
        "gce_setup.machine_type",
    ),
    "a switch of Jupyter that was changed": (
        differing("false", "gceSetup", "metadata", "notebook-disable-root"),
        "metadata notebook-disable-root false -> true",
        "gce_setup.metadata",
    ),
    "a switch of Jupyter that is wanted no more": (
        differing("true", "gceSetup", "metadata", "disable-mixer"),
        "metadata disable-mixer true -> none",
        "gce_setup.metadata",
    ),
    "a switch of Jupyter that is missing": (
        differing(None, "gceSetup", "metadata", "notebook-disable-root"),
        "metadata notebook-disable-root none -> true",
        "gce_setup.metadata",
    ),
    "a shielding that is on": (
        differing(True, "gceSetup", "shieldedInstanceConfig", "enableSecureBoot"),
        "shielded VM enableSecureBoot yes -> no",
        "gce_setup.shielded_instance_config",
    ),
    "a shielding that is off": (
        differing(None, "gceSetup", "shieldedInstanceConfig"),
        "shielded VM enableVtpm no -> yes",
        "gce_setup.shielded_instance_config",
    ),
}


@pytest.mark.parametrize(("found", "said", "path"), AT_REST.values(), ids=AT_REST.keys())
def test_drift_at_rest_is_reported_and_corrected_when_stopped(
    found: Json, said: str, path: str
) -> None:
    assert drift_of(BODY, found) == Drift(at_rest=(said,))
    assert patch_of(BODY, found, at_rest=False) == ([], {})
    mask, patch = patch_of(BODY, found, at_rest=True)
    assert mask == [path]
    assert drift_of(BODY, patched(found, mask, patch)) == Drift()


def test_while_it_runs_keys_read_at_start_are_not_changed() -> None:
    found = differing("false", "gceSetup", "metadata", "notebook-disable-root")
    found["gceSetup"]["metadata"]["idle-timeout-seconds"] = "60"
    _, patch = patch_of(BODY, found, at_rest=False)
    metadata = patch["gceSetup"]["metadata"]
    assert metadata["idle-timeout-seconds"] == "3600"
    assert metadata["notebook-disable-root"] == "false", "as it was: nobody would notice"
    drift = drift_of(BODY, found)
    assert (len(drift.in_place), len(drift.at_rest)) == (1, 1)


NEVER = {
    "another network": (
        differing(f"{NETWORK}-old", "gceSetup", "networkInterfaces", 0, "network"),
        f"network {NETWORK}-old -> {NETWORK}",
    ),
    "another subnet": (
        differing(PREFIX + SUBNET + "-old", "gceSetup", "networkInterfaces", 0, "subnet"),
        f"subnet {SUBNET}-old -> {SUBNET}",
    ),
    "another size": (
        differing("100", "gceSetup", "dataDisks", 0, "diskSizeGb"),
        "data disk GB 100 -> 200",
    ),
    "another type": (
        differing("PD_STANDARD", "gceSetup", "bootDisk", "diskType"),
        "boot disk type PD_STANDARD -> PD_SSD",
    ),
    "other credentials": (
        differing(None, "enableManagedEuc"),
        "runs on its owner's credentials no -> yes",
    ),
    "another owner": (
        differing(["ben@example.com"], "instanceOwners"),
        "owner ben@example.com -> ana@example.com",
    ),
}


@pytest.mark.parametrize(("found", "said"), NEVER.values(), ids=NEVER.keys())
def test_drift_that_needs_a_new_notebook_is_reported_only(found: Json, said: str) -> None:
    assert drift_of(BODY, found) == Drift(never=(said,))
    assert patch_of(BODY, found, at_rest=True) == ([], {})


def test_a_public_ip_is_never_added() -> None:
    body = copy.deepcopy(BODY)
    body["gceSetup"]["disablePublicIp"] = False
    assert drift_of(body, SHOWN) == Drift(never=("public IP no -> yes",))
    assert patch_of(body, SHOWN, at_rest=True) == ([], {})
    assert drift_of(body, differing(None, "gceSetup", "disablePublicIp")) == Drift()


@pytest.mark.parametrize("field", sorted(BODY["gceSetup"]))
def test_fields_missing_in_the_manifest_are_not_compared(field: str) -> None:
    body = copy.deepcopy(BODY)
    del body["gceSetup"][field]
    found = copy.deepcopy(SHOWN)
    found["gceSetup"].pop(field)
    assert drift_of(body, SHOWN) == drift_of(body, found) == Drift()


def test_an_empty_instance_differs_in_everything() -> None:
    drift = drift_of(BODY, {})
    assert len(drift.in_place) == 3 + 1 + 1 + 1
    assert len(drift.at_rest) == 1 + 1 + 1
    assert len(drift.never) == 2 + 4 + 1 + 1


def test_a_long_value_is_cut_and_stays_on_one_line() -> None:
    body = {"gceSetup": {"metadata": {"script": "echo\n" * 500}}}
    (said,) = drift_of(body, {}).in_place
    assert len(said) < 150
    assert said.isprintable()


@pytest.mark.parametrize("size", ["300", 300])
def test_a_larger_data_disk_is_no_drift(size: str | int) -> None:
    """Restored data may need the size, and a disk can't be made smaller."""
    assert drift_of(BODY, differing(size, "gceSetup", "dataDisks", 0, "diskSizeGb")) == Drift()


# Labels, metadata and tags that an earlier profile set


def with_more() -> Json:
    """``SHOWN`` with a label, a metadata key and a tag that this profile does not set."""
    found: Json = copy.deepcopy(SHOWN)
    found["labels"]["proj"] = "x"
    found["gceSetup"]["metadata"]["my-own"] = "1"
    return found


def test_entries_that_the_profile_no_longer_sets_are_removed_and_others_kept() -> None:
    found = with_more()
    assert drift_of(BODY, found) == Drift(), "it may be anybody's"
    written = ("label proj", "metadata my-own")
    drift = drift_of(BODY, found, written)
    assert drift.in_place == ("label proj x -> none", "metadata my-own 1 -> none")
    mask, patch = patch_of(BODY, found, written, at_rest=False)
    assert mask == ["labels", "gce_setup.metadata"]
    assert patch["labels"] == SHOWN["labels"]
    assert drift_of(BODY, patched(found, mask, patch), written) == Drift()


def test_tags_that_no_profile_sets_any_more_are_removed_and_others_kept() -> None:
    setup = {name: value for name, value in BODY["gceSetup"].items() if name != "tags"}
    body = {**BODY, "gceSetup": setup}
    assert drift_of(body, SHOWN) == Drift()
    drift = drift_of(body, SHOWN, ("tag inner",))
    assert drift.in_place == ("network tags egress, inner -> egress",)
    _, patch = patch_of(body, SHOWN, ("tag inner",), at_rest=False)
    assert patch["gceSetup"]["tags"] == ["deeplearning-vm", "egress", "notebook-instance"]


def test_written_by_names_labels_metadata_and_tags() -> None:
    body = {"labels": {"team": "a"}, "gceSetup": {"metadata": {"k": "v"}, "tags": ["t"]}}
    assert written_by(body) == ("label team", "metadata k", "tag t")
    assert written_by({}) == ()
