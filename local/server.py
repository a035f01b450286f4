"""The whole local cloud in one process: every face on one REST port, gRPC on another.

Each account has such a pair of ports of its own, in front of the same cloud.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from local.api.admin import Admin
from local.api.http import Server, build_app
from local.cloud import Cloud
from local.compute import Compute
from local.dataproc import Dataproc
from local.iam.admin_routes import permission_levers
from local.notebooks_v1 import OlderNotebooks
from local.notebooks_v2 import Notebooks
from local.pubsub.scheduler import Scheduler
from local.pubsub.service import PubSub
from local.storage import Storage


class LocalCloud:
    """A Google Cloud of one project. Start it, point the clients at its URLs, stop it.

    ``accounts``: the REST port and the gRPC port of each, 0 for free ones. They may do nothing
    until ``cloud.accounts`` grants it.
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
        self.older_notebooks = OlderNotebooks(self.cloud)
        self.dataproc = Dataproc(self.cloud)
        self.storage = Storage(self.cloud)
        self.pubsub = PubSub(self.cloud)
        self.scheduler = Scheduler(self.cloud, self.pubsub)
        faces = (self.notebooks, self.older_notebooks, self.dataproc, self.storage, self.pubsub)
        sources = [face.resources for face in (*faces, self.compute, self.scheduler)]
        levers = [
            *self.compute.levers(),
            *self.notebooks.levers(),
            *self.older_notebooks.levers(),
            *permission_levers(self.cloud.accounts),
        ]
        self._admin = Admin(self.cloud, sources, levers)
        routes = [face.routes() for face in (*faces, self.compute, self._admin)]
        self._server = Server(
            build_app(self.cloud, routes), port, {name: rest for name, (rest, _) in ports.items()}
        )
        self._grpc_port = grpc_port
        self._grpc_ports = {name: grpc for name, (_, grpc) in ports.items()}

    def start(self) -> None:
        """Serve; returns when all ports answer."""
        self._server.start()
        self._grpc = self.pubsub.grpc_server(
            self._grpc_port, self.older_notebooks.grpc_handler(), accounts=self._grpc_ports
        )
        self.pubsub.start()
        self.scheduler.start()

    def stop(self) -> None:
        """Stop delivering, then serving."""
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
        """Where every REST API is served to its owner, and ``/_admin``."""
        return self._server.url

    def url_of(self, account: str) -> str:
        """Where every REST API is served to an account."""
        return self._server.urls[account]

    def grpc_address_of(self, account: str) -> str:
        """Where Pub/Sub and Notebooks v1 are served in gRPC to an account."""
        return self._grpc.addresses[account]

    @property
    def grpc_address(self) -> str:
        """Where Pub/Sub (``PUBSUB_EMULATOR_HOST``) and Notebooks v1 are served in gRPC."""
        return f"127.0.0.1:{self._grpc.port}"
