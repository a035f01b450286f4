"""The PATCH request that brings a notebook to what its profile asks for.

Notebooks v2 ``projects.locations.instances.patch``: an update mask and a partial instance. It must
not know how the request is sent.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from shared.adapters.notebooks_v2.drift import (
    closes_public_ip,
    machine_drift,
    shielding_drift,
    tags_drift,
)
from shared.adapters.notebooks_v2.merge import (
    field_map,
    merged_labels,
    merged_metadata,
    merged_tags,
)

Json = dict[str, Any]

# The paths as the method's description in the discovery document spells them.
_MASKS = {
    "metadata": "metadata",
    "tags": "tags",
    "shieldedInstanceConfig": "shielded_instance_config",
    "disablePublicIp": "disable_public_ip",
    "machineType": "machine_type",
}


def patch_of(
    body: Json, instance: Json, written: Collection[str] = (), *, at_rest: bool
) -> tuple[list[str], Json]:
    """The update mask and body of a PATCH that corrects what it can; ([], {}) if there is nothing.

    ``body``: the wanted instance. ``written``: see ``drift_of``. ``at_rest``: the notebook is
    stopped, so what can be changed only then, or takes effect only after a start, is included.
    A PATCH replaces a map as a whole, so a map is sent with the entries that others have set.
    """
    mask: list[str] = []
    patch: Json = {}
    if (labels := merged_labels(body, instance, written)) != field_map(instance, "labels"):
        mask.append("labels")
        patch["labels"] = labels
    wanted, actual = field_map(body, "gceSetup"), field_map(instance, "gceSetup")
    if changes := _setup_changes(wanted, actual, written, at_rest=at_rest):
        mask += [f"gce_setup.{_MASKS[field]}" for field in changes]
        patch["gceSetup"] = changes
    return mask, patch


def _setup_changes(wanted: Json, actual: Json, written: Collection[str], *, at_rest: bool) -> Json:
    """The fields of ``gceSetup`` to send."""
    changes: Json = {}
    metadata = merged_metadata(wanted, actual, written, at_rest=at_rest)
    if metadata != field_map(actual, "metadata"):
        changes["metadata"] = metadata
    if tags_drift(wanted, actual, written):
        changes["tags"] = merged_tags(wanted, actual, written)
    if at_rest and shielding_drift(wanted, actual):
        shielding = field_map(actual, "shieldedInstanceConfig")
        changes["shieldedInstanceConfig"] = shielding | field_map(wanted, "shieldedInstanceConfig")
    if closes_public_ip(wanted, actual):
        changes["disablePublicIp"] = True
    if at_rest and machine_drift(wanted, actual):
        changes["machineType"] = wanted["machineType"]
    return changes
