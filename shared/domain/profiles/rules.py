"""Rules that types can't express: about one value, or about two parts of profiles.yaml.

Each rule is applied to its own part (``located.Rules``), so it also finds its errors if there are
others elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from shared.domain.profiles import machine_types, metadata
from shared.domain.profiles.located import Problems, Rule, Rules, shown
from shared.domain.profiles.model import (
    ClusterEntry,
    DataprocHub,
    GroupMapping,
    Image,
    ManagedNotebook,
    Network,
    ProfileEntry,
    ProfilesFile,
    SessionEntry,
    Workbench,
)
from shared.domain.suggest import suggestion

_SPAN = re.compile(r"(?P<count>[0-9]{1,5})(?P<unit>[hd])")
_SECONDS = {"h": 3600, "d": 86400}
_LONGEST = 3650 * 86400

_LABEL_KEY = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1035, as Dataproc requires
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
# Dataproc accepts 32 labels; five are ours.
_MOST_LABELS = 27
OUR_LABELS = frozenset({"managed-by", "cost-center", "team"})
OUR_LABEL_PREFIX = "benchkeeper-"
_GOOGLES_LABELS = frozenset(
    {"consumer-project-id", "consumer-project-number", "notebooks-product", "resource-name"}
)
_PARTS = (
    "workbench",
    "managed_notebook",
    "dataproc_hub",
    "session_templates",
    "cluster_templates",
)

# Google's pages on the end of both kinds: the release notes name the first date, the page on
# managed notebooks the second.
_OLDER = (
    "is an older kind: creation ended on 2025-01-30, and existing ones were to run until "
    "2026-03-30; Google rejects new ones, so use workbench"
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


def rules(
    *, region: str | None, names: Collection[str], session_master: Rule, cluster_master: Rule
) -> Rules:
    """All rules. ``names``: of all profiles. The rules for masters get a master's file name.

    With ``region``, zones, locations and subnets outside it are rejected.
    """
    place = _Place(region)
    references = _References(names)
    return {
        (ProfilesFile, "default"): references.profile,
        (GroupMapping, "profile"): references.profile,
        (GroupMapping, "group"): references.group,
        (ProfileEntry, ""): _check_entry,
        (ProfileEntry, "grace"): _check_span,
        (ProfileEntry, "keep_snapshot"): _check_span,
        (ProfileEntry, "labels{}"): _check_label,
        (SessionEntry, "master"): session_master,
        (ClusterEntry, "master"): cluster_master,
        (Network, "subnet"): place.subnet,
        (Workbench, ""): _check_workbench,
        (Workbench, "zones[]"): place.zone,
        (Workbench, "machine_type"): _check_machine_type,
        (Workbench, "metadata{}"): _check_metadata,
        (Image, ""): _check_image,
        (ManagedNotebook, "location"): place.location,
        (ManagedNotebook, "machine_type"): _check_machine_type,
        (DataprocHub, ""): _check_boot_disk,
        (DataprocHub, "zone"): place.zone,
        (DataprocHub, "machine_type"): _check_machine_type,
    }


def warnings_about(file: ProfilesFile) -> tuple[str, ...]:
    """Warnings about valid profiles that can't work: kinds that Google no longer creates."""
    return tuple(
        f"profiles.{name}.{kind} {_OLDER}"
        for name, entry in file.profiles.items()
        for kind, notebook in (
            ("managed_notebook", entry.managed_notebook),
            ("dataproc_hub", entry.dataproc_hub),
        )
        if notebook is not None
    )


