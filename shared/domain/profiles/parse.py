"""Reads profiles.yaml and its masters into a ``ProfileSet``, or reports all errors.

There are three checks: is it plain YAML (``strict_yaml``), does it have the right types
(``located``), do the parts fit together (``rules``, ``masters``). A value that fails one check is
skipped by the next, so that each error is reported once; all other values are still checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.profiles.located import Problems, read_as, shown
from shared.domain.profiles.masters import (
    check_cluster_master,
    check_session_master,
    readable_part,
)
from shared.domain.profiles.model import (
    Profile,
    ProfileEntry,
    ProfileSet,
    ProfilesFile,
    ProfilesInvalid,
    SparkTemplate,
    TemplateEntry,
)
from shared.domain.profiles.rules import read_span, rules, warnings_about
from shared.domain.profiles.strict_yaml import UNREADABLE, read_with_faults
from shared.domain.resources.kinds import Kind
from shared.domain.suggest import suggestion

FILE = "profiles.yaml"
MASTERS = "masters/"
MasterCheck = Callable[[Kind, dict[str, Any], str, Problems], None]
"""A check of masters; arguments: the kind, the readable part of the master, its path, problems."""


def parse_profiles(
    profiles_yaml: bytes,
    masters: Mapping[str, bytes],
    *,
    region: str | None = None,
    check_master: MasterCheck | None = None,
) -> ProfileSet:
    """The profiles of ``profiles_yaml``; ``masters`` by file name, such as ``cluster-small.yaml``.

    With ``region``, zones and subnets outside it are rejected too. Masters that no profile names
    are not read. ``check_master``: a further check of each master. Raises ``ProfilesInvalid`` with
    every error and its place.
    """
    problems = Problems()
    raw = _read(profiles_yaml, FILE, problems)
    read = _Masters(masters, region, check_master, problems)
    file = read_as(
        ProfilesFile,
        raw,
        "",
        problems,
        rules(
            region=region,
            names=_names(raw),
            session_master=read.check_session,
            cluster_master=read.check_cluster,
        ),
    )
    if raw is UNREADABLE:  # the kind of each master is not known: check only that it is YAML
        for name, data in sorted(masters.items()):
            _read(data, MASTERS + name, problems)
    if problems or file is None:
        raise ProfilesInvalid(problems)
    profiles = {name: _profile(name, entry, read) for name, entry in file.profiles.items()}
    groups = [(mapping.group, mapping.profile) for mapping in file.groups]
    return ProfileSet(profiles, file.default, groups, warnings_about(file))


def _read(data: bytes, name: str, problems: Problems) -> Any:
    value, messages = read_with_faults(data)
    problems.extend(f"{name}: {message}" for message in messages)
    return value


def _names(raw: Any) -> list[str]:
    profiles = raw.get("profiles") if isinstance(raw, dict) else None
    return list(profiles) if isinstance(profiles, dict) else []


def _profile(name: str, entry: ProfileEntry, masters: _Masters) -> Profile:
    return Profile(
        name=name,
        grace_seconds=read_span(entry.grace) or 0,
        keep_seconds=read_span(entry.keep_snapshot) or 0,
        labels=entry.labels,
        network=entry.network,
        workbench=entry.workbench,
        managed_notebook=entry.managed_notebook,
        dataproc_hub=entry.dataproc_hub,
        session_templates=masters.templates(entry.session_templates),
        cluster_templates=masters.templates(entry.cluster_templates),
    )


class _Masters:
    """The master templates; each is read and checked once, even if several profiles use it."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        region: str | None,
        further: MasterCheck | None,
        problems: Problems,
    ) -> None:
        self._files = files
        self._region = region
        self._further = further
        self._problems = problems
        self._values: dict[str, Any] = {}
        self._checked: set[tuple[str, Kind]] = set()

    def check_session(self, name: str, path: str, problems: Problems) -> None:
        """Check that there is a master of that name, and that it is a valid session template."""
        self._check(name, path, Kind.SESSION_TEMPLATE)

    def check_cluster(self, name: str, path: str, problems: Problems) -> None:
        """Check that there is a master of that name, and that it is a valid cluster."""
        self._check(name, path, Kind.CLUSTER_TEMPLATE)

    def templates(self, entries: tuple[TemplateEntry, ...]) -> tuple[SparkTemplate, ...]:
        """The templates of one profile and kind; their masters were checked and have no errors."""
        return tuple(
            SparkTemplate(
                slot=entry.name,
                master=self._values[entry.master],
                idle_seconds=entry.idle_minutes * 60,
            )
            for entry in entries
        )

    def _check(self, name: str, path: str, kind: Kind) -> None:
        if name not in self._files:
            known = suggestion(name, sorted(self._files))
            self._problems.add(path, f"there is no {shown(name)} in {MASTERS}; {known}")
            return
        if name not in self._values:
            value = _read(self._files[name], MASTERS + name, self._problems)
            self._values[name] = readable_part(value)
        value = self._values[name]
        if (name, kind) in self._checked or value is UNREADABLE:
            return
        self._checked.add((name, kind))
        check = check_session_master if kind is Kind.SESSION_TEMPLATE else check_cluster_master
        check(value, MASTERS + name, self._region, self._problems)
        if self._further is not None and isinstance(value, dict):
            self._further(kind, value, MASTERS + name, self._problems)
