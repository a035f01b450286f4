"""How a resource should be (manifest), and how the existing one differs from that (drift)."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.domain.resources.kinds import Kind


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as the profile asks for it.

    ``places``: its full resource name in each place where it may be created, in the order in which
    they are tried: one for each zone for a notebook, a single one for the other kinds.
    ``body``: the request body of the API (for a cluster template, the parsed YAML).
    ``digest``: changes when the body does. ``scarce``: the machine type that a zone can run out of,
    or ''.
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
    """How an existing resource differs from its manifest; each difference is a text for people.

    ``in_place``: can be changed while it runs. ``at_rest``: only while it is stopped. ``never``:
    only by a new resource; an admin has to order that (``recreate``).
    """

    in_place: tuple[str, ...] = ()
    at_rest: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def can_be_mended(self) -> bool:
        """Whether an update would remove a difference."""
        return bool(self.in_place or self.at_rest)
