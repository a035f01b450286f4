"""The faults for calls that the API rejects for a reason that somebody must fix.

Each message names what to do. It must not make calls.
"""

from __future__ import annotations

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.resource import Resource


def name_taken(resource: Resource, fault: CloudFault) -> CloudFault:
    """The notebook does not exist, but its name is taken: a disk outlived an earlier one."""
    message = (
        f"{resource.name} can't be created, something else has its name: {fault.message} "
        "Save its data if needed, delete it, then send retry."
    )
    return CloudFault(Disposition.TEMPORARY, "NAME_TAKEN", message)


def snapshot_missing(resource: Resource) -> CloudFault:
    """The notebook exists, but the snapshot to restore does not."""
    message = f"{resource.data.restore_from} does not exist: there is nothing to restore from"
    return CloudFault(Disposition.PERMANENT, "NOT_FOUND", message)


def deletion_protected(resource: Resource, fault: CloudFault) -> CloudFault:
    """The notebook can't be deleted while its deletion protection is on."""
    by_us = "a hold protects it: release the hold first"
    by_others = (
        "somebody protected it: lift the protection in the console (Workbench), which needs the "
        "role Notebooks Admin, then send retry"
    )
    how = by_us if resource.data.protected_by_us else by_others
    message = f"{resource.name} is protected against deletion; {how}"
    return CloudFault(Disposition.PERMANENT, fault.code, message)
