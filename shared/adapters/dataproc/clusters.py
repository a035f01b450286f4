"""The driver of Dataproc clusters that people started from their cluster templates.

They run on the person's own credentials (personal cluster authentication). Such a cluster can't be
stopped, so it is deleted when its person leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from shared.adapters.dataproc.workloads import (
    SECONDS,
    UNLABELLED,
    Workload,
    WorkloadDriver,
    operation_name,
)
from shared.adapters.google_api.timestamps import parsed_time
from shared.domain.manifests.cluster_template import PERSONAL_AUTH_USER
from shared.domain.manifests.labels import MANAGED_BY, MANAGER, PERSON, is_ours, other_person
from shared.domain.people.person import same_address
from shared.domain.resources.kinds import Kind
from shared.domain.resources.observation import Item

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import Cluster, ClusterControllerClient

_PAGE = 1000


class ClusterDriver(WorkloadDriver):
    """All of a person's clusters in one region; ``resource.name`` is their parent collection,
    ``projects/P/regions/R/clusters``.

    A template can be copied with its labels, so a cluster that runs on somebody else's credentials
    is never touched, whatever its labels.
    """

    kind = Kind.CLUSTER
    _ending_state = "DELETING"
    ended_states = ()  # a deleted one is not listed; a failed one still costs money

    def __init__(
        self, client: Callable[[], ClusterControllerClient], *, seconds: float = SECONDS
    ) -> None:
        super().__init__(seconds=seconds)
        self._make_client = client

    @cached_property
    def _client(self) -> ClusterControllerClient:
        return self._make_client()

    def _list(self, parent: str, key: str, email: str, *, by_owner: bool) -> list[Workload]:
        from google.cloud.dataproc_v1 import ListClustersRequest

        project, region, _ = _parts(f"{parent}/-")
        ours = f"labels.{PERSON} = {key} AND labels.{MANAGED_BY} = {MANAGER}"
        request = ListClustersRequest(
            project_id=project,
            region=region,
            filter="" if by_owner else ours,
            page_size=_PAGE,
        )
        found = self._client.list_clusters(request, retry=None, timeout=self._seconds)
        workloads = []
        for cluster in found:
            name = f"{parent}/{cluster.cluster_name}"
            item = Item(name=name, state=cluster.status.state.name, uuid=cluster.cluster_uuid)
            user = user_of(cluster)
            labels = dict(cluster.labels)
            if is_ours(labels, key):
                workloads.append(Workload(item, _foreign_reason(user, email)))
            elif by_owner and same_address(user, email):
                other = other_person(labels, key)
                workloads.append(Workload(item, UNLABELLED, other, created_at(cluster)))
        return workloads

    def _end(self, item: Item, request_id: str) -> str:
        from google.cloud.dataproc_v1 import DeleteClusterRequest

        project, region, cluster = _parts(item.name)
        request = DeleteClusterRequest(
            project_id=project,
            region=region,
            cluster_name=cluster,
            # With the UUID, a later cluster of the same name is not deleted (NOT_FOUND).
            cluster_uuid=item.uuid,
            request_id=request_id,
        )
        return operation_name(
            self._client.delete_cluster(request, retry=None, timeout=self._seconds)
        )

    def _state_name(self, name: str) -> str:
        project, region, cluster = _parts(name)
        found = self._client.get_cluster(
            project_id=project,
            region=region,
            cluster_name=cluster,
            retry=None,
            timeout=self._seconds,
        )
        return str(found.status.state.name)


def user_of(cluster: Cluster) -> str:
    """The address of the person on whose credentials the cluster runs; '' if it names none."""
    return str(cluster.config.software_config.properties.get(PERSONAL_AUTH_USER, ""))


def _foreign_reason(user: str, email: str) -> str:
    """Why a cluster belongs to somebody else; '' if it is the person's or names no user."""
    if not user or same_address(user, email):
        return ""
    return f"it runs on the credentials of {user}"


def created_at(cluster: Cluster) -> datetime | None:
    """When its first state began: a cluster has no time of creation of its own."""
    states = (cluster.status, *cluster.status_history)
    times = [parsed_time(status.state_start_time) for status in states]
    return min((moment for moment in times if moment is not None), default=None)


def _parts(name: str) -> tuple[str, str, str]:
    """The project, region and short name in the full name of a cluster."""
    _, project, _, region, _, cluster = name.split("/")
    return project, region, cluster
