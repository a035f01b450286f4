"""Where to make a notebook: the profile's zones in order, less those that lack such machines."""

from __future__ import annotations

from collections.abc import Collection

from shared.domain.faults import Fate, Problem
from shared.domain.resources import Resource, Want


def zone_of(name: str) -> str:
    """The location in a full resource name, or '' if it has none."""
    _, _, rest = name.partition("/locations/")
    return rest.partition("/")[0]


def lack(place: str, want: Want) -> str:
    """What a zone is remembered to lack, as ``zone/machine-type``; '' if nothing can run out."""
    zone = zone_of(place)
    return f"{zone}/{want.scarce}" if zone and want.scarce else ""


def place_for(resource: Resource, want: Want, shortages: Collection[str]) -> str:
    """The place to try next, or '' if every one had none left, in this round or for others.

    Where Google said which zones still have some, those come first.
    """
    left = [
        p
        for p in want.places
        if p not in resource.creation.tried and lack(p, want) not in shortages
    ]
    said = resource.backoff.problem.elsewhere if resource.backoff.problem is not None else ()
    better = [p for p in left if zone_of(p) in said]
    return (better or left or [""])[0]


def nowhere(want: Want) -> Problem:
    """Why a notebook can't be made just now."""
    zones = ", ".join(zone_of(p) or p for p in want.places)
    return Problem(
        code="STOCK_OUT",
        message=f"no zone of the profile has {want.scarce or 'room'} left just now ({zones}); "
        "tried again later. Add zones or another machine type to the profile if this stays.",
        fate=Fate.STOCK_OUT,
    )
