"""How a notebook differs from what its profile asks for, and what corrects that.

Pure: the wanted body of ``wants/workbench.py`` beside the instance as the API shows it. Only what
the want names is compared, for Google fills in the rest. The image is left out: an upgrade replaces
it, rightly. It must not know how a change is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from shared.domain.person import same_address
from shared.domain.profiles.metadata import OURS as OUR_METADATA
from shared.domain.profiles.rules import OUR_LABEL_PREFIX, OUR_LABELS
from shared.domain.resources import Drift

Json = dict[str, Any]

# Google puts these on the machine itself; its own proxy and health checks go by them.
_GOOGLES_TAGS = frozenset({"deeplearning-vm", "notebook-instance"})
_MOST_SHOWN = 80  # characters of a value

# Read by Jupyter when it starts, so a change shows only after that: the keys for which Google's
# Terraform provider stops an instance before it patches it (magic-modules,
# templates/terraform/pre_update/workbench_instance.go.tmpl, restartRequiredKeys). The agents on the
# machine read the others as it runs: idle-timeout-seconds, notebook-upgrade-schedule. It stops for
# a change of Shielded VM, too.
_READ_AT_START = frozenset(
    {
        "disable-mixer",
        "enable-jupyterlab4",
        "enable-jupyterlab4-preview",
        "geminicli-disabled",
        "geminicli-tc-accepted",
        "notebook-disable-downloads",
        "notebook-disable-nbconvert",
        "notebook-disable-root",
        "notebook-disable-terminal",
    }
)


def written_by(body: Json) -> tuple[str, ...]:
    """What a wanted body puts among what others may have put there, too.

    Each as ``label KEY``, ``metadata KEY`` or ``tag NAME``: remembered, so that it can be taken
    away once no profile asks for it.
    """
    setup = _map(body, "gceSetup")
    return (
        *(f"label {key}" for key in sorted(_map(body, "labels"))),
        *(f"metadata {key}" for key in sorted(_map(setup, "metadata"))),
        *(f"tag {tag}" for tag in sorted(setup.get("tags", []))),
    )


def drift_of(body: Json, found: Json, written: Collection[str] = ()) -> Drift:
    """What differs, sorted by what it takes to change it.

    ``written``: what we have put there (``written_by``), for this profile or an earlier one.
    """
    setup, is_setup = _map(body, "gceSetup"), _map(found, "gceSetup")
    open_to_all = _opens_up(setup, is_setup)
    return Drift(
        in_place=(
            *_map_drift("label", _labels(body, found, written), _map(found, "labels")),
            *_metadata_drift(setup, is_setup, written, at_rest=False),
            *_tags_drift(setup, is_setup, written),
            *(("public IP yes -> no",) if _closes(setup, is_setup) else ()),
        ),
        at_rest=(
            *_machine_drift(setup, is_setup),
            *_metadata_drift(setup, is_setup, written, at_rest=True),
            *_shielding_drift(setup, is_setup),
        ),
        never=(
            *_network_drift(setup, is_setup),
            *_disks_drift(setup, is_setup),
            *(("public IP no -> yes",) if open_to_all else ()),
            *_credentials_drift(body, found),
            *_owner_drift(body, found),
        ),
    )


def patch_of(
    body: Json, found: Json, written: Collection[str] = (), *, at_rest: bool
) -> tuple[list[str], Json]:
    """The update mask and body of a PATCH that corrects what it can; ([], {}) if there is nothing.

    ``at_rest``: the notebook is stopped, so what only then can be changed, or shows only after a
    start, is changed too. A PATCH replaces a map whole, so each is sent as it is to be, with what
    others put there.
    """
    setup, is_setup = _map(body, "gceSetup"), _map(found, "gceSetup")
    mask: list[str] = []
    patch: Json = {}
    if (labels := _labels(body, found, written)) != _map(found, "labels"):
        mask.append("labels")
        patch["labels"] = labels
    changes: Json = {}
    metadata = _metadata(setup, is_setup, written, at_rest=at_rest)
    if metadata != _map(is_setup, "metadata"):
        changes["metadata"] = metadata
    if _tags_drift(setup, is_setup, written):
        changes["tags"] = _tags(setup, is_setup, written)
    if at_rest and _shielding_drift(setup, is_setup):
        shielding = _map(is_setup, "shieldedInstanceConfig")
        changes["shieldedInstanceConfig"] = shielding | _map(setup, "shieldedInstanceConfig")
    if _closes(setup, is_setup):
        changes["disablePublicIp"] = True
    if at_rest and _machine_drift(setup, is_setup):
        changes["machineType"] = setup["machineType"]
    if changes:
        mask += [f"gce_setup.{_MASKS[field]}" for field in changes]
        patch["gceSetup"] = changes
    return mask, patch


# The paths as the description of projects.locations.instances.patch spells them.
_MASKS = {
    "metadata": "metadata",
    "tags": "tags",
    "shieldedInstanceConfig": "shielded_instance_config",
    "disablePublicIp": "disable_public_ip",
    "machineType": "machine_type",
}


def _labels(body: Json, found: Json, written: Collection[str]) -> dict[str, str]:
    """The labels as they are to be: the wanted ones, and those that are none of ours."""
    wanted, there = _map(body, "labels"), _map(found, "labels")
    ours = {k for k in there if _is_our_label(k) or f"label {k}" in written}
    return {k: v for k, v in there.items() if k in wanted or k not in ours} | wanted


def _is_our_label(key: str) -> bool:
    return key in OUR_LABELS or key.startswith(OUR_LABEL_PREFIX)


def _metadata(
    setup: Json, is_setup: Json, written: Collection[str], *, at_rest: bool
) -> dict[str, str]:
    """The metadata to set: the wanted ones, and those that no profile has set.

    Unless ``at_rest``, what is read only at the start stays as it is until then.
    """
    there = _map(is_setup, "metadata")
    if "metadata" not in setup:
        return there
    ours = {k for k in there if k in OUR_METADATA or f"metadata {k}" in written}
    whole = {k: v for k, v in there.items() if k not in ours} | _map(setup, "metadata")
    if at_rest:
        return whole
    kept = {k: v for k, v in there.items() if k in _READ_AT_START}
    return {k: v for k, v in whole.items() if k not in _READ_AT_START} | kept


def _metadata_drift(
    setup: Json, is_setup: Json, written: Collection[str], *, at_rest: bool
) -> tuple[str, ...]:
    """What differs of those that are read at the start (``at_rest``), or of the others."""
    there = _map(is_setup, "metadata")
    begun, wanted = (_metadata(setup, is_setup, written, at_rest=rest) for rest in (False, True))
    return (
        _map_drift("metadata", wanted, begun) if at_rest else _map_drift("metadata", begun, there)
    )


def _map_drift(what: str, wanted: Mapping[str, str], there: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        _change(f"{what} {key}", there.get(key), wanted.get(key))
        for key in sorted({*wanted, *there})
        if wanted.get(key) != there.get(key)
    )


def _tags(setup: Json, is_setup: Json, written: Collection[str]) -> list[str]:
    """The network tags to set: the profile's and Google's own.

    Where the profile asks for none, those that others put there stay.
    """
    there = is_setup.get("tags", [])
    if "tags" in setup:
        return sorted({*setup["tags"], *_GOOGLES_TAGS.intersection(there)})
    return sorted(tag for tag in there if f"tag {tag}" not in written)


def _tags_drift(setup: Json, is_setup: Json, written: Collection[str]) -> tuple[str, ...]:
    there, wanted = set(is_setup.get("tags", [])), set(_tags(setup, is_setup, written))
    if there == wanted:
        return ()
    googles = _GOOGLES_TAGS.difference(setup.get("tags", []))
    before, after = (", ".join(sorted(tags - googles)) for tags in (there, wanted))
    return (_change("network tags", before, after),)


def _shielding_drift(setup: Json, is_setup: Json) -> tuple[str, ...]:
    there = _map(is_setup, "shieldedInstanceConfig")
    return tuple(
        # False is the default, and Google's JSON leaves defaults out.
        _change(f"shielded VM {field}", _yes(there.get(field)), _yes(value))
        for field, value in sorted(_map(setup, "shieldedInstanceConfig").items())
        if bool(value) is not bool(there.get(field))
    )


def _machine_drift(setup: Json, is_setup: Json) -> tuple[str, ...]:
    there = _last(is_setup.get("machineType"))
    if "machineType" not in setup or _last(setup["machineType"]) == there:
        return ()
    return (_change("machine type", there, _last(setup["machineType"])),)


def _closes(setup: Json, is_setup: Json) -> bool:
    return setup.get("disablePublicIp") is True and not is_setup.get("disablePublicIp")


def _opens_up(setup: Json, is_setup: Json) -> bool:
    return setup.get("disablePublicIp") is False and bool(is_setup.get("disablePublicIp"))


def _network_drift(setup: Json, is_setup: Json) -> tuple[str, ...]:
    wanted, there = _first(setup, "networkInterfaces"), _first(is_setup, "networkInterfaces")
    return tuple(
        _change(field, _path(there.get(field)), _path(wanted[field]))
        for field in ("network", "subnet")
        if field in wanted and _path(wanted[field]) != _path(there.get(field))
    )


def _disks_drift(setup: Json, is_setup: Json) -> tuple[str, ...]:
    pairs = {
        "boot disk": (_map(setup, "bootDisk"), _map(is_setup, "bootDisk")),
        "data disk": (_first(setup, "dataDisks"), _first(is_setup, "dataDisks")),
    }
    return tuple(
        # Sizes are int64, which is text in Google's JSON; gcloud and others write numbers.
        _change(f"{disk} {what}", str(there.get(field, "")), str(wanted[field]))
        for disk, (wanted, there) in pairs.items()
        for field, what in (("diskSizeGb", "GB"), ("diskType", "type"))
        if field in wanted and str(wanted[field]) != str(there.get(field, ""))
        if (disk, field) != ("data disk", "diskSizeGb") or not _is_larger(there, wanted)
    )


def _is_larger(there: Json, wanted: Json) -> bool:
    """Whether a disk is larger than asked for; it stays so, since its content may need it."""
    return int(there.get("diskSizeGb") or 0) > int(wanted["diskSizeGb"])


def _credentials_drift(body: Json, found: Json) -> tuple[str, ...]:
    wanted, there = body.get("enableManagedEuc"), found.get("enableManagedEuc")
    if wanted is None or bool(wanted) is bool(there):
        return ()
    return (_change("runs on its owner's credentials", _yes(there), _yes(wanted)),)


def _owner_drift(body: Json, found: Json) -> tuple[str, ...]:
    wanted, there = body.get("instanceOwners"), found.get("instanceOwners", [])
    if wanted is None:
        return ()
    same = len(wanted) == len(there) and all(map(same_address, wanted, there))
    if same:
        return ()
    return (_change("owner", ", ".join(there), ", ".join(wanted)),)


def _change(what: str, there: str | None, wanted: str | None) -> str:
    """``machine type e2-standard-4 -> n2-standard-8``."""
    return f"{what} {_shown(there)} -> {_shown(wanted)}"


def _shown(value: str | None) -> str:
    """On one line and short: it stands in records, and metadata may be a script."""
    plain = " ".join((value or "none").split())
    return plain if len(plain) <= _MOST_SHOWN else f"{plain[: _MOST_SHOWN - 1]}…"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _map(parent: Json, field: str) -> Json:
    value: Json = parent.get(field) or {}
    return value


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
