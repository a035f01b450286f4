"""What the types can't say: rules between one part of profiles.yaml and another.

Each function notes what it finds; none stops at the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from shared.domain.profiles.located import Problems, shown
from shared.domain.profiles.metadata import objection
from shared.domain.profiles.model import (
    DataprocHub,
    ManagedNotebook,
    Network,
    ProfileEntry,
    ProfilesFile,
    TemplateEntry,
    Workbench,
)
from shared.domain.suggest import suggestion

_SPAN = re.compile(r"(?P<count>[0-9]{1,5})(?P<unit>[hd])")
_SECONDS = {"h": 3600, "d": 86400}
_LONGEST = 3650 * 86400

_LABEL_KEY = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1035, as Dataproc asks for
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
# Dataproc takes 32 labels; five are ours.
_MOST_LABELS = 27
OUR_LABELS = frozenset({"managed-by", "cost-center", "team"})
OUR_LABEL_PREFIX = "benchkeeper-"
_GOOGLES_LABELS = frozenset(
    {"consumer-project-id", "consumer-project-number", "notebooks-product", "resource-name"}
)

# Google's pages on the end of both kinds: the release notes name the first date, the page on
# managed notebooks the second.
_OLDER = (
    "is an older kind: creation ended on 2025-01-30, and those made before were to run until "
    "2026-03-30; Google refuses a new one, so use workbench"
)


def read_span(span: str | int) -> int | None:
    """``14d`` or ``12h`` in seconds, ``0`` as it is; None for anything else."""
    if span in (0, "0"):
        return 0
    found = _SPAN.fullmatch(span) if isinstance(span, str) else None
    if found is None:
        return None
    seconds = int(found["count"]) * _SECONDS[found["unit"]]
    return seconds if seconds <= _LONGEST else None


def check_references(file: ProfilesFile, known: Iterable[str], problems: Problems) -> None:
    """The default and the groups name ``known`` profiles; no group is there twice.

    An empty default has been complained about already, as missing or as no text.
    """
    names = tuple(known)
    if file.default and file.default not in names:
        problems.add("default", _no_profile(file.default, names))
    seen: dict[str, int] = {}
    for index, mapping in enumerate(file.groups):
        path = f"groups[{index}]"
        if mapping.profile not in names:
            problems.add(f"{path}.profile", _no_profile(mapping.profile, names))
        earlier = seen.setdefault(mapping.group.casefold(), index)
        if earlier != index:
            what = f"{mapping.group} is mapped by groups[{earlier}] already, and the first wins"
            problems.add(f"{path}.group", what)


def _no_profile(name: str, known: tuple[str, ...]) -> str:
    return f"there is no profile {shown(name)}; {suggestion(name, known)}"


def check_profile(entry: ProfileEntry, path: str, region: str | None, problems: Problems) -> None:
    """Everything within one profile except its masters."""
    for name, span in (("grace", entry.grace), ("keep_snapshot", entry.keep_snapshot)):
        if read_span(span) is None:
            expected = "expected hours or days such as 12h or 14d (at most 3650d), or 0"
            problems.add(f"{path}.{name}", f"{expected}, got {shown(span)}")
    _check_labels(entry.labels, f"{path}.labels", problems)
    _check_region(entry.network, f"{path}.network", region, problems)
    if entry.workbench is not None:
        _check_workbench(entry.workbench, f"{path}.workbench", region, problems)
    if entry.managed_notebook is not None:
        _check_managed(entry.managed_notebook, f"{path}.managed_notebook", region, problems)
    if entry.dataproc_hub is not None:
        _check_hub(entry.dataproc_hub, f"{path}.dataproc_hub", region, problems)
        if not entry.cluster_templates:
            what = "needs cluster_templates: they are what it offers"
            problems.add(f"{path}.dataproc_hub", what)
    _check_slots(entry.session_templates, f"{path}.session_templates", problems)
    _check_slots(entry.cluster_templates, f"{path}.cluster_templates", problems)
    notebook = entry.workbench or entry.managed_notebook or entry.dataproc_hub
    if not (notebook or entry.session_templates or entry.cluster_templates):
        what = "asks for nothing; give it a workbench, session_templates or cluster_templates"
        problems.add(path, what)


def warnings_about(file: ProfilesFile) -> tuple[str, ...]:
    """What is valid and still won't do what it seems to: notebooks that Google makes no more."""
    return tuple(
        f"profiles.{name}.{kind} {_OLDER}"
        for name, entry in file.profiles.items()
        for kind, notebook in (
            ("managed_notebook", entry.managed_notebook),
            ("dataproc_hub", entry.dataproc_hub),
        )
        if notebook is not None
    )


