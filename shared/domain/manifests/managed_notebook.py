"""A managed notebook as a Notebooks v1 Runtime: an older kind, no longer created by Google.

Single user: it runs on its owner's own credentials. The labels are on the machine, because
Google's client can't read those of the runtime itself.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from shared.domain.manifests.building import manifest
from shared.domain.manifests.labels import labels_of
from shared.domain.manifests.site import Site
from shared.domain.names import resource_id
from shared.domain.people.person import Person
from shared.domain.profiles import ManagedNotebook, Profile
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest

SLOT = "main"


def runtime_id(key: str) -> str:
    """The runtime id of the managed notebook of the person of ``key``, the same in every region."""
    return resource_id("mn", key)


def managed_notebook_manifest(
    profile: Profile, notebook: ManagedNotebook, person: Person, key: str, site: Site
) -> Manifest:
    """The manifest of ``person``'s managed notebook; Google picks a zone of the region."""
    parent = f"projects/{site.project}/locations/{notebook.location}"
    body = {
        "accessConfig": {"accessType": "SINGLE_USER", "runtimeOwner": person.email},
        "softwareConfig": {
            "idleShutdown": True,
            "idleShutdownTimeout": notebook.idle_minutes,
            "disableTerminal": not notebook.terminal,
        },
        "virtualMachine": {
            "virtualMachineConfig": _machine(profile, notebook, person, key, site),
        },
    }
    place = f"{parent}/runtimes/{runtime_id(key)}"
    made = manifest(Kind.MANAGED_NOTEBOOK, SLOT, (place,), body)
    return replace(made, scarce=notebook.machine_type)


def _machine(
    profile: Profile, notebook: ManagedNotebook, person: Person, key: str, site: Site
) -> dict[str, Any]:
    disk = notebook.data_disk
    machine: dict[str, Any] = {
        "machineType": notebook.machine_type,
        "dataDisk": {
            "initializeParams": {"diskSizeGb": str(disk.size_gb), "diskType": disk.type},
        },
        # Without ``network``: the API rejects a subnet together with a network.
        "subnet": site.subnet_path(profile.network),
        "internalIpOnly": not profile.network.public_ip,
        "labels": labels_of(profile, person, key),
    }
    if profile.network.tags:
        machine["tags"] = list(profile.network.tags)
    return machine
