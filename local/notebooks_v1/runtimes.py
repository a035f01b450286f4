"""Managed notebooks: `projects.locations.runtimes`, regional, one VM in Google's own project.

It must not know instances.
"""

import re
from copy import deepcopy

from local.api.labels import label_violations
from local.notebooks_v1.kinds import Json, Kind, owner_violations, proxy_uri, size_violations, vm_id

_LABELS = 32  # "No more than 32 labels can be associated with a cluster", says the document
_CONFIG = "virtualMachine.virtualMachineConfig"


class Runtimes(Kind):
    collection = "runtimes"
    schema = "Runtime"
    title = "Managed notebooks"
    resource_kind = "notebooks.runtime"
    deleting = "DELETING"
    place = re.compile(r"[a-z]+-[a-z]+[0-9]+")
    place_example = "us-central1"

    def body_violations(self, body: Json) -> list[str]:
        config = _config(body)
        disk = config.get("dataDisk", {}).get("initializeParams", {})
        found = label_violations(body.get("labels", {}), "labels", _LABELS)
        found += label_violations(config.get("labels", {}), f"{_CONFIG}.labels", _LABELS)
        found += size_violations(
            disk.get("diskSizeGb"), f"{_CONFIG}.dataDisk.initializeParams.diskSizeGb"
        )
        if owner := body.get("accessConfig", {}).get("runtimeOwner"):
            found += owner_violations(owner, "accessConfig.runtimeOwner")
        if "network" in config and "subnet" in config:
            found.append(f"{_CONFIG}.network: can't be set together with {_CONFIG}.subnet")
        return found

    def shown(self, resource: Json) -> Json:
        copy = deepcopy(resource)
        _config(copy).get("dataDisk", {}).pop("initializeParams", None)
        return copy

    def _complete(self, resource: Json) -> None:
        _, _, _, region, _, own_id = resource["name"].split("/")
        resource.setdefault("accessConfig", {})
        machine = resource.setdefault("virtualMachine", {})
        machine["instanceName"] = own_id
        config = machine.setdefault("virtualMachineConfig", {})
        config.setdefault("machineType", "n1-standard-4")
        config["zone"] = f"{region}-a"  # "On a get request, zone will always be present"

    def _set_running(self, resource: Json) -> None:
        resource["healthState"] = "HEALTHY"
        resource["accessConfig"]["proxyUri"] = proxy_uri(resource)
        resource["virtualMachine"].setdefault("instanceId", vm_id())

    def _set_stopped(self, resource: Json) -> None:
        resource.pop("healthState", None)
        resource["accessConfig"].pop("proxyUri", None)


def _config(resource: Json) -> Json:
    config: Json = resource.get("virtualMachine", {}).get("virtualMachineConfig", {})
    return config
