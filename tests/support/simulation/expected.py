"""The people of the simulated lives, their profiles and their manifests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache

from shared.domain.manifests import manifests_of
from shared.domain.people.person import Person
from shared.domain.profiles import Profile, ProfileSet
from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources.manifest import Manifest
from tests.support.fake_cloud import Thing
from tests.support.simulation.world import MASTERS, PROFILES, SITE

EMAILS = (
    "ana@example.com",
    "ben@example.com",
    "a.na@example.com",
    "cleo@example.com",
    "dora@example.com",
    "emil@example.com",
)
FOREIGN = EMAILS[2]  # the name of their notebook may be taken
ZONES = ("us-central1-a", "us-central1-b", "us-central1-c")
COST_CENTERS = ("cc1", "cc1", "cc2")

_MORE_PROFILES = b"""
  large:
    grace: 14d
    keep_snapshot: 90d
    labels: {tier: large}
    workbench:
      zones: [us-central1-b, us-central1-c]
      machine_type: n2-standard-8
      data_disk: {size_gb: 500}
    session_templates: [{name: spark, master: session.yaml}, {name: batch, master: session.yaml}]
  trial:
    grace: 1d
    keep_snapshot: 7d
    workbench: {zones: [us-central1-c], machine_type: e2-standard-2}
    cluster_templates: [{name: small, master: cluster.yaml}]
"""


@cache
def profiles() -> ProfileSet:
    """The profiles of all simulated lives; they differ in every field of a profile."""
    return parse_profiles(PROFILES + _MORE_PROFILES, MASTERS)


def profile(name: str) -> Profile:
    """One of them."""
    found = profiles().profile(name)
    assert found is not None
    return found


def grace(name: str) -> timedelta:
    """The grace period of a profile."""
    return timedelta(seconds=profile(name).grace_seconds)


def keeps(name: str) -> bool:
    """Whether the profile asks for a snapshot before a notebook is removed."""
    return profile(name).keep_seconds > 0


@cache
def manifests(key: str, email: str, profile_name: str, cost_center: str) -> Mapping[str, Manifest]:
    """The manifests of a person, by ``kind/slot``."""
    person = Person(email=email, cost_center=cost_center or None)
    found = manifests_of(profile(profile_name), person, key, SITE)
    return {manifest.id: manifest for manifest in found}


def difference(key: str, profile_name: str, cost_center: str, notebook: Thing) -> str:
    """How a notebook differs from its manifest, in words; '' if it doesn't."""
    body = manifests(key, notebook.email, profile_name, cost_center)["workbench/main"].body
    if notebook.body["labels"] != body["labels"]:
        return f"labels {notebook.body['labels']}, not {body['labels']}"
    machine, right = (b["gceSetup"]["machineType"] for b in (notebook.body, body))
    return "" if machine == right else f"machine {machine}, not {right}"
