"""A valid profiles.yaml, changes of it, and what reading it gives or says."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shared.domain.profiles import ProfileSet, ProfilesInvalid
from shared.domain.profiles.parse import parse_profiles

MASTERS = {"session.yaml": b"runtimeConfig: {version: '2.3'}", "cluster.yaml": b"config: {}"}

GOOD = """\
version: 1
default: analyst
groups:
  - {group: Engineers@example.com, profile: engineer}
  - {group: analysts@example.com, profile: analyst}
profiles:
  analyst:
    grace: 12h
    workbench:
      zones: [us-central1-a, us-central1-b]
      machine_type: e2-standard-4
      idle_minutes: 60
  engineer:
    grace: 14d
    session_templates: [{name: spark, master: session.yaml}]
    cluster_templates: [{name: small, master: cluster.yaml}]
"""


def parsed(text: str = GOOD, masters: Mapping[str, bytes] = MASTERS) -> ProfileSet:
    """The profiles of a valid text."""
    return parse_profiles(text.encode(), masters)


def messages(
    text: str, masters: Mapping[str, bytes] = MASTERS, region: str | None = None
) -> tuple[str, ...]:
    """The faults that are named when an invalid text is read."""
    with pytest.raises(ProfilesInvalid) as caught:
        parse_profiles(text.encode(), masters, region=region)
    return caught.value.messages


def changed(old: str, new: str) -> str:
    """``GOOD`` with ``new`` in the place of ``old``."""
    assert old in GOOD
    return GOOD.replace(old, new)
