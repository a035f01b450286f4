"""The gRPC server of the local cloud: Pub/Sub and other services, for PUBSUB_EMULATOR_HOST.

It must not know what the methods do.
"""

from collections.abc import Mapping
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types

from local.api.rpc import serve
from local.api.unserved import UnservedRpcs
from local.cloud import Cloud
from local.iam.callers import OWNER
from local.pubsub.broker import Broker
from local.pubsub.rpc import Publisher, Subscriber
from local.pubsub.rpc_snapshots import snapshot_handlers

_THREADS = 64  # each waiting pull and each open stream needs one
_LARGEST_REQUEST = 20 * 1024 * 1024  # above Google's limit, which the broker checks


class GrpcServer:
    """Serves Pub/Sub and `others` on 127.0.0.1; `port` 0 takes a free port.

    `accounts`: the port of each account that has its own; `addresses` has their addresses.
    """

    def __init__(
        self,
        cloud: Cloud,
        broker: Broker,
        port: int = 0,
        *others: grpc.GenericRpcHandler,
        accounts: Mapping[str, int] | None = None,
    ) -> None:
        handlers = (
            grpc.method_handlers_generic_handler(
                "google.pubsub.v1.Publisher", Publisher(cloud, broker).handlers()
            ),
            grpc.method_handlers_generic_handler(
                "google.pubsub.v1.Subscriber",
                Subscriber(cloud, broker).handlers() | snapshot_handlers(cloud, broker),
            ),
            *others,
            UnservedRpcs(),
        )
        self._servers: list[Any] = []
        self.port = self._serve(handlers, port, OWNER)
        self.addresses = {
            account: f"127.0.0.1:{self._serve(handlers, own, account)}"
            for account, own in (accounts or {}).items()
        }

    def _serve(self, handlers: tuple[grpc.GenericRpcHandler, ...], port: int, account: str) -> int:
        server, bound = serve(
            handlers, account, port=port, threads=_THREADS, largest=_LARGEST_REQUEST
        )
        self._servers.append(server)
        return bound

    @property
    def address(self) -> str:
        """For PUBSUB_EMULATOR_HOST."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        for stopping in [server.stop(grace=None) for server in self._servers]:
            stopping.wait()