class _References:
    """Rules about names of profiles and groups; each group is checked once, in the file's order."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._seen: dict[str, str] = {}

    def profile(self, name: str, path: str, problems: Problems) -> None:
        """There must be a profile of that name."""
        if name not in self._names:
            what = f"there is no profile {shown(name)}; {suggestion(name, self._names)}"
            problems.add(path, what)

    def group(self, group: str, path: str, problems: Problems) -> None:
        """No group may be listed twice."""
        mapping = path.removesuffix(".group")
        earlier = self._seen.setdefault(group.casefold(), mapping)
        if earlier != mapping:
            problems.add(path, f"{group} is mapped by {earlier} already, and the first wins")


class _Place:
    """Rules about places: all must be in one region, if it is known."""

    def __init__(self, region: str | None) -> None:
        self._region = region

    def zone(self, zone: str, path: str, problems: Problems) -> None:
        """The zone must be in the region."""
        if self._is_elsewhere(zone.rpartition("-")[0]):
            what = f"{zone} is not in this site's region {self._region}, where its subnet is"
            problems.add(path, what)

    def location(self, location: str, path: str, problems: Problems) -> None:
        """The location must be the region."""
        if self._is_elsewhere(location):
            what = f"{location} is not this site's region {self._region}, where its subnet is"
            problems.add(path, what)

    def subnet(self, subnet: str, path: str, problems: Problems) -> None:
        """A subnet that is given with a region must be in this one."""
        parts = subnet.split("/")
        if len(parts) > 1 and self._is_elsewhere(parts[3]):
            problems.add(path, f"is in {parts[3]}, but this site is in {self._region}")

    def _is_elsewhere(self, region: str) -> bool:
        return self._region is not None and region != self._region


def _check_entry(entry: Mapping[str, Any], path: str, problems: Problems) -> None:
    if "dataproc_hub" in entry and not entry.get("cluster_templates"):
        problems.add(f"{path}.dataproc_hub", "needs cluster_templates: they are what it offers")
    if not any(entry.get(part, []) != [] for part in _PARTS):
        what = "asks for nothing; give it a workbench, session_templates or cluster_templates"
        problems.add(path, what)
    labels = entry.get("labels")
    if isinstance(labels, Mapping) and len(labels) > _MOST_LABELS:
        what = f"has {len(labels)} labels; at most {_MOST_LABELS} fit beside ours"
        problems.add(f"{path}.labels", what)
    for part in ("session_templates", "cluster_templates"):
        names = [
            item.get("name") if isinstance(item, Mapping) else None for item in _listed(entry, part)
        ]
        _check_repeats(names, f"{path}.{part}", problems, ".name")


def _check_span(span: str | int, path: str, problems: Problems) -> None:
    if read_span(span) is None:
        expected = "expected hours or days such as 12h or 14d (at most 3650d), or 0"
        problems.add(path, f"{expected}, got {shown(span)}")


def _check_label(label: tuple[str, str | None], path: str, problems: Problems) -> None:
    key, value = label
    if key in OUR_LABELS or key.startswith(OUR_LABEL_PREFIX):
        problems.add(path, "is set by us on everything; choose another key")
    elif key in _GOOGLES_LABELS or key.startswith(("goog-", "notebooks-managed-")):
        problems.add(path, "is reserved by Google; choose another key")
    elif not _LABEL_KEY.fullmatch(key):
        what = "is not a label key: lower-case letters, digits, hyphens, a letter first, to 63"
        problems.add(path, what)
    if value is not None and not _LABEL_VALUE.fullmatch(value):
        what = "expected at most 63 lower-case letters, digits, _ or -"
        problems.add(path, f"{what}, got {shown(value)}")


def _check_workbench(workbench: Mapping[str, Any], path: str, problems: Problems) -> None:
    if workbench.get("zones") == []:
        problems.add(f"{path}.zones", "is empty; name at least one zone")
    _check_repeats(_listed(workbench, "zones"), f"{path}.zones", problems)
    _check_boot_disk(workbench, path, problems)


def _check_machine_type(name: str, path: str, problems: Problems) -> None:
    reason = machine_types.objection(name)
    if reason is not None:
        problems.add(path, reason)


def _check_boot_disk(notebook: Mapping[str, Any], path: str, problems: Problems) -> None:
    disk = notebook.get("boot_disk")
    size = disk.get("size_gb") if isinstance(disk, Mapping) else None
    if isinstance(size, int) and 10 <= size < 100:  # the type rejects other values
        what = f"expected at least 100 (the image needs it), got {size}"
        problems.add(f"{path}.boot_disk.size_gb", what)


def _check_image(image: Mapping[str, Any], path: str, problems: Problems) -> None:
    if ("family" in image) == ("name" in image):
        problems.add(path, "expected either a family or a name")


def _check_metadata(item: tuple[str, str | None], path: str, problems: Problems) -> None:
    reason = metadata.objection(*item)
    if reason is not None:
        problems.add(path, reason)


def _listed(part: Mapping[str, Any], name: str) -> list[Any]:
    value = part.get(name)
    return value if isinstance(value, list) else []


def _check_repeats(values: Iterable[Any], path: str, problems: Problems, suffix: str = "") -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if not isinstance(value, str):
            continue
        if value in seen:
            problems.add(f"{path}[{index}]{suffix}", f"{value} is listed twice")
        seen.add(value)
