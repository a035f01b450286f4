"""A person's notebook as a Notebooks v2 Instance.

It runs on its owner's own credentials (``enableManagedEuc``). Therefore no service account is
given: the machine runs as Google's service agent, which has almost no permissions.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from shared.domain.manifests.building import copied, manifest
from shared.domain.manifests.labels import labels_of
from shared.domain.manifests.site import Site
from shared.domain.names import fingerprint, key_in, resource_id
from shared.domain.people.person import Person
from shared.domain.profiles import Disk, Image, Profile, Workbench
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest

SLOT = "main"
# Differs from the length of the hash that ends a key, so that the ids of two people always differ.
_SUCCESSOR_LENGTH = 6
SUCCESSOR = f"(-[a-z2-7]{{{_SUCCESSOR_LENGTH}}})?"  # a pattern: the ending of a successor's id


def instance_id(key: str) -> str:
    """The id of the first notebook of the person of ``key``, the same in every zone."""
    return resource_id("nb", key)


def successor_id(key: str, replaced: str, generation: int, at: datetime) -> str:
    """The id of the successor of ``replaced`` (a full name), decided on at ``at``.

    No notebook has or had this id, even if the record of earlier replacements was lost: otherwise
    the data of the replaced notebook could overwrite the work in another one.
    """
    ending = fingerprint(f"{replaced} {generation} {at.isoformat()}", length=_SUCCESSOR_LENGTH)
    return f"{instance_id(key)}-{ending}"


def is_instance_id(name: str, key: str) -> bool:
    """Whether ``name`` can be the id of a notebook of the person of ``key``, of any generation."""
    first = instance_id(key)
    return name.startswith(first) and re.fullmatch(SUCCESSOR, name[len(first) :]) is not None


def key_of_instance(name: str) -> str:
    """The key of the person for whom ``name`` is the id of a notebook; '' if it is not ours."""
    key = key_in(name)
    return key if key and is_instance_id(name, key) else ""


def named_as(manifest: Manifest, name: str) -> Manifest:
    """``manifest`` with the id from ``name`` (a full name) in every place.

    A successor has an id of its own, and keeps it in whichever zone it is created.
    """
    own_id = name.rpartition("/")[2]
    places = tuple(f"{place.rpartition('/')[0]}/{own_id}" for place in manifest.places)
    return replace(manifest, places=places)


def workbench_manifest(
    profile: Profile, workbench: Workbench, person: Person, key: str, site: Site
) -> Manifest:
    """The manifest of ``person``'s notebook; its places are in the order of the profile's zones."""
    places = tuple(
        f"projects/{site.project}/locations/{zone}/instances/{instance_id(key)}"
        for zone in workbench.zones
    )
    body = {
        "instanceOwners": [person.email],
        "enableManagedEuc": True,
        "labels": labels_of(profile, person, key),
        "gceSetup": _machine(profile, workbench, site),
    }
    # A stock-out concerns one machine type in a zone, not the whole zone.
    return replace(manifest(Kind.WORKBENCH, SLOT, places, body), scarce=workbench.machine_type)


def with_disk_for(manifest: Manifest, size_gb: int) -> Manifest:
    """``manifest`` with a data disk of at least ``size_gb``, to restore a snapshot of that size.

    The digest stays the same: the larger disk is no difference from the profile.
    """
    disks = manifest.body.get("gceSetup", {}).get("dataDisks")
    if not disks or int(disks[0]["diskSizeGb"]) >= size_gb:  # the older kinds have no ``dataDisks``
        return manifest
    body = copied(manifest.body)
    body["gceSetup"]["dataDisks"][0]["diskSizeGb"] = str(size_gb)
    return replace(manifest, body=body)


def _machine(profile: Profile, workbench: Workbench, site: Site) -> dict[str, Any]:
    network = profile.network
    machine: dict[str, Any] = {
        "machineType": workbench.machine_type,
        "bootDisk": _disk(workbench.boot_disk),
        "dataDisks": [_disk(workbench.data_disk)],
        "networkInterfaces": [
            {"network": site.network_path(network), "subnet": site.subnet_path(network)}
        ],
        "disablePublicIp": not network.public_ip,
        "metadata": _metadata(workbench),
        "vmImage": _image(workbench.image),
        "shieldedInstanceConfig": {
            "enableSecureBoot": workbench.secure_boot,
            "enableVtpm": True,
            "enableIntegrityMonitoring": True,
        },
    }
    if network.tags:
        machine["tags"] = list(network.tags)
    return machine


def _disk(disk: Disk) -> dict[str, str]:
    # Google's JSON has int64 as text, also in answers: text here compares equal.
    return {"diskSizeGb": str(disk.size_gb), "diskType": disk.type}


def _image(image: Image) -> dict[str, str]:
    if image.name is not None:
        return {"project": image.project, "name": image.name}
    return {"project": image.project, "family": image.family or ""}


def _metadata(workbench: Workbench) -> dict[str, str]:
    """The profile's metadata and ours. Every switch is set, because defaults differ by image."""
    metadata = dict(workbench.metadata)
    metadata["idle-timeout-seconds"] = str(workbench.idle_minutes * 60)
    metadata["notebook-disable-downloads"] = _switch(not workbench.downloads)
    # nbconvert is a second way to download: it exports a notebook as another type of file.
    metadata["notebook-disable-nbconvert"] = _switch(not workbench.downloads)
    metadata["notebook-disable-terminal"] = _switch(not workbench.terminal)
    metadata["notebook-disable-root"] = _switch(not workbench.root)
    metadata["disable-mixer"] = _switch(not workbench.spark_kernels)
    if workbench.upgrade_schedule is not None:
        metadata["notebook-upgrade-schedule"] = workbench.upgrade_schedule
    return metadata


def _switch(on: bool) -> str:
    return "true" if on else "false"
