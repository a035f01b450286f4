"""Where to make a notebook: the profile's zones in order, less those that lack such machines."""

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
    """What a zone is remembered to lack, as ``zone/machine-type``; '' if nothing can run out."""
    zone = zone_of(place)
    return f"{zone}/{manifest.scarce}" if zone and manifest.scarce else ""


def next_place(resource: Resource, manifest: Manifest, shortages: Collection[str]) -> str:
    """The place to try next, or '' if every one had none left, in this round or for others.

    Where Google said which zones still have some, those come first.
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
    """Why a notebook can't be made just now."""
    zones = ", ".join(zone_of(p) or p for p in manifest.places)
    return Problem(
        code="STOCK_OUT",
        message=f"no zone of the profile has {manifest.scarce or 'room'} left just now ({zones}); "
        "tried again later. Add zones or another machine type to the profile if this stays.",
        disposition=Disposition.STOCK_OUT,
    )
