"""`objects.insert` in its three forms: media, multipart and resumable.

Each request of a resumable upload is a call of its own (logged as objects.insert, open to faults).
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
from local.storage.request_checks import Gate
from local.storage.resources import NEW_OBJECT_FIELDS, keep, object_json
from local.storage.state import Store, StoredObject
from local.storage.upload_sessions import Intent, Piece, Session, Sessions


@dataclass(frozen=True, slots=True)
class _Upload:
    """A request to make an object: what it says about it, and the bytes if they came along."""

    metadata: Mapping[str, Any]
    content_type: str | None
    data: bytes


class Uploads:
    def __init__(self, store: Store, sessions: Sessions, gate: Gate) -> None:
        self._store = store
        self._sessions = sessions
        self._gate = gate

    def insert(self, request: Incoming) -> Answer:
        """The only request of a media or multipart upload, the first one of a resumable upload."""
        upload: _Upload | ApiError
        try:
            upload = _read(request)
        except ApiError as error:
            upload = error  # refused inside the call, like any other request
        name = _name(request, {} if isinstance(upload, ApiError) else upload.metadata)
        bucket = request.params["bucket"]
        given = self._given(bucket, name)
        with self._gate.call("objects.insert", request, f"{bucket}/{name}", *given):
            if isinstance(upload, ApiError):
                raise upload
            intent = self._intent(request, upload)
            if request.query.get("uploadType") == "resumable":
                return _started(self._sessions.start(intent), request)
            checksums = Checksums.of(upload.data)
            checksums.check(intent.sums)
            checksums.check(from_header(request.headers.get("x-goog-hash")))
            stored = self._store.put(
                intent.bucket, intent.name, upload.data, intent.fields, intent.conditions, checksums
            )
            return object_json(stored, request.base_url)

    def piece(self, request: Incoming) -> Answer:
        """Bytes of a resumable upload, or the question how many have arrived."""
        session, target = self._session(request)
        given = self._given(session.intent.bucket, session.intent.name) if session else ()
        with self._gate.call("objects.insert", request, target, *given):
            if session is None:
                raise _no_session()
            piece = Piece.of(request.headers.get("content-range"), _unpacked(request))
            sums = from_header(request.headers.get("x-goog-hash"))
            outcome = self._sessions.take(session, piece, sums)
            if isinstance(outcome, StoredObject):
                return object_json(outcome, request.base_url)
            headers = {"Range": f"bytes=0-{outcome - 1}"} if outcome else {}
            return Response(status_code=308, headers=headers)

    def cancel(self, request: Incoming) -> Answer:
        session, target = self._session(request)
        with self._gate.call("objects.insert", request, target):
            if session is None:
                raise _no_session()
            self._sessions.cancel(session.id)
            return Response(status_code=499)  # what the cloud answers to a cancelled upload

    def _intent(self, request: Incoming, upload: _Upload) -> Intent:
        metadata = self._gate.check_body("Object", upload.metadata)
        fields = dict(keep(metadata, NEW_OBJECT_FIELDS))
        if upload.content_type:
            fields.setdefault("contentType", upload.content_type)
        if request.query.get("contentEncoding"):
            fields["contentEncoding"] = request.query["contentEncoding"]
        return Intent(
            bucket=request.params["bucket"],
            name=check_object(_name(request, metadata)),
            fields=fields,
            conditions=Conditions.of(request.query, request.headers),
            sums=from_metadata(metadata),
        )

    def _given(self, bucket: str, name: str) -> tuple[When, ...]:
        """To write over an object is to delete it, too."""
        return (When.OVERWRITES,) if self._store.has(bucket, name) else ()

    def _session(self, request: Incoming) -> tuple[Session | None, str]:
        session = self._sessions.find(request.query.get("upload_id", ""))
        if session is None:
            return None, f"{request.params['bucket']}/"
        return session, f"{session.intent.bucket}/{session.intent.name}"


def _read(request: Incoming) -> _Upload:
    kind = request.query.get("uploadType")
    content_type = request.headers.get("content-type")
    body = _unpacked(request)
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


def _unpacked(request: Incoming) -> bytes:
    """The body without the packing of the transfer (gcloud's --gzip-in-flight)."""
    if request.headers.get("content-encoding") != "gzip":
        return request.body
    try:
        return gzip.decompress(request.body)
    except (OSError, EOFError, zlib.error) as error:
        raise bad_body(f"The body is not gzip, as its Content-Encoding says: {error}") from error


def _name(request: Incoming, metadata: Mapping[str, Any]) -> str:
    """The parameter wins over the body (its description in the discovery document says so)."""
    return str(request.query.get("name") or metadata.get("name") or "")


def _started(session: Session, request: Incoming) -> Response:
    where = f"{request.base_url}{request.raw_path}?uploadType=resumable&upload_id={session.id}"
    headers = {"Location": where, "X-GUploader-UploadID": session.id}
    return Response(headers=headers)


def _no_session() -> StorageError:
    return StorageError("NOT_FOUND", "No such upload session.")
