"""The JSON of clusters and of their operations, and changes of a cluster's state.

Pure functions. It must not know storage, requests or routes.
"""

import uuid
from datetime import datetime
from typing import Any

from local.api.operations import Operation
from local.clock import timestamp
from local.dataproc.changes import TYPE

Json = dict[str, Any]

_COMPUTE = "https://www.googleapis.com/compute/v1/projects"
_OPERATION_TYPES = {"patch": "UPDATE", "injectCredentials": "INJECT_CREDENTIALS"}


def new_cluster(body: Json, region: str, now: datetime) -> Json:
    """A new cluster in state CREATING, with Dataproc's own labels."""
    given_id = str(uuid.uuid4())
    own_labels = {
        "goog-dataproc-cluster-name": body["clusterName"],
        "goog-dataproc-cluster-uuid": given_id,
        "goog-dataproc-location": region,
    }
    cluster = body | {"clusterUuid": given_id, "labels": body.get("labels", {}) | own_labels}
    if "config" in cluster:
        # As the service does; gcloud fails on a cluster without a zone.
        machine = cluster["config"].setdefault("gceClusterConfig", {})
        machine.setdefault("zoneUri", f"{_COMPUTE}/{body['projectId']}/zones/{region}-a")
    enter(cluster, "CREATING", now)
    return cluster


def enter(cluster: Json, state: str, now: datetime, detail: str = "") -> None:
    """Set `state`; the previous status goes to the history."""
    if "status" in cluster:
        cluster.setdefault("statusHistory", []).append(cluster["status"])
    cluster["status"] = {"state": state, "stateStartTime": timestamp(now)}
    if detail:
        cluster["status"]["detail"] = detail


def operation_metadata(operation: Operation, cluster: Json) -> Json:
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
