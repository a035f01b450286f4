"""How a notebook differs from what its profile asks for.

Compares the wanted body (``manifests/workbench.py``) with the instance as the API shows it. Only
fields that the body names are compared, since Google fills in the rest. The image is not compared,
because an upgrade replaces it. It must not know how a change is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from shared.adapters.notebooks_v2.merge import (
    GOOGLES_TAGS,
    field_map,
    merged_labels,
    merged_metadata,
    merged_tags,
)
from shared.domain.people.person import same_address
from shared.domain.resources.manifest import Drift

Json = dict[str, Any]

_MOST_SHOWN = 80  # characters of a value


def drift_of(body: Json, instance: Json, written: Collection[str] = ()) -> Drift:
    """The differences, sorted by what it takes to change them.

    ``written``: what this program has set (``written_by``), for this profile or an earlier one.
    """
    wanted, actual = field_map(body, "gceSetup"), field_map(instance, "gceSetup")
    labels = merged_labels(body, instance, written)
    return Drift(
        in_place=(
            *_map_drift("label", labels, field_map(instance, "labels")),
            *_metadata_drift(wanted, actual, written, at_rest=False),
            *tags_drift(wanted, actual, written),
            *(("public IP yes -> no",) if closes_public_ip(wanted, actual) else ()),
        ),
        at_rest=(
            *machine_drift(wanted, actual),
            *_metadata_drift(wanted, actual, written, at_rest=True),
            *shielding_drift(wanted, actual),
        ),
        never=(
            *_network_drift(wanted, actual),
            *_disks_drift(wanted, actual),
            *(("public IP no -> yes",) if _opens_public_ip(wanted, actual) else ()),
            *_credentials_drift(body, instance),
            *_owner_drift(body, instance),
        ),
    )


def tags_drift(wanted: Json, actual: Json, written: Collection[str]) -> tuple[str, ...]:
    """The difference of the network tags, as one text; () if there is none."""
    before, after = set(actual.get("tags", [])), set(merged_tags(wanted, actual, written))
    if before == after:
        return ()
    hidden = GOOGLES_TAGS.difference(wanted.get("tags", []))
    shown = (", ".join(sorted(tags - hidden)) for tags in (before, after))
    return (_change("network tags", *shown),)


def shielding_drift(wanted: Json, actual: Json) -> tuple[str, ...]:
    """The differences of the Shielded VM options."""
    current = field_map(actual, "shieldedInstanceConfig")
    return tuple(
        # False is the default, and Google's JSON leaves defaults out.
        _change(f"shielded VM {field}", _yes(current.get(field)), _yes(value))
        for field, value in sorted(field_map(wanted, "shieldedInstanceConfig").items())
        if bool(value) is not bool(current.get(field))
    )


def machine_drift(wanted: Json, actual: Json) -> tuple[str, ...]:
    """The difference of the machine types; () if there is none."""
    current = _last(actual.get("machineType"))
    if "machineType" not in wanted or _last(wanted["machineType"]) == current:
        return ()
    return (_change("machine type", current, _last(wanted["machineType"])),)


def closes_public_ip(wanted: Json, actual: Json) -> bool:
    """Whether the notebook has a public address and should have none."""
    return wanted.get("disablePublicIp") is True and not actual.get("disablePublicIp")


def _opens_public_ip(wanted: Json, actual: Json) -> bool:
    return wanted.get("disablePublicIp") is False and bool(actual.get("disablePublicIp"))


def _metadata_drift(
    wanted: Json, actual: Json, written: Collection[str], *, at_rest: bool
) -> tuple[str, ...]:
    """The differences of keys that are read at a start only (``at_rest``), or of the others."""
    current = field_map(actual, "metadata")
    running, stopped = (
        merged_metadata(wanted, actual, written, at_rest=rest) for rest in (False, True)
    )
    if at_rest:
        return _map_drift("metadata", stopped, running)
    return _map_drift("metadata", running, current)


def _map_drift(what: str, wanted: Mapping[str, str], actual: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        _change(f"{what} {key}", actual.get(key), wanted.get(key))
        for key in sorted({*wanted, *actual})
        if wanted.get(key) != actual.get(key)
    )


def _network_drift(wanted: Json, actual: Json) -> tuple[str, ...]:
    should, current = _first(wanted, "networkInterfaces"), _first(actual, "networkInterfaces")
    return tuple(
        _change(field, _path(current.get(field)), _path(should[field]))
        for field in ("network", "subnet")
        if field in should and _path(should[field]) != _path(current.get(field))
    )


def _disks_drift(wanted: Json, actual: Json) -> tuple[str, ...]:
    pairs = {
        "boot disk": (field_map(wanted, "bootDisk"), field_map(actual, "bootDisk")),
        "data disk": (_first(wanted, "dataDisks"), _first(actual, "dataDisks")),
    }
    return tuple(
        # Sizes are int64, which is text in Google's JSON; gcloud and others write numbers.
        _change(f"{disk} {what}", str(current.get(field, "")), str(should[field]))
        for disk, (should, current) in pairs.items()
        for field, what in (("diskSizeGb", "GB"), ("diskType", "type"))
        if field in should and str(should[field]) != str(current.get(field, ""))
        if (disk, field) != ("data disk", "diskSizeGb") or not _is_larger(current, should)
    )


def _is_larger(current: Json, should: Json) -> bool:
    """Whether a disk is larger than asked for; then it is kept, its content may need the space."""
    return int(current.get("diskSizeGb") or 0) > int(should["diskSizeGb"])


def _credentials_drift(body: Json, instance: Json) -> tuple[str, ...]:
    wanted, actual = body.get("enableManagedEuc"), instance.get("enableManagedEuc")
    if wanted is None or bool(wanted) is bool(actual):
        return ()
    return (_change("runs on its owner's credentials", _yes(actual), _yes(wanted)),)


def _owner_drift(body: Json, instance: Json) -> tuple[str, ...]:
    wanted, actual = body.get("instanceOwners"), instance.get("instanceOwners", [])
    if wanted is None:
        return ()
    same = len(wanted) == len(actual) and all(map(same_address, wanted, actual))
    if same:
        return ()
    return (_change("owner", ", ".join(actual), ", ".join(wanted)),)


def _change(what: str, actual: str | None, wanted: str | None) -> str:
    """``machine type e2-standard-4 -> n2-standard-8``."""
    return f"{what} {_shown(actual)} -> {_shown(wanted)}"


def _shown(value: str | None) -> str:
    """On one line and short: it is stored in records, and a metadata value may be a script."""
    plain = " ".join((value or "none").split())
    return plain if len(plain) <= _MOST_SHOWN else f"{plain[: _MOST_SHOWN - 1]}…"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _first(parent: Json, field: str) -> Json:
    values: list[Json] = parent.get(field) or [{}]
    return values[0]


def _path(name: str | None) -> str:
    """``https://www.googleapis.com/compute/v1/projects/…`` as ``projects/…``, as we write it."""
    _, found, rest = (name or "").partition("projects/")
    return f"{found}{rest}" if found else name or ""


def _last(name: str | None) -> str:
    """``zones/us-central1-a/machineTypes/e2-standard-4`` as ``e2-standard-4``."""
    return (name or "").rpartition("/")[2]
