"""Dataproc clusters: so that a cluster template can be imported and what came of it be deleted.

Nothing runs on them. It must not know HTTP routes or session templates.

Choices where Google's documents are silent:
- a cluster whose creation fails stays in state ERROR until it is deleted;
- deleting a cluster that is being created cancels its creation;
- a second delete while one is under way is a 400 FAILED_PRECONDITION.
"""

import uuid
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

from starlette.routing import Route

from local import dataproc_rules as rules
from local.clock import timestamp
from local.cloud import Cloud
from local.discovery import Discovery, refuse
from local.errors import ApiError
from local.operations import Operation, Operations
from local.operations_face import operation_routes
from local.store import Collection, listing, page_size, parse_filter
from local.web import Incoming

Json = dict[str, Any]

_TYPE = "type.googleapis.com/google.cloud.dataproc.v1."
_COMPUTE = "https://www.googleapis.com/compute/v1/projects"
_EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}


class Clusters:
    def __init__(self, cloud: Cloud, discovery: Discovery) -> None:
        self._cloud = cloud
        self._discovery = discovery
        self._clusters = Collection()
        self._operations = Operations(cloud.clock)

    def operation_routes(self) -> list[Route]:
        path = "/v1/projects/{project}/regions/{region}/operations"
        return operation_routes(self._cloud, "dataproc", path, self._operations)

    def resources(self) -> list[Json]:
        with self._operations.settled():
            return [
                {"kind": "dataproc.cluster", "name": name, **deepcopy(self._clusters.get(name))}
                for name in self._clusters.names()
            ]

    def create(self, incoming: Incoming) -> Json:
        body = incoming.json()
        self._discovery.check("Cluster", body, int_enums=True)
        body = self._discovery.normalised("Cluster", body)
        refuse(rules.cluster_violations(body, incoming.params["project"]))
        name = f"{_name(incoming)}/{body['clusterName']}"

        def begin(now: datetime) -> Operation:
            if self._clusters.find(name) is not None:
                raise ApiError.already_exists(name)
            self._cloud.quotas.check_room("dataproc.clusters", len(self._clusters))
            cluster = _born(body, incoming.params["region"], now)
            self._clusters.add(name, cluster)

            def succeed(ended: datetime) -> Json:
                _enter(cluster, "RUNNING", ended)
                return {"@type": _TYPE + "Cluster", **deepcopy(cluster)}

            return self._operation(
                incoming,
                "create",
                name,
                now,
                succeed,
                lambda ended: _enter(cluster, "ERROR", ended),
            )

        return self._change(incoming, "create", name, begin)

    def get(self, incoming: Incoming) -> Json:
        with self._operations.settled():
            return deepcopy(self._clusters.get(_name(incoming)))

    def list(self, incoming: Incoming) -> Json:
        query = incoming.query
        size = page_size(query.get("pageSize"), 200, 1000)  # documented for clusters.list
        wanted = parse_filter(query.get("filter", ""), frozenset({"clusterName"}))
        with self._operations.settled():
            page, token = self._clusters.page(
                _name(incoming) + "/", size, query.get("pageToken", ""), wanted
            )
        return listing("clusters", page, token)

    def delete(self, incoming: Incoming) -> Json:
        name = _name(incoming)

        def begin(now: datetime) -> Operation:
            cluster = self._clusters.get(name)
            if incoming.query.get("clusterUuid", cluster["clusterUuid"]) != cluster["clusterUuid"]:
                raise ApiError.not_found(name)
            self._make_way(name)
            before = deepcopy(cluster)
            _enter(cluster, "DELETING", now)

            def succeed(_: datetime) -> Json:
                self._clusters.remove(name)
                return dict(_EMPTY)

            return self._operation(
                incoming, "delete", name, now, succeed,
                lambda _: self._clusters.replace(name, before),
            )  # fmt: skip

        return self._change(incoming, "delete", name, begin)

    def _make_way(self, name: str) -> None:
        busy = self._operations.busy_with(name)
        if busy is not None and busy.verb == "delete":
            raise ApiError.failed_precondition(f"'{name}' is being deleted already.")
        if busy is not None:
            self._operations.cancel(busy.name)

    def _change(
        self, incoming: Incoming, verb: str, name: str, begin: Callable[[datetime], Operation]
    ) -> Json:
        """Repeat, refuse or begin a change: the one way by which an operation comes to be."""
        request_id = incoming.query.get("requestId", "")
        refuse(rules.request_id_violations(request_id))
        scope = f"{incoming.params['project']} {incoming.params['region']} {verb}"
        with self._operations.settled() as now:
            operation = self._operations.repeated(scope, request_id, name)
            if operation is None:
                operation = self._operations.begin(begin(now))
                self._operations.remember(scope, request_id, operation)
            return operation.to_json()

    def _operation(
        self,
        incoming: Incoming,
        verb: str,
        name: str,
        now: datetime,
        succeed: Callable[[datetime], Json],
        fail: Callable[[datetime], None],
    ) -> Operation:
        region = f"projects/{incoming.params['project']}/regions/{incoming.params['region']}"
        cluster = self._clusters.get(name)
        return Operation(
            name=f"{region}/operations/{uuid.uuid4()}",
            verb=verb,
            target=name,
            begun=now,
            ends=now + self._cloud.operation_time(verb),
            succeed=succeed,
            fail=fail,
            describe=lambda operation: _metadata(operation, cluster),
            error=self._cloud.operation_fault("dataproc", f"clusters.{verb}", name),
        )


def _born(body: Json, region: str, now: datetime) -> Json:
    """A new cluster, being created, with the labels Dataproc itself puts on."""
    given_id = str(uuid.uuid4())
    own_labels = {
        "goog-dataproc-cluster-name": body["clusterName"],
        "goog-dataproc-cluster-uuid": given_id,
        "goog-dataproc-location": region,
    }
    cluster = body | {"clusterUuid": given_id, "labels": body.get("labels", {}) | own_labels}
    if "config" in cluster:
        # The service chooses a zone where none is named; gcloud fails on a cluster without one.
        machine = cluster["config"].setdefault("gceClusterConfig", {})
        machine.setdefault("zoneUri", f"{_COMPUTE}/{body['projectId']}/zones/{region}-a")
    _enter(cluster, "CREATING", now)
    return cluster


def _enter(cluster: Json, state: str, now: datetime) -> None:
    if "status" in cluster:
        cluster.setdefault("statusHistory", []).append(cluster["status"])
    cluster["status"] = {"state": state, "stateStartTime": timestamp(now)}


def _metadata(operation: Operation, cluster: Json) -> Json:
    """google.cloud.dataproc.v1.ClusterOperationMetadata."""
    begun = {"state": "RUNNING", "stateStartTime": timestamp(operation.begun)}
    metadata: Json = {
        "@type": _TYPE + "ClusterOperationMetadata",
        "clusterName": cluster["clusterName"],
        "clusterUuid": cluster["clusterUuid"],
        "operationType": operation.verb.upper(),
        "description": f"{operation.verb.capitalize()} cluster",
        "status": begun,
    }
    if operation.done:
        metadata["status"] = {"state": "DONE", "stateStartTime": timestamp(operation.ends)}
        metadata["statusHistory"] = [begun]
    return metadata


def _name(incoming: Incoming) -> str:
    return incoming.path.removeprefix("/v1/")
