"""profiles.yaml and its masters into a ``ProfileSet``, or into every reason why not.

Three questions, each asked of everything: is it plain YAML, has it our shape, do its parts agree.
What one question found wrong is left out of the next, so that one fault is one message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.profiles.located import Problems, read_as, shown
from shared.domain.profiles.masters import check_cluster_master, check_session_master
from shared.domain.profiles.model import (
    GroupMapping,
    Profile,
    ProfileEntry,
    ProfileSet,
    ProfilesFile,
    ProfilesInvalid,
    SparkTemplate,
    TemplateEntry,
)
from shared.domain.profiles.rules import (
    check_profile,
    check_references,
    read_span,
    warnings_about,
)
from shared.domain.profiles.strict_yaml import YamlRefused, read_yaml
from shared.domain.suggest import suggestion

FILE = "profiles.yaml"
MASTERS = "masters/"
_MasterCheck = Callable[[Any, str, Problems], None]


def parse_profiles(
    profiles_yaml: bytes, masters: Mapping[str, bytes], *, region: str | None = None
) -> ProfileSet:
    """The profiles of ``profiles_yaml``; ``masters`` by file name, such as ``cluster-small.yaml``.

    With ``region``, zones and subnets outside it are refused too. Masters that no profile names
    are not read. Raises ``ProfilesInvalid`` with every located message.
    """
    problems = Problems()
    raw = _read(profiles_yaml, FILE, problems)
    if problems:
        raise ProfilesInvalid(problems)
    file = read_as(ProfilesFile, raw, "", problems) or _whole_parts(raw)
    check_references(file, known=_names(raw), problems=problems)
    read = _Masters(masters, problems)
    profiles = {}
    for name, entry in file.profiles.items():
        check_profile(entry, f"profiles.{name}", region, problems)
        profiles[name] = _profile(name, entry, read)
    if problems:
        raise ProfilesInvalid(problems)
    groups = [(mapping.group, mapping.profile) for mapping in file.groups]
    return ProfileSet(profiles, file.default, groups, warnings_about(file))


def _read(data: bytes, name: str, problems: Problems) -> Any:
    try:
        return read_yaml(data)
    except YamlRefused as refused:
        problems.extend(f"{name}: {message}" for message in refused.messages)
        return None


def _names(raw: Any) -> list[str]:
    profiles = raw.get("profiles") if isinstance(raw, dict) else None
    return list(profiles) if isinstance(profiles, dict) else []


def _whole_parts(raw: Any) -> ProfilesFile:
    """Of a file with faults, the parts that have none: they may still contradict one another."""
    noted_already = Problems()
    given = raw if isinstance(raw, dict) else {}
    default, groups = given.get("default"), given.get("groups")
    entries = {
        name: read_as(ProfileEntry, given["profiles"][name], "", noted_already)
        for name in _names(raw)
    }
    mappings = [
        read_as(GroupMapping, item, "", noted_already)
        for item in (groups if isinstance(groups, list) else ())
    ]
    return ProfilesFile(
        version=1,
        default=default if isinstance(default, str) else "",
        profiles={name: entry for name, entry in entries.items() if entry is not None},
        groups=tuple(mapping for mapping in mappings if mapping is not None),
    )


def _profile(name: str, entry: ProfileEntry, masters: _Masters) -> Profile:
    path = f"profiles.{name}"
    return Profile(
        name=name,
        grace_seconds=read_span(entry.grace) or 0,
        keep_seconds=read_span(entry.keep_snapshot) or 0,
        labels=entry.labels,
        network=entry.network,
        workbench=entry.workbench,
        managed_notebook=entry.managed_notebook,
        dataproc_hub=entry.dataproc_hub,
        session_templates=masters.templates(
            entry.session_templates, f"{path}.session_templates", check_session_master
        ),
        cluster_templates=masters.templates(
            entry.cluster_templates, f"{path}.cluster_templates", check_cluster_master
        ),
    )


class _Masters:
    """The master templates, each read and checked once however many profiles use it."""

    def __init__(self, files: Mapping[str, bytes], problems: Problems) -> None:
        self._files = files
        self._problems = problems
        self._values: dict[str, Any] = {}
        self._checked: set[tuple[str, _MasterCheck]] = set()

    def templates(
        self, entries: tuple[TemplateEntry, ...], path: str, check: _MasterCheck
    ) -> tuple[SparkTemplate, ...]:
        """The templates of one profile and kind; those whose master is wrong are left out."""
        found = []
        for index, entry in enumerate(entries):
            master = self._master(entry.master, f"{path}[{index}].master", check)
            if isinstance(master, dict):
                found.append(
                    SparkTemplate(
                        slot=entry.name, master=master, idle_seconds=entry.idle_minutes * 60
                    )
                )
        return tuple(found)

    def _master(self, name: str, path: str, check: _MasterCheck) -> Any:
        data = self._files.get(name)
        if data is None:
            what = (
                f"there is no {shown(name)} in {MASTERS}; {suggestion(name, sorted(self._files))}"
            )
            self._problems.add(path, what)
            return None
        if name not in self._values:
            self._values[name] = _read(data, MASTERS + name, self._problems)
        value = self._values[name]
        if (name, check) not in self._checked and value is not None:
            self._checked.add((name, check))
            check(value, MASTERS + name, self._problems)
        return value