def _check_labels(labels: dict[str, str], path: str, problems: Problems) -> None:
    if len(labels) > _MOST_LABELS:
        problems.add(path, f"has {len(labels)} labels; at most {_MOST_LABELS} fit beside ours")
    for key, value in labels.items():
        place = f"{path}.{key}"
        if key in OUR_LABELS or key.startswith(OUR_LABEL_PREFIX):
            problems.add(place, "is set by us on everything; choose another key")
        elif key in _GOOGLES_LABELS or key.startswith(("goog-", "notebooks-managed-")):
            problems.add(place, "is Google's own; choose another key")
        elif not _LABEL_KEY.fullmatch(key):
            what = "is not a label key: lower-case letters, digits, hyphens, a letter first, to 63"
            problems.add(place, what)
        if not _LABEL_VALUE.fullmatch(value):
            what = "expected at most 63 lower-case letters, digits, _ or -"
            problems.add(place, f"{what}, got {shown(value)}")


def _check_region(network: Network, path: str, region: str | None, problems: Problems) -> None:
    parts = network.subnet.split("/")
    if region is not None and len(parts) > 1 and parts[3] != region:
        problems.add(f"{path}.subnet", f"is in {parts[3]}, but this site is in {region}")


def _check_workbench(
    workbench: Workbench, path: str, region: str | None, problems: Problems
) -> None:
    if not workbench.zones:
        problems.add(f"{path}.zones", "is empty; name at least one zone")
    _check_repeats(workbench.zones, f"{path}.zones", problems)
    for index, zone in enumerate(workbench.zones):
        _check_zone(zone, f"{path}.zones[{index}]", region, problems)
    if (workbench.image.family is None) == (workbench.image.name is None):
        problems.add(f"{path}.image", "expected either a family or a name")
    _check_boot_disk(workbench.boot_disk.size_gb, path, problems)
    for key, value in workbench.metadata.items():
        reason = objection(key, value)
        if reason is not None:
            problems.add(f"{path}.metadata.{key}", reason)


def _check_managed(
    notebook: ManagedNotebook, path: str, region: str | None, problems: Problems
) -> None:
    if region is not None and notebook.location != region:
        what = f"{notebook.location} is not this site's region {region}, where its subnet is"
        problems.add(f"{path}.location", what)


def _check_hub(hub: DataprocHub, path: str, region: str | None, problems: Problems) -> None:
    _check_zone(hub.zone, f"{path}.zone", region, problems)
    _check_boot_disk(hub.boot_disk.size_gb, path, problems)


def _check_zone(zone: str, path: str, region: str | None, problems: Problems) -> None:
    if region is not None and zone.rpartition("-")[0] != region:
        what = f"{zone} is not in this site's region {region}, where its subnet is"
        problems.add(path, what)


def _check_boot_disk(size_gb: int, path: str, problems: Problems) -> None:
    if size_gb < 100:
        what = f"expected at least 100 (the image needs it), got {size_gb}"
        problems.add(f"{path}.boot_disk.size_gb", what)


def _check_slots(templates: tuple[TemplateEntry, ...], path: str, problems: Problems) -> None:
    _check_repeats((template.name for template in templates), path, problems, ".name")


def _check_repeats(values: Iterable[str], path: str, problems: Problems, suffix: str = "") -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            problems.add(f"{path}[{index}]{suffix}", f"{value} is there already")
        seen.add(value)
