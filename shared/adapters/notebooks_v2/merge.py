"""The labels, metadata and tags that a notebook should have after an update.

Google, the owner and administrators may set some, too. Only those that a profile sets, or has set
before, are changed; the others are kept. It must not know how an update is sent.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from shared.domain.profiles.metadata import OURS as OUR_METADATA
from shared.domain.profiles.rules import OUR_LABEL_PREFIX, OUR_LABELS

Json = dict[str, Any]

# Google sets these on the machine; its proxy and health checks depend on them.
GOOGLES_TAGS = frozenset({"deeplearning-vm", "notebook-instance"})

# Jupyter reads these when it starts, so a change takes effect after the next start only: the keys
# for which Google's Terraform provider stops an instance before it patches it (magic-modules,
# templates/terraform/pre_update/workbench_instance.go.tmpl, restartRequiredKeys). The agents on the
# machine read the others while it runs: idle-timeout-seconds, notebook-upgrade-schedule. The
# provider stops an instance for a change of Shielded VM, too.
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


def merged_labels(body: Json, instance: Json, written: Collection[str]) -> dict[str, str]:
    """The wanted labels, and those of the instance that we have not set."""
    wanted, present = field_map(body, "labels"), field_map(instance, "labels")
    ours = {k for k in present if _is_our_label(k) or f"label {k}" in written}
    return {k: v for k, v in present.items() if k in wanted or k not in ours} | wanted


def merged_metadata(
    wanted: Json, actual: Json, written: Collection[str], *, at_rest: bool
) -> dict[str, str]:
    """The wanted metadata, and those of the instance that no profile has set.

    Unless ``at_rest``, keys that are read only at a start keep their present values.
    """
    present = field_map(actual, "metadata")
    if "metadata" not in wanted:
        return present
    ours = {k for k in present if k in OUR_METADATA or f"metadata {k}" in written}
    others = {k: v for k, v in present.items() if k not in ours}
    merged = others | field_map(wanted, "metadata")
    if at_rest:
        return merged
    kept = {k: v for k, v in present.items() if k in _READ_AT_START}
    return {k: v for k, v in merged.items() if k not in _READ_AT_START} | kept


def merged_tags(wanted: Json, actual: Json, written: Collection[str]) -> list[str]:
    """The profile's network tags and Google's own.

    Where the profile names none, tags set by others are kept.
    """
    present = actual.get("tags", [])
    if "tags" in wanted:
        return sorted({*wanted["tags"], *GOOGLES_TAGS.intersection(present)})
    return sorted(tag for tag in present if f"tag {tag}" not in written)


def field_map(parent: Json, field: str) -> Json:
    """The object in ``field`` of ``parent``; empty where there is none."""
    value: Json = parent.get(field) or {}
    return value


def _is_our_label(key: str) -> bool:
    return key in OUR_LABELS or key.startswith(OUR_LABEL_PREFIX)
