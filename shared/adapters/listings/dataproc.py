"""The listings of session templates, sessions and clusters, with Google's clients for Dataproc."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.adapters.dataproc import clusters, sessions
from shared.adapters.dataproc.session_templates import template_fingerprint
from shared.adapters.google_api.fault_table import translated
from shared.adapters.google_api.pagination import first_page
from shared.adapters.google_api.timestamps import parsed_time
from shared.adapters.listings.facts import in_project, key_of, only_ours
from shared.domain.manifests.labels import PERSON, is_ours
from shared.domain.manifests.session_template import key_of_template
from shared.domain.manifests.site import Site
from shared.domain.manifests.workloads import clusters_of
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.listed import Listed
from shared.ports import Page

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import (
        Cluster,
        ClusterControllerClient,
        Session,
        SessionControllerClient,
        SessionTemplateControllerClient,
    )


class SessionTemplateListing:
    """All session templates of the region: one that lost its labels is found by its name."""

    kind = Kind.SESSION_TEMPLATE

    def __init__(
        self,
        client: Callable[[], SessionTemplateControllerClient],
        site: Site,
        page_size: int,
        seconds: float,
    ) -> None:
        self._make_client = client
        self._site = site
        self._page_size = page_size
        self._seconds = seconds

    @cached_property
    def _client(self) -> SessionTemplateControllerClient:
        return self._make_client()

    def page(self, after: str) -> Page[Listed]:
        """See ``facts.Listing``."""
        from google.cloud.dataproc_v1 import ListSessionTemplatesRequest

        request = ListSessionTemplatesRequest(
            parent=f"projects/{self._site.project}/locations/{self._site.region}",
            page_size=self._page_size,
            page_token=after,
        )
        with translated(changes=False):
            found = first_page(
                self._client.list_session_templates(request, retry=None, timeout=self._seconds)
            )
        # The protocol buffers themselves: reading them is several times as fast.
        page = type(found).pb(found)
        items = tuple(page.session_templates)
        return only_ours(Page(items=items, next=page.next_page_token), self._listed)

    def _listed(self, template: Any) -> Listed | None:
        name = in_project(template.name, self._site.project)
        labels = dict(template.labels)
        key = key_of(labels, key_of_template(name.rpartition("/")[2]))
        if not key:
            return None
        has_time = template.HasField("create_time")
        return Listed(
            kind=self.kind,
            name=name,
            key=key,
            labelled=is_ours(labels, key),
            state=State.READY,
            fingerprint=template_fingerprint(template),
            created_at=template.create_time.ToDatetime(tzinfo=UTC) if has_time else None,
        )


class SessionListing:
    """The sessions that have not ended: those with our labels, or started from our templates.

    Ended ones are left out by the filter, since they are listed for a long time.
    """

    kind = Kind.SESSION

    def __init__(
        self,
        client: Callable[[], SessionControllerClient],
        site: Site,
        page_size: int,
        seconds: float,
    ) -> None:
        self._make_client = client
        self._site = site
        self._page_size = page_size
        self._seconds = seconds

    @cached_property
    def _client(self) -> SessionControllerClient:
        return self._make_client()

    def page(self, after: str) -> Page[Listed]:
        """See ``facts.Listing``."""
        from google.cloud.dataproc_v1 import ListSessionsRequest

        ended = sessions.SessionDriver.ended_states
        request = ListSessionsRequest(
            parent=f"projects/{self._site.project}/locations/{self._site.region}",
            filter=" AND ".join(f"state != {state}" for state in ended),
            page_size=self._page_size,
            page_token=after,
        )
        with translated(changes=False):
            found = first_page(
                self._client.list_sessions(request, retry=None, timeout=self._seconds)
            )
        page = Page(items=tuple(found.sessions), next=found.next_page_token)
        return only_ours(page, self._listed)

    def _listed(self, session: Session) -> Listed | None:
        labels = dict(session.labels)
        key = key_of(labels, key_of_template(session.session_template.rpartition("/")[2]))
        state = sessions.SessionDriver.state_of(session.state.name)
        if not key or state is State.ABSENT:
            return None
        return Listed(
            kind=self.kind,
            name=in_project(session.name, self._site.project),
            key=key,
            labelled=is_ours(labels, key),
            owner=sessions.owner_of(session).lower(),
            state=state,
            created_at=parsed_time(session.create_time),
        )


class ClusterListing:
    """The clusters that have our label for a person: nothing else shows that one is ours."""

    kind = Kind.CLUSTER

    def __init__(
        self,
        client: Callable[[], ClusterControllerClient],
        site: Site,
        page_size: int,
        seconds: float,
    ) -> None:
        self._make_client = client
        self._site = site
        self._page_size = page_size
        self._seconds = seconds

    @cached_property
    def _client(self) -> ClusterControllerClient:
        return self._make_client()

    def page(self, after: str) -> Page[Listed]:
        """See ``facts.Listing``."""
        from google.cloud.dataproc_v1 import ListClustersRequest

        request = ListClustersRequest(
            project_id=self._site.project,
            region=self._site.region,
            filter=f"labels.{PERSON} = *",
            page_size=self._page_size,
            page_token=after,
        )
        with translated(changes=False):
            found = first_page(
                self._client.list_clusters(request, retry=None, timeout=self._seconds)
            )
        page = Page(items=tuple(found.clusters), next=found.next_page_token)
        return only_ours(page, self._listed)

    def _listed(self, cluster: Cluster) -> Listed | None:
        labels = dict(cluster.labels)
        key = key_of(labels, named="")
        if not key:
            return None
        return Listed(
            kind=self.kind,
            name=f"{clusters_of(self._site)}/{cluster.cluster_name}",
            key=key,
            labelled=is_ours(labels, key),
            owner=clusters.user_of(cluster).lower(),
            state=clusters.ClusterDriver.state_of(cluster.status.state.name),
            created_at=clusters.created_at(cluster),
        )
