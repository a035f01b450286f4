"""Dataproc clusters, as cluster templates create them. Nothing runs on them.

It must not know HTTP routes, session templates or sessions.

Where Google's documents say nothing:
- a cluster whose creation fails stays in state ERROR until it is deleted;
- deleting a cluster during a change cancels the change;
- deleting a cluster that is being deleted is a 400 FAILED_PRECONDITION;
- so is stopping a cluster that doesn't run or starting one that isn't stopped; a stop or start that
  fails leaves the cluster as it was;
- updates and injections of credentials need a RUNNING cluster without an unfinished operation.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

from local.api.discovery import Discovery, refuse
from local.api.http import Incoming
from local.api.operations import Operations
from local.api.store import Collection, listing, page_size
from local.cloud import Cloud
from local.dataproc import cluster_states as states
from local.dataproc import cluster_updates as updates
from local.dataproc import rules
from local.dataproc.changes import TYPE, Change, Changes, resource_name
from local.dataproc.filters import cluster_filter
from local.errors import ApiError

Json = dict[str, Any]

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
            cluster = states.new_cluster(body, incoming.params["region"], now)
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
        return self._change_state(incoming, "stop", "RUNNING", "STOPPING", "STOPPED")

    def start(self, incoming: Incoming) -> Json:
        return self._change_state(incoming, "start", "STOPPED", "STARTING", "RUNNING")

    def _change_state(
        self, incoming: Incoming, verb: str, before: str, during: str, after: str
    ) -> Json:
        name, body = resource_name(incoming), incoming.json()
        self._discovery.check(f"{verb.capitalize()}ClusterRequest", body)

        def begin(now: datetime) -> Change:
            cluster = self._find(name, body.get("clusterUuid"))
            if rules.personal(cluster):
                raise ApiError.failed_precondition(
                    f"'{name}' has personal cluster authentication, it can't be stopped or started."
                )
            state = cluster["status"]["state"]
            if state != before:
                raise ApiError.failed_precondition(f"Can't {verb} '{name}' in state {state}.")
            states.enter(cluster, during, now)
            return self._change(verb, cluster, after, before)

        return self._changes.make(incoming, verb, name, body.get("requestId") or "", begin)

    def patch(self, incoming: Incoming) -> Json:
        name, body, mask = resource_name(incoming), incoming.json(), incoming.query["updateMask"]
        self._discovery.check("Cluster", body, int_enums=True, partial=True)
        body = self._discovery.normalised("Cluster", body)

        def begin(now: datetime) -> Change:
            cluster = self._find(name, None)
            changed = updates.updated(cluster, body, mask)
            self._check_running(name, cluster, "update")
            states.enter(cluster, "UPDATING", now)

            def succeed(ended: datetime) -> Json:
                cluster.update(
                    {key: changed[key] for key in ("labels", "config") if key in changed}
                )
                return self._finish(cluster, "RUNNING", ended)

            return self._change_with("update", cluster, succeed, "RUNNING")

        return self._changes.make(
            incoming, "patch", name, incoming.query.get("requestId", ""), begin
        )

    def inject_credentials(self, incoming: Incoming) -> Json:
        """Accept encrypted credentials of a personal-auth cluster's owner; they are not stored."""
        name, body = resource_name(incoming), incoming.json()
        self._discovery.check("InjectCredentialsRequest", body)

        def begin(_: datetime) -> Change:
            cluster = self._find(name, None)
            if not rules.personal(cluster):
                raise ApiError.failed_precondition(f"'{name}' is not a personal-auth cluster.")
            self._check_running(name, cluster, "inject credentials into")
            refuse(updates.injection_violations(cluster, body))
            return Change(
                self._cloud.operation_time("update"),
                lambda _: dict(_EMPTY),
                lambda _ended, _why: None,
                describe=lambda operation: states.operation_metadata(operation, cluster),
            )

        return self._changes.make(incoming, "injectCredentials", name, "", begin)

    def delete(self, incoming: Incoming) -> Json:
        name = resource_name(incoming)

        def begin(now: datetime) -> Change:
            cluster = self._find(name, incoming.query.get("clusterUuid"))
            self._cancel_pending_change(name)
            before = cluster["status"]["state"]
            states.enter(cluster, "DELETING", now)

            def succeed(_: datetime) -> Json:
                self._clusters.remove(name)
                return dict(_EMPTY)

            return Change(
                self._cloud.operation_time("delete"),
                succeed,
                lambda ended, _: states.enter(cluster, before, ended),
                describe=lambda operation: states.operation_metadata(operation, cluster),
            )

        return self._changes.make(
            incoming, "delete", name, incoming.query.get("requestId", ""), begin
        )

    def _find(self, name: str, expected_uuid: str | None) -> Json:
        """The cluster of that name; 404 if there is none, or if it has another uuid."""
        cluster = self._clusters.get(name)
        if expected_uuid and expected_uuid != cluster["clusterUuid"]:
            raise ApiError.not_found(name)
        return cluster

    def _cancel_pending_change(self, name: str) -> None:
        busy = self._operations.busy_with(name)
        if busy is not None and busy.verb == "delete":
            raise ApiError.failed_precondition(f"'{name}' is being deleted already.")
        if busy is not None:
            self._operations.cancel(busy.name)

    def _check_running(self, name: str, cluster: Json, verb: str) -> None:
        """400 unless the cluster is RUNNING and has no unfinished operation."""
        state = cluster["status"]["state"]
        if state != "RUNNING" or self._operations.busy_with(name) is not None:
            raise ApiError.failed_precondition(f"Can't {verb} '{name}' in state {state}.")

    def _change(self, verb: str, cluster: Json, after: str, on_failure: str) -> Change:
        """A change that ends in state `after`, or in `on_failure` if it fails."""
        return self._change_with(
            verb, cluster, lambda ended: self._finish(cluster, after, ended), on_failure
        )

    def _finish(self, cluster: Json, state: str, ended: datetime) -> Json:
        if state == "RUNNING" and "config" in cluster:
            cluster["config"] = updates.with_master(cluster, rules.personal(cluster))
        states.enter(cluster, state, ended)
        return {"@type": TYPE + "Cluster", **deepcopy(cluster)}

    def _change_with(
        self, verb: str, cluster: Json, succeed: Callable[[datetime], Json], on_failure: str
    ) -> Change:
        return Change(
            self._cloud.operation_time(verb),
            succeed,
            lambda ended, why: states.enter(cluster, on_failure, ended, why),
            describe=lambda operation: states.operation_metadata(operation, cluster),
        )
