"""The Protocol for listings of everything of ours in the cloud, page by page."""

from __future__ import annotations

from typing import Protocol

from shared.domain.resources.kinds import Kind
from shared.domain.resources.listed import Listed
from shared.ports import Page


class Listings(Protocol):
    """Lists all resources of ours, of all people, whatever the records say. It changes nothing.

    ``kinds``: those that there may be, in the order in which they are to be read.
    """

    kinds: tuple[Kind, ...]

    def page(self, kind: Kind, after: str = "") -> Page[Listed]:
        """The part of one page of the cloud's listing of ``kind`` that is ours, in its order.

        One remote call with a deadline. ``after``: '' for the first page, then the ``next`` of the
        page before. A page may be empty and not the last one.
        Raises ``CloudFault``. What was read so far is incomplete then, also if the code is
        ``UNREACHABLE``: the cloud left out locations that did not answer.
        """
