"""The Compute disks of Workbench instances.

An instance has a boot disk with its own name and a data disk INSTANCE-data-workspace, in its zone.
It must not know operations or HTTP.
"""

from copy import deepcopy
from datetime import datetime
from typing import Any

from local.api.discovery import refuse
from local.compute import Compute
from local.compute.disks import NewDisk
from local.notebooks_v2.rules import DISK_GB_MOST

Json = dict[str, Any]


class NotebookDisks:
    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    def create(self, instance: Json, at: datetime) -> None:
        """Create both disks as in the instance's body; 409 and none if a name is in use."""
        boot, data = _paths(instance["name"])
        setup = instance["gceSetup"]
        wanted = [(boot, setup["bootDisk"]), (data, setup["dataDisks"][0])]
        self._compute.create_disks(
            [
                NewDisk(
                    path=path,
                    type=disk["diskType"].lower().replace("_", "-"),
                    size_gb=int(disk["diskSizeGb"]),
                    user=boot.replace("/disks/", "/instances/"),
                    labels=instance.get("labels", {}),
                )
                for path, disk in wanted
            ],
            at,
        )

    def delete(self, name: str, at: datetime) -> None:
        """Delete the disks of an instance; only detach those to keep."""
        self._compute.detach_disks(_paths(name), at)
        self._compute.delete_disks(_paths(name), at)

    def snapshot(self, source: Json, name: str, at: datetime) -> str:
        """The content of a RestoreInstanceRequest's snapshot, for the data disk of instance `name`.

        404, or 400 unless it is READY and fits on that disk.
        """
        path = f"projects/{source['projectId']}/global/snapshots/{source['snapshotId']}"
        return self._compute.snapshot_content(path, _paths(name)[1], at)

    def restore(self, name: str, content: str, at: datetime) -> None:
        """Replace the content of the data disk."""
        self._compute.write(_paths(name)[1], content, at)

    def enlarge(self, name: str, setup: Json, at: datetime) -> None:
        """Resize both disks to the sizes in `setup`."""
        sizes = (setup["bootDisk"], setup["dataDisks"][0])
        for path, disk in zip(_paths(name), sizes, strict=True):
            self._compute.enlarge_disk(path, int(disk["diskSizeGb"]), at)


def resized(setup: Json, body: Json) -> Json:
    """A copy of an instance's gceSetup with the sizes of a ResizeDiskRequest; 400 unless larger.

    By the document, only diskSizeGb of the body is used.
    """
    larger = deepcopy(setup)
    disks = {"bootDisk": larger["bootDisk"], "dataDisk": larger["dataDisks"][0]}
    violations = []
    for field in disks.keys() & body.keys():
        now, wanted = int(disks[field]["diskSizeGb"]), int(body[field].get("diskSizeGb", 0))
        if not now < wanted <= DISK_GB_MOST:
            violations.append(
                f"{field}.diskSizeGb: must be above {now} and at most {DISK_GB_MOST}, not {wanted}"
            )
        disks[field]["diskSizeGb"] = str(wanted)
    refuse(violations if disks.keys() & body.keys() else ["bootDisk: or dataDisk is required"])
    return larger


def _paths(name: str) -> tuple[str, str]:
    _, project, _, zone, _, instance_id = name.split("/")
    disks = f"projects/{project}/zones/{zone}/disks"
    return f"{disks}/{instance_id}", f"{disks}/{instance_id}-data-workspace"
