"""The REST methods of google.longrunning.Operations, the same for every service that has them.

It must not know the service.
"""

from collections.abc import Callable
from typing import Any

from starlette.routing import Route

from local.api.http import Incoming, route
from local.api.operations import Operations
from local.api.store import listing, page_size
from local.cloud import Cloud

Json = dict[str, Any]
_Work = Callable[[Incoming], Json]

_PAGE_DEFAULT, _PAGE_MOST = 100, 1000


def operation_routes(cloud: Cloud, service: str, path: str, operations: Operations) -> list[Route]:
    """get, list, cancel and delete; `path`: Google's path of the collection."""

    def handle(method: str, work: _Work) -> _Work:
        def handler(incoming: Incoming) -> Json:
            with cloud.call(service, f"operations.{method}", _name(incoming)), operations.settled():
                return work(incoming)

        return handler

    def get(incoming: Incoming) -> Json:
        return operations.get(_name(incoming)).to_json()

    def listed(incoming: Incoming) -> Json:
        size = page_size(incoming.query.get("pageSize"), _PAGE_DEFAULT, _PAGE_MOST)
        prefix = _name(incoming) + "/"
        page, token = operations.page(prefix, size, incoming.query.get("pageToken", ""))
        return listing("operations", page, token)

    def cancel(incoming: Incoming) -> Json:
        operations.cancel(_name(incoming))
        return {}

    def delete(incoming: Incoming) -> Json:
        operations.delete(_name(incoming))
        return {}

    one = path + "/{id}"
    return [
        route("GET", path, handle("list", listed)),
        route("POST", one + ":cancel", handle("cancel", cancel)),
        route("GET", one, handle("get", get)),
        route("DELETE", one, handle("delete", delete)),
    ]


def _name(incoming: Incoming) -> str:
    """The full name: the path without its version and custom verb."""
    return incoming.path.split("/", 2)[2].removesuffix(":cancel")
