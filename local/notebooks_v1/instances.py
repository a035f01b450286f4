"""User-managed notebooks: `projects.locations.instances`, zonal, a VM in the customer's project.

Dataproc Hub is such an instance with a container image. It must not know runtimes.
"""

import re
from copy import deepcopy

from local.api.labels import label_violations
from local.iam.callers import USER_EMAIL
from local.notebooks_v1.kinds import Json, Kind, owner_violations, proxy_uri, size_violations

# "Input only" in the document; Terraform's provider doesn't read these fields back either.
_INPUT_ONLY = frozenset(
    {
        "bootDiskSizeGb",
        "bootDiskType",
        "dataDiskSizeGb",
        "dataDiskType",
        "diskEncryption",
        "instanceOwners",
        "kmsKey",
        "noRemoveDataDisk",
    }
)


class Instances(Kind):
    collection = "instances"
    schema = "Instance"
    title = "User-managed notebooks"
    resource_kind = "notebooks.instance_v1"
    deleting = "DELETED"  # the only state of the enum for a deletion
    place = re.compile(r"[a-z]+-[a-z]+[0-9]+-[a-z]")
    place_example = "us-central1-a"
    methods = (*Kind.methods, "setLabels")

    def body_violations(self, body: Json) -> list[str]:
        found = label_violations(body.get("labels", {}), "labels")
        owners: list[str] = body.get("instanceOwners", [])
        if len(owners) > 1:
            found.append("instanceOwners: supports one owner only")
        for owner in owners:
            found += owner_violations(owner, "instanceOwners")
        for field in ("bootDiskSizeGb", "dataDiskSizeGb"):
            found += size_violations(body.get(field), field)
        if "vmImage" in body and "containerImage" in body:  # a oneof of the proto
            found.append("containerImage: can't be set together with vmImage")
        if body.get("kmsKey") and body.get("diskEncryption") != "CMEK":
            found.append("kmsKey: only applicable if diskEncryption is CMEK")
        return found

    def shown(self, resource: Json) -> Json:
        return deepcopy({key: resource[key] for key in resource if key not in _INPUT_ONLY})

    def _complete(self, resource: Json) -> None:
        resource.setdefault("machineType", "n1-standard-4")
        resource["creator"] = USER_EMAIL

    def _set_running(self, resource: Json) -> None:
        if not resource.get("noProxyAccess"):
            resource["proxyUri"] = proxy_uri(resource)

    def _set_stopped(self, resource: Json) -> None:
        resource.pop("proxyUri", None)
