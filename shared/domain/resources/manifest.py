"""One resource as the profile asks for it, and how what is there differs from it."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.domain.resources.kinds import Kind


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as the profile asks for it.

    ``name`` is the full resource name in the first place to try; ``places`` are all of them in
    order (zones for a notebook, one entry for the rest), as the same full name in each.
    ``body`` is the API-shaped request body (or, for a cluster template, the parsed YAML).
    ``digest`` changes when the body does. ``scarce``: what a place can run out of (a machine
    type), or ''.
    """

    kind: Kind
    slot: str
    places: tuple[str, ...]
    body: dict[str, Any]
    digest: str
    scarce: str = ""

    @property
    def id(self) -> str:
        """``kind/slot``: unique within one person's environment."""
        return self.kind + "/" + self.slot


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How what is there differs from what the profile asks for; each a sentence for people.

    ``in_place`` can be changed as it runs, ``at_rest`` only while it is stopped, ``never`` only by
    making it anew, which nobody but a person decides.
    """

    in_place: tuple[str, ...] = ()
    at_rest: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def can_be_mended(self) -> bool:
        """Whether an update would bring it nearer."""
        return bool(self.in_place or self.at_rest)
