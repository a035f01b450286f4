"""Tells what is wrong with a directory of profiles before anybody joins.

    make check-profiles PROFILES=infra/profiles REGION=us-central1

Reads the directory as production would, holds every master against Google's own description of its
API, and if all is well every body that would be made for a sample person. Prints every problem with
its place and exits 1, or one line a profile, after what to be warned of, and exits 0. The region is
that of the deployment: ``--region``, else the setting ``REGION``, else the setting's default.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.api.discovery import Discovery
from shared.adapters.profiles.directory import read_directory
from shared.adapters.profiles.last_good import Files
from shared.domain.manifests import Site, manifests_of
from shared.domain.names import person_key
from shared.domain.people.person import Person
from shared.domain.profiles import Profile, ProfileSet, ProfilesInvalid
from shared.domain.profiles.located import Problems
from shared.domain.profiles.parse import FILE, MASTERS, parse_profiles
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest
from shared.settings import DEFAULT_REGION, REGION_FORM

_SCHEMAS = {
    Kind.WORKBENCH: ("notebooks", "v2", "Instance"),
    Kind.SESSION_TEMPLATE: ("dataproc", "v1", "SessionTemplate"),
    Kind.CLUSTER_TEMPLATE: ("dataproc", "v1", "Cluster"),
    Kind.MANAGED_NOTEBOOK: ("notebooks", "v1", "Runtime"),
    Kind.DATAPROC_HUB: ("notebooks", "v1", "Instance"),
}
_SAMPLE = Person(
    email="sam.sample@example.com", cost_center="CC-1000", team="Data Platform", groups=()
)


def main(arguments: Sequence[str]) -> int:
    """Check the directory named in ``arguments``; the exit code."""
    parser = argparse.ArgumentParser(prog="check_profiles", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--region", help="where the site is; zones and subnets elsewhere are wrong")
    options = parser.parse_args(arguments)
    try:
        region = asked_region(options.region)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    try:
        profiles = load(options.directory, region)
    except ProfilesInvalid as invalid:
        return _failed(invalid.messages, region)
    site = _sample_site(region)
    problems = violations(profiles, site)
    if problems:
        return _failed(problems, region)
    for warning in profiles.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for name in profiles.names:
        print(_summary(_found(profiles, name), name == profiles.default.name, site))
    return 0


def asked_region(option: str | None) -> str:
    """The region to check for: ``option``, else the setting ``REGION``; ``ValueError`` if wrong."""
    region = option or os.environ.get("REGION", "").strip() or DEFAULT_REGION
    if not re.fullmatch(REGION_FORM, region):
        raise ValueError(f"REGION is {region!r}; it should be a region such as {DEFAULT_REGION}")
    return region


def load(directory: Path, region: str | None = None) -> ProfileSet:
    """The profiles of ``directory``; raises ``ProfilesInvalid``, also when there are none."""
    return parsed(read_directory(directory), directory, region)


def parsed(files: Files, directory: Path, region: str | None = None) -> ProfileSet:
    """The profiles in ``files``, which were read from ``directory``; raises ``ProfilesInvalid``."""
    if FILE not in files:
        what = (
            f"there is none in {directory}" if directory.is_dir() else f"no directory {directory}"
        )
        raise ProfilesInvalid([f"{FILE}: {what}; PROFILES= names the directory of the profiles"])
    masters = {name.removeprefix(MASTERS): data for name, data in files.items() if name != FILE}
    return parse_profiles(files[FILE], masters, region=region, check_master=_check_against_schema)


def all_problems(files: Files, directory: Path, region: str) -> tuple[str, ...]:
    """Everything that is wrong with ``files``, in the set itself or in a body made of it."""
    try:
        profiles = parsed(files, directory, region)
    except ProfilesInvalid as invalid:
        return invalid.messages
    return tuple(violations(profiles, _sample_site(region)))


def violations(profiles: ProfileSet, site: Site) -> list[str]:
    """Every place in which a body made of ``profiles`` is not what Google's API takes."""
    key = person_key(_SAMPLE.email)
    return [
        f"profiles.{name}: {manifest.id}: {violation}"
        for name in profiles.names
        for manifest in manifests_of(_found(profiles, name), _SAMPLE, key, site)
        for violation in _violations(manifest)
    ]


def _sample_site(region: str) -> Site:
    return Site(project="sample-project", region=region, templates_bucket="sample-templates")


def _check_against_schema(
    kind: Kind, master: dict[str, Any], path: str, problems: Problems
) -> None:
    service, version, schema = _SCHEMAS[kind]
    noted = {_field(problem.removeprefix(f"{path}: ")) for problem in problems}
    # Partial: what is required and missing here is set for each person.
    for violation in Discovery(service, version).violations(schema, master, partial=True):
        if _field(violation) not in noted:
            problems.add(path, violation)


def _field(message: str) -> str:
    """The field of a master that a message begins with, ``a['b']`` and ``a.b`` alike."""
    return re.sub(r"\['([^']*)'\]", r".\1", message.partition(": ")[0])


def _violations(manifest: Manifest) -> list[str]:
    service, version, schema = _SCHEMAS[manifest.kind]
    body: dict[str, Any] = dict(manifest.body)
    if manifest.kind is Kind.CLUSTER_TEMPLATE:  # gcloud adds these two when it imports the template
        body |= {"projectId": "sample-project", "clusterName": "sample"}
    return Discovery(service, version).violations(schema, body)


def _found(profiles: ProfileSet, name: str) -> Profile:
    profile = profiles.profile(name)
    assert profile is not None, "the set names only profiles it has"
    return profile


def _summary(profile: Profile, is_default: bool, site: Site) -> str:
    ids = [
        manifest.id for manifest in manifests_of(profile, _SAMPLE, person_key(_SAMPLE.email), site)
    ]
    grace = f"grace {profile.grace_seconds / 86400:g}d"
    return f"{profile.name}{' (default)' if is_default else ''}: {', '.join(ids)}; {grace}"


def report(problems: Sequence[str], region: str) -> str:
    """``problems``, a line each, and a last line that counts them."""
    count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
    return "\n".join([*problems, f"{count}; checked for region {region} (REGION= names another)"])


def _failed(problems: Sequence[str], region: str) -> int:
    print(report(problems, region), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
