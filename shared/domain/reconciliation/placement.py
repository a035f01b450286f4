"""Chooses the zone for a new notebook: the next of the profile's that may have capacity. Pure."""

from __future__ import annotations

from collections.abc import Collection

from shared.domain.faults import Disposition, Problem
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Resource


def zone_of(name: str) -> str:
    """The location in a full resource name, or '' if it has none."""
    _, _, rest = name.partition("/locations/")
    return rest.partition("/")[0]


def capacity_key(place: str, manifest: Manifest) -> str:
    """The key of a shortage, ``zone/machine-type``; '' if ``place`` can't run out of anything."""
    zone = zone_of(place)
    return f"{zone}/{manifest.scarce}" if zone and manifest.scarce else ""


def next_place(resource: Resource, manifest: Manifest, shortages: Collection[str]) -> str:
    """The place to try next; '' if none has capacity, as this creation or another one found out.

    Zones that have capacity according to Google come first.
    """
    left = [
        p
        for p in manifest.places
        if p not in resource.creation.tried and capacity_key(p, manifest) not in shortages
    ]
    said = resource.backoff.problem.elsewhere if resource.backoff.problem is not None else ()
    better = [p for p in left if zone_of(p) in said]
    return (better or left or [""])[0]


def no_capacity(manifest: Manifest) -> Problem:
    """The problem of a notebook for which no zone has capacity."""
    zones = ", ".join(zone_of(p) or p for p in manifest.places)
    return Problem(
        code="STOCK_OUT",
        message=f"no zone of the profile has {manifest.scarce or 'capacity'} available now "
        f"({zones}). It is tried again later; if this lasts, add zones to the profile, or choose "
        "another machine type.",
        disposition=Disposition.STOCK_OUT,
    )
