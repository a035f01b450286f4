"""A person's Dataproc Hub as a Notebooks v1 Instance: an older kind, no longer created by Google.

The machine runs the hub's container, which offers its owner clusters from the templates in their
own folder. The container reads its settings from the machine's metadata. Google's proxy reads
there who may open the hub; this entry is the only way to find out the owner of an existing hub.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from shared.domain.manifests.building import manifest
from shared.domain.manifests.labels import labels_of
from shared.domain.manifests.site import Site
from shared.domain.names import resource_id
from shared.domain.people.person import Person
from shared.domain.profiles import DataprocHub, Profile
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest

SLOT = "main"
OWNER = "proxy-user-mail"  # the metadata key
_CONTAINER = {"repository": "gcr.io/cloud-dataproc/dataproc-spawner", "tag": "prod"}


def hub_id(key: str) -> str:
    """The instance id of the hub of the person of ``key``, the same in every zone."""
    return resource_id("dh", key)


def dataproc_hub_manifest(
    profile: Profile, hub: DataprocHub, person: Person, key: str, site: Site
) -> Manifest:
    """The manifest of ``person``'s hub, which creates clusters from their own templates only."""
    network = profile.network
    body: dict[str, Any] = {
        "machineType": hub.machine_type,
        "containerImage": dict(_CONTAINER),
        "instanceOwners": [person.email],
        "serviceAccount": hub.service_account,
        "bootDiskSizeGb": str(hub.boot_disk.size_gb),
        "bootDiskType": hub.boot_disk.type,
        "network": site.network_path(network),
        "subnet": site.subnet_path(network),
        "noPublicIp": not network.public_ip,
        "labels": labels_of(profile, person, key),
        "metadata": _metadata(profile, hub, person, key, site),
    }
    if network.tags:
        body["tags"] = list(network.tags)
    place = f"projects/{site.project}/locations/{hub.zone}/instances/{hub_id(key)}"
    return replace(manifest(Kind.DATAPROC_HUB, SLOT, (place,), body), scarce=hub.machine_type)


def _metadata(
    profile: Profile, hub: DataprocHub, person: Person, key: str, site: Site
) -> dict[str, str]:
    return {
        "framework": "Dataproc Hub",
        "jupyterhub-host-type": "ain",
        "agent-env-file": "gs://dataproc-spawner-dist/env-agent",
        "agent-health-check-path": "/hub/health",
        "container-use-host-network": "True",
        "proxy-mode": "mail",
        OWNER: person.email,
        "dataproc-configs": f"gs://{site.templates_bucket}/people/{key}/",
        # The hub adds these letters to its own region, so clusters are created in its zone.
        "dataproc-locations-list": hub.zone.rpartition("-")[2],
        "dataproc-default-subnet": site.subnet_path(profile.network),
        "dataproc-allow-custom-clusters": "false",
    }
