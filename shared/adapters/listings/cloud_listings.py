"""The listings of all kinds behind the port ``Listings``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shared.adapters.dataproc.workloads import SECONDS
from shared.adapters.google_api.rest import Rest
from shared.adapters.listings.compute import DiskListing, SnapshotListing
from shared.adapters.listings.dataproc import (
    ClusterListing,
    SessionListing,
    SessionTemplateListing,
)
from shared.adapters.listings.facts import Listing
from shared.adapters.listings.notebooks import NotebookListing, OlderNotebookListing
from shared.adapters.listings.storage import ClusterTemplateListing
from shared.adapters.notebooks_v1.services import NotebooksV1Service
from shared.domain.manifests.site import Site
from shared.domain.resources.kinds import Kind
from shared.domain.resources.listed import Listed
from shared.ports import Page

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import (
        ClusterControllerClient,
        SessionControllerClient,
        SessionTemplateControllerClient,
    )
    from google.cloud.storage import Client

_PAGE = 1000  # Dataproc and Cloud Storage give no more
_SMALLER_PAGE = 500  # nor do Compute Engine and Notebooks


class CloudListings:
    """The project's notebooks, snapshots and disks in all zones; Dataproc in the site's region.

    Filters are used only where they lose nothing: a notebook or template that lost its labels is
    still found by its name. ``older``: the services of the two older kinds, if these are on.
    ``page_size``: at most so many items, or fewer where the API gives no more.
    """

    def __init__(  # noqa: PLR0913  # one for each API
        self,
        *,
        site: Site,
        notebooks: Rest,
        compute: Rest,
        session_templates: Callable[[], SessionTemplateControllerClient],
        sessions: Callable[[], SessionControllerClient],
        clusters: Callable[[], ClusterControllerClient],
        storage: Callable[[], Client],
        older: Sequence[NotebooksV1Service] = (),
        page_size: int = _PAGE,
        seconds: float = SECONDS,
    ) -> None:
        project, smaller = site.project, min(page_size, _SMALLER_PAGE)
        listings: tuple[Listing, ...] = (
            NotebookListing(notebooks, project, smaller),
            SessionTemplateListing(session_templates, site, page_size, seconds),
            ClusterTemplateListing(storage, site.templates_bucket, page_size, seconds),
            SnapshotListing(compute, project, smaller),
            # After the notebooks: these are known then, so that no disk of theirs need be kept. The
            # disk of a notebook that was created meanwhile can be told by its time.
            DiskListing(compute, project, smaller),
            SessionListing(sessions, site, page_size, seconds),
            ClusterListing(clusters, site, page_size, seconds),
            *(OlderNotebookListing(service, project, smaller) for service in older),
        )
        self._listings = {listing.kind: listing for listing in listings}
        self.kinds = tuple(self._listings)

    def page(self, kind: Kind, after: str = "") -> Page[Listed]:
        """See ``ports.listings.Listings``."""
        return self._listings[kind].page(after)
