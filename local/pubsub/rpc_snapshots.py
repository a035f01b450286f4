"""The gRPC methods for snapshots, which are part of the service Subscriber."""

from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # ships no types
from google.pubsub_v1 import types

from local.cloud import Cloud
from local.pubsub.broker import Broker
from local.pubsub.rpc_methods import Pb, Serve, as_json, page, proto, unary


def snapshot_handlers(cloud: Cloud, broker: Broker) -> dict[str, grpc.RpcMethodHandler]:
    """Handlers by method name, for google.pubsub.v1.Subscriber."""

    def create(request: Pb, _: grpc.ServicerContext) -> Pb:
        return proto(types.Snapshot, broker.create_snapshot(request.name, as_json(request)))

    def get(request: Pb, _: grpc.ServicerContext) -> Pb:
        return proto(types.Snapshot, broker.snapshot(request.snapshot))

    def listed(request: Pb, _: grpc.ServicerContext) -> Pb:
        found, token = broker.snapshots(request.project, *page(request))
        response = {"snapshots": found, "nextPageToken": token}
        return proto(types.ListSnapshotsResponse, response)

    def delete(request: Pb, _: grpc.ServicerContext) -> Pb:
        broker.delete_snapshot(request.snapshot)
        return empty_pb2.Empty()

    methods: dict[str, tuple[str, Any, Serve]] = {
        "CreateSnapshot": ("create", types.CreateSnapshotRequest, create),
        "GetSnapshot": ("get", types.GetSnapshotRequest, get),
        "ListSnapshots": ("list", types.ListSnapshotsRequest, listed),
        "DeleteSnapshot": ("delete", types.DeleteSnapshotRequest, delete),
    }
    return {
        name: unary(cloud, f"snapshots.{method}", request, serve)
        for name, (method, request, serve) in methods.items()
    }
