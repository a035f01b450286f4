"""Dataproc clusters: so that a cluster template can be imported and what came of it be deleted.

Nothing runs on them. It must not know HTTP routes, session templates or sessions.

Choices where Google's documents are silent:
- a cluster whose creation fails stays in state ERROR until it is deleted;
- deleting a cluster that is being changed cancels the change;
- a second delete while one is under way is a 400 FAILED_PRECONDITION;
- so is stopping what doesn't run and starting what isn't stopped; a stop or start that fails
  leaves the cluster as it was;
- a change or an injection of credentials needs a cluster that is RUNNING, with nothing under way.
"""

import uuid
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

from local.api.discovery import Discovery, refuse
from local.api.http import Incoming
from local.api.operations import Operation, Operations
from local.api.store import Collection, listing, page_size
from local.clock import timestamp
from local.cloud import Cloud
from local.dataproc import cluster_updates as updates
from local.dataproc import rules
from local.dataproc.changes import TYPE, Change, Changes, resource_name
from local.dataproc.filters import cluster_filter
from local.errors import ApiError

Json = dict[str, Any]

_COMPUTE = "https://www.googleapis.com/compute/v1/projects"
_OPERATION_TYPES = {"patch": "UPDATE", "injectCredentials": "INJECT_CREDENTIALS"}
_EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}


