"""What the listings of all kinds share: whose a resource is, and what is kept of a page.

It must not know any API.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from shared.domain.manifests.labels import labelled_key
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.listed import Listed
from shared.domain.resources.observation import Observation
from shared.ports import Page

T = TypeVar("T")


class Listing(Protocol):
    """The listing of one kind; ``page`` as in ``ports.listings.Listings``."""

    kind: Kind

    def page(self, after: str) -> Page[Listed]:
        """The part of one page that is ours, in the order of the cloud."""


def only_ours(page: Page[T], read: Callable[[T], Listed | None]) -> Page[Listed]:
    """The page with what ``read`` makes of each item, without those of which it makes None."""
    found = tuple(listed for item in page.items if (listed := read(item)) is not None)
    return Page(items=found, next=page.next)


def key_of(labels: Mapping[str, str], named: str) -> str:
    """The key that our label names, else ``named``, the key in the resource's name; '' without.

    One string for all resources of a person, to save memory.
    """
    return sys.intern(labelled_key(labels) or named)


def in_project(name: str, project: str) -> str:
    """``name`` with the id of the project, as in records; Google may write its number."""
    return f"projects/{project}/{name.split('/', 2)[2]}"


def state_and_detail(seen: Observation) -> tuple[State, str]:
    """The state, and what is unusual about it; BROKEN for a state that we don't know."""
    if seen.state is None:
        return State.BROKEN, seen.problem.message if seen.problem else ""
    return seen.state, seen.detail
