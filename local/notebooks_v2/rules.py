"""Rules of the Notebooks v2 API beyond its schema, and defaults of an instance's body.

Pure functions. It must not know states, storage or HTTP.
"""

import re
from copy import deepcopy
from typing import Any

from local.api.labels import label_violations

Json = dict[str, Any]

_INSTANCE_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_ZONE = re.compile(r"[a-z]+-[a-z]+[0-9]+-[a-z]")
DISK_GB_MOST = 64_000


# updateMask paths, from the description of projects.locations.instances.patch. Deletion protection
# is not among them, but it would be useless if it could not be changed.
UPDATABLE = (
    "enable_deletion_protection",
    "labels",
    "gce_setup.min_cpu_platform",
    "gce_setup.metadata",
    "gce_setup.machine_type",
    "gce_setup.accelerator_configs",
    "gce_setup.accelerator_configs.type",
    "gce_setup.accelerator_configs.core_count",
    "gce_setup.gpu_driver_config",
    "gce_setup.gpu_driver_config.enable_gpu_driver",
    "gce_setup.gpu_driver_config.custom_gpu_driver_path",
    "gce_setup.shielded_instance_config",
    "gce_setup.shielded_instance_config.enable_secure_boot",
    "gce_setup.shielded_instance_config.enable_vtpm",
    "gce_setup.shielded_instance_config.enable_integrity_monitoring",
    "gce_setup.reservation_affinity",
    "gce_setup.reservation_affinity.consume_reservation_type",
    "gce_setup.reservation_affinity.key",
    "gce_setup.reservation_affinity.values",
    "gce_setup.tags",
    "gce_setup.container_image",
    "gce_setup.container_image.repository",
    "gce_setup.container_image.tag",
    "gce_setup.disable_public_ip",
    "disable_proxy_access",
)


def place_violations(zone: str, instance_id: str) -> list[str]:
    """Complaints about the location and the id of a new instance."""
    found = []
    if not _ZONE.fullmatch(zone):
        found.append(f'parent: "{zone}" is not a zone such as us-central1-a')
    if not _INSTANCE_ID.fullmatch(instance_id):
        found.append(
            f'instanceId: "{instance_id}" must start with a letter, followed by up to 62 '
            "lower case letters, digits or hyphens, and not end in a hyphen"
        )
    return found


def body_violations(body: Json) -> list[str]:
    """Complaints about a body that fits the schema."""
    setup: Json = body.get("gceSetup", {})
    found = label_violations(body.get("labels", {}), "labels")
    owners: list[str] = body.get("instanceOwners", [])
    if len(owners) > 1:
        found.append("instanceOwners: supports one owner only")
    found += [f'instanceOwners: "{o}" is not an e-mail' for o in owners if o.count("@") != 1]
    for field in ("dataDisks", "networkInterfaces", "serviceAccounts"):
        if len(setup.get(field, [])) > 1:
            found.append(f"gceSetup.{field}: supports only one")
    if "vmImage" in setup and "containerImage" in setup:
        found.append("gceSetup.containerImage: can't be set together with gceSetup.vmImage")
    found += _disk_violations(setup)
    if body.get("enableManagedEuc"):
        found += _managed_euc_violations(setup)
    return found


def with_defaults(body: Json) -> Json:
    """A copy of a create body with the API's defaults."""
    filled = deepcopy(body)
    setup = filled.setdefault("gceSetup", {})
    setup.setdefault("machineType", "e2-standard-4")
    boot = setup.setdefault("bootDisk", {})
    boot.setdefault("diskSizeGb", "150")  # "the recommended value of 150GB" in the document
    # In protobuf's JSON mapping an empty list means "not set".
    setup["dataDisks"] = setup.get("dataDisks") or [{}]
    for disk in [boot, *setup["dataDisks"]]:
        disk.setdefault("diskType", "PD_BALANCED")
        disk.setdefault("diskEncryption", "GMEK")
        disk.setdefault("diskSizeGb", "100")  # documented for data disks
    return filled


def _disk_violations(setup: Json) -> list[str]:
    disks = {"gceSetup.bootDisk": setup.get("bootDisk", {})}
    disks |= {f"gceSetup.dataDisks[{n}]": d for n, d in enumerate(setup.get("dataDisks", []))}
    found = []
    for path, disk in disks.items():
        if not 0 <= int(disk.get("diskSizeGb", 100)) <= DISK_GB_MOST:
            found.append(f"{path}.diskSizeGb: must be at most {DISK_GB_MOST}")
        if disk.get("kmsKey") and disk.get("diskEncryption") != "CMEK":
            found.append(f"{path}.kmsKey: only applies when diskEncryption is CMEK")
    return found


def _managed_euc_violations(setup: Json) -> list[str]:
    # With managed end-user credentials the VM runs as a Google service agent: it has no service
    # account, and no script of the user may run before the owner has consented.
    found = []
    if setup.get("serviceAccounts"):
        found.append("gceSetup.serviceAccounts: can't be set with enableManagedEuc")
    if "post-startup-script" in setup.get("metadata", {}):
        found.append("gceSetup.metadata.post-startup-script: can't be set with enableManagedEuc")
    return found


def mask_violations(mask: str) -> list[str]:
    """Complaints about an updateMask; paths may be in snake case or camel case."""
    if not mask:
        return ["updateMask: is required"]
    return [f"updateMask: {p} can't be updated" for p in mask_paths(mask) if p not in UPDATABLE]


def mask_paths(mask: str) -> list[str]:
    """The paths of a mask in snake case."""
    return [re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), path) for path in mask.split(",")]


def patched(instance: Json, body: Json, mask: str) -> Json:
    """A copy of `instance` with the fields of `mask` from `body`; maps are replaced, not merged."""
    result = deepcopy(instance)
    for path in mask_paths(mask):
        *parents, leaf = [_camel(part) for part in path.split(".")]
        into, source = result, body
        for parent in parents:
            into, source = into.setdefault(parent, {}), source.get(parent, {})
        if leaf in source:
            into[leaf] = deepcopy(source[leaf])
        else:
            into.pop(leaf, None)
    return result


def one_way_violations(body: Json, mask: str) -> list[str]:
    """Complaints about fields that "can only be used to disable the feature"."""
    paths = mask_paths(mask)
    found = []
    setup = body.get("gceSetup", {})
    if "gce_setup.disable_public_ip" in paths and not setup.get("disablePublicIp"):
        found.append("gceSetup.disablePublicIp: can only be set to true")
    if "disable_proxy_access" in paths and not body.get("disableProxyAccess"):
        found.append("disableProxyAccess: can only be set to true")
    return found


# Compute Engine changes these only on a stopped machine: Google's Terraform provider stops an
# instance before it patches them. It also does so for some metadata keys, but only because Jupyter
# reads them when it starts; the API accepts those at any time.
_ONLY_STOPPED = (
    "gce_setup.machine_type",
    "gce_setup.accelerator_configs",
    "gce_setup.shielded_instance_config",
)


def needs_stop(mask: str) -> bool:
    """Whether a mask has fields that can be changed only on a stopped machine."""
    return any(path.startswith(_ONLY_STOPPED) for path in mask_paths(mask))


def restore_violations(body: Json) -> list[str]:
    """The schema doesn't require the snapshot, but the method needs it."""
    return [] if "snapshot" in body else ["snapshot: is required"]


def _camel(part: str) -> str:
    return re.sub(r"_([a-z])", lambda m: m[1].upper(), part)
