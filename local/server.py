"""The whole local cloud in one process: every face on one REST port, gRPC on another."""

from __future__ import annotations

from typing import Self

from local.admin import Admin
from local.cloud import Cloud
from local.compute import Compute
from local.dataproc import Dataproc
from local.notebooks import Notebooks
from local.older import OlderNotebooks
from local.pubsub.scheduler import Scheduler
from local.pubsub.service import PubSub
from local.storage import Storage
from local.web import Server, build_app


class LocalCloud:
    """A Google Cloud of one project. Start it, point the clients at its URLs, stop it."""

    def __init__(self, project: str = "demo", *, port: int = 0, grpc_port: int = 0) -> None:
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
        ]
        self._admin = Admin(self.cloud, sources, levers)
        routes = [face.routes() for face in (*faces, self.compute, self._admin)]
        self._server = Server(build_app(self.cloud, routes), port=port)
        self._grpc_port = grpc_port

    def start(self) -> None:
        """Serve; returns when both ports answer."""
        self._server.start()
        self._grpc = self.pubsub.grpc_server(self._grpc_port, self.older_notebooks.grpc_handler())
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
        """Where every REST API is served, and ``/_admin``."""
        return self._server.url

    @property
    def grpc_address(self) -> str:
        """Where Pub/Sub (``PUBSUB_EMULATOR_HOST``) and Notebooks v1 are served in gRPC."""
        return f"127.0.0.1:{self._grpc.port}"
