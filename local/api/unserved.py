"""Refuses methods that Google's APIs have and the local cloud doesn't: at once, and by name.

The methods of an API are known from its discovery document, those that are served from the routes
themselves. An answer is HTTP 405 with the status UNIMPLEMENTED: gcloud repeats a 501 for half a
minute, and a 404 would read as "that resource does not exist". It must not know what a method does.
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

# The APIs of which at least one method is served: (name, version, path before the document's own).
APIS = (
    ("notebooks", "v2", "/"),
    ("notebooks", "v1", "/"),
    ("dataproc", "v1", "/"),
    ("pubsub", "v1", "/"),
    ("compute", "v1", "/compute/v1/"),
    ("storage", "v1", "/storage/v1/"),
)
# Below it, an API of which nothing is served can be sent here instead of to Google.
ELSEWHERE = "/not-served/"
_SERVES = (
    "parts of notebooks v1 and v2, dataproc v1, compute v1, storage v1 and pubsub v1 "
    "(see docs/local-cloud/gcloud.md)"
)


@dataclass(frozen=True, slots=True)
class Method:
    """A method of Google's, as its discovery document describes it."""

    id: str  # "notebooks.projects.locations.instances.diagnose"
    api: str  # "notebooks v2"
    verb: str
    pattern: re.Pattern[str]
    example: str  # a path that fits

    @property
    def siblings(self) -> str:
        """What the methods of the same collection have in common."""
        return self.id.rpartition(".")[0] + "."

    @property
    def collection(self) -> str:
        return self.id.split(".")[-2]


class Unserved:
    """Refusals for the requests that none of ``routes`` takes."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = list(routes)

    def refusal(self, verb: str, path: str) -> ApiError:
        """UNIMPLEMENTED with the method's name; NOT_FOUND for a path that no known API has."""
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
        """What is served of the same collection, or failing that which APIs are."""
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
    """The last handler of a gRPC server: refuses by name what the others don't take."""

    def service(self, handler_call_details: Any) -> Any:
        """A handler for every method: on the wire, a unary call is a stream of one message."""
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
    # "…/{id}:verb" before "…/{id}", which matches it, too.
    return tuple(sorted(found, key=lambda method: ":" not in method.example))
