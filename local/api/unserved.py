"""Refusals of methods that Google's APIs have and the local cloud doesn't.

The methods of an API are known from its discovery document, the served ones from the routes. The
answer is HTTP 405 with the status UNIMPLEMENTED: gcloud retries a 501 for 30 seconds, and a 404
would mean that a resource does not exist. It must not know what a method does.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from starlette.routing import BaseRoute, Match

from local.api.discovery import described_methods
from local.errors import ApiError

# APIs with at least one served method: (name, version, prefix of the document's paths).
APIS = (
    ("notebooks", "v2", "/"),
    ("notebooks", "v1", "/"),
    ("dataproc", "v1", "/"),
    ("pubsub", "v1", "/"),
    ("compute", "v1", "/compute/v1/"),
    ("storage", "v1", "/storage/v1/"),
)
# Path for APIs that are not served at all, so that their requests don't go to Google.
ELSEWHERE = "/not-served/"
_SERVES = (
    "parts of notebooks v1 and v2, dataproc v1, compute v1, storage v1 and pubsub v1 "
    "(see docs/local-cloud/gcloud.md)"
)


@dataclass(frozen=True, slots=True)
class Method:
    """A method in a discovery document."""

    id: str  # "notebooks.projects.locations.instances.diagnose"
    api: str  # "notebooks v2"
    verb: str
    pattern: re.Pattern[str]
    example: str  # a path that matches

    @property
    def siblings(self) -> str:
        """Prefix of the ids of all methods of the same collection."""
        return self.id.rpartition(".")[0] + "."

    @property
    def collection(self) -> str:
        return self.id.split(".")[-2]


class Unserved:
    """Refusals for requests that match none of ``routes``."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = list(routes)

    def refusal(self, verb: str, path: str) -> ApiError:
        """UNIMPLEMENTED with the method's name; NOT_FOUND if no known API has the path."""
        if path.startswith(ELSEWHERE):
            api, _, rest = path.removeprefix(ELSEWHERE).partition("/")
            return ApiError.unimplemented(
                f"this local cloud does not serve {api} ({verb} /{rest}); it serves {_SERVES}"
            )
        method = next((m for m in _methods() if m.verb == verb and m.pattern.fullmatch(path)), None)
        if method is None:
            return ApiError(
                "NOT_FOUND", f"The local cloud has no method {verb} {path}; it serves {_SERVES}"
            )
        return ApiError.unimplemented(
            f"this local cloud does not serve {method.id}; {self._served_beside(method)}"
        )

    def _served_beside(self, missing: Method) -> str:
        """Served methods of the same collection, or else served collections of the API."""
        beside = sorted(
            method.id.removeprefix(method.siblings)
            for method in _methods()
            if (method.api, method.siblings) == (missing.api, missing.siblings)
            and self._is_served(method)
        )
        if not beside:
            kinds = {
                m.collection for m in _methods() if m.api == missing.api and self._is_served(m)
            }
            return f"of {missing.api} it serves {', '.join(sorted(kinds)) or 'nothing'}"
        return f"of {missing.collection} ({missing.api}) it serves {', '.join(beside)}"

    def _is_served(self, method: Method) -> bool:
        scope = {
            "type": "http",
            "method": method.verb,
            "path": method.example,
            "raw_path": method.example.encode(),
            "root_path": "",
        }
        return any(route.matches(scope)[0] is Match.FULL for route in self._routes)


class UnservedRpcs(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """The last handler of a gRPC server: refuses methods that no other handler serves."""

    def service(self, handler_call_details: Any) -> Any:
        """A stream handler; it serves unary calls too, which are streams of one message."""
        name = str(handler_call_details.method).strip("/").replace("/", ".")

        def refuse(_: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"this local cloud does not serve {name} in gRPC; it serves google.pubsub.v1 and "
                "google.cloud.notebooks.v1 (see docs/local-cloud)",
            )
            return iter(())

        return grpc.stream_stream_rpc_method_handler(refuse)


@cache
def _methods() -> tuple[Method, ...]:
    found = []
    for name, version, root in APIS:
        for described in described_methods(name, version):
            path = root + (described.get("flatPath") or described["path"])
            found.append(
                Method(
                    described["id"],
                    f"{name} {version}",
                    described["httpMethod"],
                    re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))),
                    re.sub(r"\{\w+\}", "x", path),
                )
            )
    # "…/{id}:verb" before "…/{id}", which would match it too.
    return tuple(sorted(found, key=lambda method: ":" not in method.example))
