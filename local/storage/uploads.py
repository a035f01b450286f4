"""`objects.insert` in its three forms: media, multipart and resumable.

Each request of a resumable upload is a separate call (logged as objects.insert, with faults).
The protocol: https://cloud.google.com/storage/docs/uploads-downloads.
"""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from local.api.http import Answer, Incoming
from local.errors import ApiError
from local.iam.permissions import When
from local.storage import multipart
from local.storage.checksums import Checksums, from_header, from_metadata
from local.storage.conditions import Conditions
from local.storage.errors import StorageError, bad_body, bad_parameter
from local.storage.names import check_object
from local.storage.request_checks import RequestChecks
from local.storage.resources import NEW_OBJECT_FIELDS, keep, object_json
from local.storage.state import Store, StoredObject
from local.storage.upload_sessions import Chunk, NewObject, Session, Sessions


@dataclass(frozen=True, slots=True)
class _Upload:
    """A request to create an object: its metadata, and its data unless it is sent later."""

    metadata: Mapping[str, Any]
    content_type: str | None
    data: bytes


class Uploads:
    def __init__(self, store: Store, sessions: Sessions, checks: RequestChecks) -> None:
        self._store = store
        self._sessions = sessions
        self._checks = checks

    def insert(self, request: Incoming) -> Answer:
        """The request of a media or multipart upload, or the first one of a resumable upload."""
        upload: _Upload | ApiError
        try:
            upload = _read(request)
        except ApiError as error:
            upload = error  # raised inside the call below, so that it is logged
        name = _name(request, {} if isinstance(upload, ApiError) else upload.metadata)
        bucket = request.params["bucket"]
        conditions = self._conditions(bucket, name)
        with self._checks.call("objects.insert", request, f"{bucket}/{name}", *conditions):
            if isinstance(upload, ApiError):
                raise upload
            new_object = self._new_object(request, upload)
            if request.query.get("uploadType") == "resumable":
                return _started(self._sessions.start(new_object), request)
            checksums = Checksums.of(upload.data)
            checksums.check(new_object.sums)
            checksums.check(from_header(request.headers.get("x-goog-hash")))
            stored = self._store.put(
                new_object.bucket,
                new_object.name,
                upload.data,
                new_object.fields,
                new_object.conditions,
                checksums,
            )
            return object_json(stored, request.base_url)

    def chunk(self, request: Incoming) -> Answer:
        """A chunk of a resumable upload, or a status request."""
        session, target = self._session(request)
        conditions = (
            self._conditions(session.new_object.bucket, session.new_object.name) if session else ()
        )
        with self._checks.call("objects.insert", request, target, *conditions):
            if session is None:
                raise _no_session()
            chunk = Chunk.of(request.headers.get("content-range"), _decompressed(request))
            sums = from_header(request.headers.get("x-goog-hash"))
            outcome = self._sessions.add(session, chunk, sums)
            if isinstance(outcome, StoredObject):
                return object_json(outcome, request.base_url)
            headers = {"Range": f"bytes=0-{outcome - 1}"} if outcome else {}
            return Response(status_code=308, headers=headers)

    def cancel(self, request: Incoming) -> Answer:
        session, target = self._session(request)
        with self._checks.call("objects.insert", request, target):
            if session is None:
                raise _no_session()
            self._sessions.cancel(session.id)
            return Response(status_code=499)  # as Cloud Storage answers to a cancelled upload

    def _new_object(self, request: Incoming, upload: _Upload) -> NewObject:
        metadata = self._checks.check_body("Object", upload.metadata)
        fields = dict(keep(metadata, NEW_OBJECT_FIELDS))
        if upload.content_type:
            fields.setdefault("contentType", upload.content_type)
        if request.query.get("contentEncoding"):
            fields["contentEncoding"] = request.query["contentEncoding"]
        return NewObject(
            bucket=request.params["bucket"],
            name=check_object(_name(request, metadata)),
            fields=fields,
            conditions=Conditions.of(request.query, request.headers),
            sums=from_metadata(metadata),
        )

    def _conditions(self, bucket: str, name: str) -> tuple[When, ...]:
        """Overwriting an object also needs the permission to delete it."""
        return (When.OVERWRITES,) if self._store.has(bucket, name) else ()

    def _session(self, request: Incoming) -> tuple[Session | None, str]:
        session = self._sessions.find(request.query.get("upload_id", ""))
        if session is None:
            return None, f"{request.params['bucket']}/"
        return session, f"{session.new_object.bucket}/{session.new_object.name}"


def _read(request: Incoming) -> _Upload:
    kind = request.query.get("uploadType")
    content_type = request.headers.get("content-type")
    body = _decompressed(request)
    if kind == "media":
        return _Upload({}, content_type, body)
    if kind == "multipart":
        metadata, content = multipart.split(content_type or "", body)
        return _Upload(_parsed(metadata.data), content.content_type, content.data)
    if kind == "resumable":
        return _Upload(_parsed(body), request.headers.get("x-upload-content-type"), b"")
    raise bad_parameter("uploadType", f"Invalid upload type: '{kind}'.")


def _parsed(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        metadata = json.loads(body)
    except ValueError as error:
        raise bad_body(f"Parse Error: {error}") from error
    if not isinstance(metadata, dict):
        raise bad_body("Parse Error: the metadata must be a JSON object.")
    return metadata


def _decompressed(request: Incoming) -> bytes:
    """The body, decompressed if the client compressed it for the transfer."""
    if request.headers.get("content-encoding") != "gzip":
        return request.body
    try:
        return gzip.decompress(request.body)
    except (OSError, EOFError, zlib.error) as error:
        raise bad_body(f"The body is not gzip, as its Content-Encoding says: {error}") from error


def _name(request: Incoming, metadata: Mapping[str, Any]) -> str:
    """The name in the query, or else in the body, as the discovery document describes it."""
    return str(request.query.get("name") or metadata.get("name") or "")


def _started(session: Session, request: Incoming) -> Response:
    where = f"{request.base_url}{request.raw_path}?uploadType=resumable&upload_id={session.id}"
    headers = {"Location": where, "X-GUploader-UploadID": session.id}
    return Response(headers=headers)


def _no_session() -> StorageError:
    return StorageError("NOT_FOUND", "No such upload session.")
