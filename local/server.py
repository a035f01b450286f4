"""The whole local cloud in one process: all services on one REST port and one gRPC port.

Each account has its own pair of ports to the same cloud.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from local.api.admin import Admin
from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.compute import Compute
from local.dataproc import Dataproc
from local.notebooks_v1 import NotebooksV1
from local.notebooks_v2 import Notebooks
from local.pubsub.scheduler import Scheduler
from local.pubsub.service import PubSub
from local.storage import Storage


class LocalCloud:
    """A Google Cloud with one project. Start it, point clients at its URLs, stop it.

    ``accounts``: the REST and the gRPC port of each account, 0 for free ones. An account has no
    permissions until ``cloud.accounts.grant``.
    """

    def __init__(
        self,
        project: str = "demo",
        *,
        port: int = 0,
        grpc_port: int = 0,
        accounts: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        ports = accounts or {}
        self.cloud = Cloud(project=project)
        self.compute = Compute(self.cloud)
        self.notebooks = Notebooks(self.cloud, self.compute)
        self.notebooks_v1 = NotebooksV1(self.cloud)
        self.dataproc = Dataproc(self.cloud)
        self.storage = Storage(self.cloud)
        self.pubsub = PubSub(self.cloud)
        self.scheduler = Scheduler(self.cloud, self.pubsub)
        services = (self.notebooks, self.notebooks_v1, self.dataproc, self.storage, self.pubsub)
        sources = [one.resources for one in (*services, self.compute, self.scheduler)]
        admin_routes = [
            *self.compute.admin_routes(),
            *self.notebooks.admin_routes(),
            *self.notebooks_v1.admin_routes(),
        ]
        self._admin = Admin(self.cloud, sources, admin_routes)
        routes = [one.routes() for one in (*services, self.compute, self._admin)]
        self._server = Server(
            build_app(self.cloud, routes), port, {name: rest for name, (rest, _) in ports.items()}
        )
        self._grpc_port = grpc_port
        self._grpc_ports = {name: grpc for name, (_, grpc) in ports.items()}

    def start(self) -> None:
        """Start serving; return when all ports answer."""
        self._server.start()
        self._grpc = self.pubsub.grpc_server(
            self._grpc_port, self.notebooks_v1.grpc_handler(), accounts=self._grpc_ports
        )
        self.pubsub.start()
        self.scheduler.start()

    def stop(self) -> None:
        """Stop the deliveries, then the servers."""
        self.scheduler.stop()
        self.pubsub.stop()
        self._grpc.stop()
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Base URL of all REST APIs for the owner, and of ``/_admin``."""
        return self._server.url

    def url_of(self, account: str) -> str:
        """Base URL of all REST APIs for an account."""
        return self._server.urls[account]

    def grpc_address_of(self, account: str) -> str:
        """Address of Pub/Sub and Notebooks v1 over gRPC for an account."""
        return self._grpc.addresses[account]

    @property
    def grpc_address(self) -> str:
        """Address of Pub/Sub (``PUBSUB_EMULATOR_HOST``) and Notebooks v1 over gRPC."""
        return f"127.0.0.1:{self._grpc.port}"
