"""The routes of the Cloud Storage JSON API, with uploads and downloads.

An object's name is one path segment with its slashes percent-encoded, so routes match the path
before decoding: otherwise "b/x/o/a%2Fb" would be ambiguous.
"""

import re
from urllib.parse import unquote

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from local.api.http import Answer, Handler, Incoming, route
from local.errors import ApiError
from local.storage.buckets import Buckets
from local.storage.errors import StorageError, to_json
from local.storage.objects import Objects
from local.storage.uploads import Uploads

_API = "/storage/v1"
_UPLOADS = ("/upload/storage/v1", "/resumable/upload/storage/v1")
_OBJECT = "/b/{bucket}/o/{object}"
_COPY = "/b/{sourceBucket}/o/{sourceObject}/%s/b/{destinationBucket}/o/{destinationObject}"


def all_routes(buckets: Buckets, objects: Objects, uploads: Uploads) -> list[BaseRoute]:
    table: list[tuple[str, str, Handler]] = [
        ("POST", f"{_API}/b", buckets.insert),
        ("GET", f"{_API}/b", buckets.list),
        ("GET", f"{_API}/b/{{bucket}}", buckets.get),
        ("PATCH", f"{_API}/b/{{bucket}}", buckets.patch),
        ("PUT", f"{_API}/b/{{bucket}}", buckets.update),
        ("DELETE", f"{_API}/b/{{bucket}}", buckets.delete),
        ("GET", f"{_API}/b/{{bucket}}/storageLayout", buckets.layout),
        ("GET", f"{_API}/b/{{bucket}}/managedFolders", buckets.managed_folders),
        ("GET", f"{_API}/b/{{bucket}}/o", objects.list),
        ("GET", _API + _OBJECT, objects.get),
        ("GET", "/download/storage/v1" + _OBJECT, objects.get),
        ("PATCH", _API + _OBJECT, objects.patch),
        ("PUT", _API + _OBJECT, objects.update),
        ("DELETE", _API + _OBJECT, objects.delete),
        ("POST", _API + _COPY % "copyTo", objects.copy),
        ("POST", _API + _COPY % "rewriteTo", objects.rewrite),
    ]
    for prefix in _UPLOADS:
        path = prefix + "/b/{bucket}/o"
        table += [
            ("POST", path, uploads.insert),
            ("PUT", path, uploads.chunk),
            ("DELETE", path, uploads.cancel),
        ]
    return [_RawRoute(method, path, handler) for method, path, handler in table]


class _RawRoute(BaseRoute):
    """A route whose {placeholders} are single segments of the path before decoding."""

    def __init__(self, method: str, template: str, handler: Handler) -> None:
        self._method = method
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        self._pattern = re.compile(pattern.encode("ascii"))
        self._served = route(method, template, _answering(handler))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        found = self._pattern.fullmatch(scope["raw_path"])
        if found is None:
            return Match.NONE, {}
        segments = found.groupdict().items()
        params = {name: unquote(raw.decode("latin-1")) for name, raw in segments}
        child: Scope = {"path_params": params}
        return (Match.FULL if scope["method"] == self._method else Match.PARTIAL), child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._served.handle(scope, receive, send)


def _answering(handler: Handler) -> Handler:
    """The handler with errors in this API's form."""

    def answering(request: Incoming) -> Answer:
        try:
            return handler(request)
        except ApiError as error:
            headers = error.headers if isinstance(error, StorageError) else {}
            if error.http == 304:
                return Response(status_code=304, headers=headers)
            return JSONResponse(to_json(error), status_code=error.http, headers=headers)

    return answering