class Clusters:
    def __init__(self, cloud: Cloud, discovery: Discovery, operations: Operations) -> None:
        self._cloud = cloud
        self._discovery = discovery
        self._operations = operations
        self._changes = Changes(cloud, operations, "clusters")
        self._clusters = Collection()

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
        name = f"{resource_name(incoming)}/{body['clusterName']}"

        def begin(now: datetime) -> Change:
            if self._clusters.find(name) is not None:
                raise ApiError.already_exists(name)
            self._cloud.quotas.check_room("dataproc.clusters", len(self._clusters))
            cluster = _born(body, incoming.params["region"], now)
            self._clusters.add(name, cluster)
            return self._change("create", cluster, "RUNNING", "ERROR")

        return self._changes.make(
            incoming, "create", name, incoming.query.get("requestId", ""), begin
        )

    def get(self, incoming: Incoming) -> Json:
        with self._operations.settled():
            return deepcopy(self._clusters.get(resource_name(incoming)))

    def list(self, incoming: Incoming) -> Json:
        query = incoming.query
        size = page_size(query.get("pageSize"), 200, 1000)  # documented for clusters.list
        wanted = cluster_filter(query.get("filter", ""))
        prefix = resource_name(incoming) + "/"
        with self._operations.settled():
            page, token = self._clusters.page(prefix, size, query.get("pageToken", ""), wanted)
        return listing("clusters", page, token)

    def stop(self, incoming: Incoming) -> Json:
        return self._switch(incoming, "stop", "RUNNING", "STOPPING", "STOPPED")

    def start(self, incoming: Incoming) -> Json:
        return self._switch(incoming, "start", "STOPPED", "STARTING", "RUNNING")

    def _switch(self, incoming: Incoming, verb: str, before: str, during: str, after: str) -> Json:
        name, body = resource_name(incoming), incoming.json()
        self._discovery.check(f"{verb.capitalize()}ClusterRequest", body)

        def begin(now: datetime) -> Change:
            cluster = self._the_one(name, body.get("clusterUuid"))
            if rules.personal(cluster):
                raise ApiError.failed_precondition(
                    f"'{name}' has personal cluster authentication, it can't be stopped or started."
                )
            state = cluster["status"]["state"]
            if state != before:
                raise ApiError.failed_precondition(f"Can't {verb} '{name}' in state {state}.")
            _enter(cluster, during, now)
            return self._change(verb, cluster, after, before)

        return self._changes.make(incoming, verb, name, body.get("requestId") or "", begin)

    def patch(self, incoming: Incoming) -> Json:
        name, body, mask = resource_name(incoming), incoming.json(), incoming.query["updateMask"]
        self._discovery.check("Cluster", body, int_enums=True, partial=True)
        body = self._discovery.normalised("Cluster", body)

        def begin(now: datetime) -> Change:
            cluster = self._the_one(name, None)
            changed = updates.updated(cluster, body, mask)
            self._check_running(name, cluster, "update")
            _enter(cluster, "UPDATING", now)

            def succeed(ended: datetime) -> Json:
                cluster.update(
                    {key: changed[key] for key in ("labels", "config") if key in changed}
                )
                return self._arrive(cluster, "RUNNING", ended)

            return self._course("update", cluster, succeed, "RUNNING")

        return self._changes.make(
            incoming, "patch", name, incoming.query.get("requestId", ""), begin
        )

    def inject_credentials(self, incoming: Incoming) -> Json:
        """Accept encrypted credentials of a personal-auth cluster's owner; they can't be read."""
        name, body = resource_name(incoming), incoming.json()
        self._discovery.check("InjectCredentialsRequest", body)

        def begin(_: datetime) -> Change:
            cluster = self._the_one(name, None)
            if not rules.personal(cluster):
                raise ApiError.failed_precondition(f"'{name}' is not a personal-auth cluster.")
            self._check_running(name, cluster, "inject credentials into")
            refuse(updates.injection_violations(cluster, body))
            return Change(
                self._cloud.operation_time("update"),
                lambda _: dict(_EMPTY),
                lambda _ended, _why: None,
                describe=lambda operation: _metadata(operation, cluster),
            )

        return self._changes.make(incoming, "injectCredentials", name, "", begin)

    def delete(self, incoming: Incoming) -> Json:
        name = resource_name(incoming)

        def begin(now: datetime) -> Change:
            cluster = self._the_one(name, incoming.query.get("clusterUuid"))
            self._make_way(name)
            before = cluster["status"]["state"]
            _enter(cluster, "DELETING", now)

            def succeed(_: datetime) -> Json:
                self._clusters.remove(name)
                return dict(_EMPTY)

            return Change(
                self._cloud.operation_time("delete"),
                succeed,
                lambda ended, _: _enter(cluster, before, ended),
                describe=lambda operation: _metadata(operation, cluster),
            )

        return self._changes.make(
            incoming, "delete", name, incoming.query.get("requestId", ""), begin
        )

    def _the_one(self, name: str, wanted: str | None) -> Json:
        """The cluster of that name; a 404 also where the caller means another by its uuid."""
        cluster = self._clusters.get(name)
        if wanted and wanted != cluster["clusterUuid"]:
            raise ApiError.not_found(name)
        return cluster

    def _make_way(self, name: str) -> None:
        busy = self._operations.busy_with(name)
        if busy is not None and busy.verb == "delete":
            raise ApiError.failed_precondition(f"'{name}' is being deleted already.")
        if busy is not None:
            self._operations.cancel(busy.name)

    def _check_running(self, name: str, cluster: Json, verb: str) -> None:
        """Raise 400 unless the cluster runs and has no operation under way."""
        state = cluster["status"]["state"]
        if state != "RUNNING" or self._operations.busy_with(name) is not None:
            raise ApiError.failed_precondition(f"Can't {verb} '{name}' in state {state}.")

    def _change(self, verb: str, cluster: Json, after: str, otherwise: str) -> Change:
        """A change that ends in state `after`, or in `otherwise` when it fails."""
        return self._course(
            verb, cluster, lambda ended: self._arrive(cluster, after, ended), otherwise
        )

    def _arrive(self, cluster: Json, state: str, ended: datetime) -> Json:
        if state == "RUNNING" and "config" in cluster:
            cluster["config"] = updates.with_master(cluster, rules.personal(cluster))
        _enter(cluster, state, ended)
        return {"@type": TYPE + "Cluster", **deepcopy(cluster)}

    def _course(
        self, verb: str, cluster: Json, succeed: Callable[[datetime], Json], otherwise: str
    ) -> Change:
        return Change(
            self._cloud.operation_time(verb),
            succeed,
            lambda ended, why: _enter(cluster, otherwise, ended, why),
            describe=lambda operation: _metadata(operation, cluster),
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


def _enter(cluster: Json, state: str, now: datetime, detail: str = "") -> None:
    if "status" in cluster:
        cluster.setdefault("statusHistory", []).append(cluster["status"])
    cluster["status"] = {"state": state, "stateStartTime": timestamp(now)}
    if detail:
        cluster["status"]["detail"] = detail


def _metadata(operation: Operation, cluster: Json) -> Json:
    """google.cloud.dataproc.v1.ClusterOperationMetadata."""
    begun = {"state": "RUNNING", "stateStartTime": timestamp(operation.begun)}
    metadata: Json = {
        "@type": TYPE + "ClusterOperationMetadata",
        "clusterName": cluster["clusterName"],
        "clusterUuid": cluster["clusterUuid"],
        "operationType": _OPERATION_TYPES.get(operation.verb, operation.verb.upper()),
        "description": f"{operation.verb.capitalize()} cluster",
        "status": begun,
    }
    if operation.done:
        metadata["status"] = {"state": "DONE", "stateStartTime": timestamp(operation.ends)}
        metadata["statusHistory"] = [begun]
    return metadata
