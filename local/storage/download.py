"""An object's data as an HTTP answer: ranges, checksums, and gzip decompression.

Headers: https://cloud.google.com/storage/docs/json_api/v1/parameters and what google-cloud-storage
and gcloud check on a download. This module must not know routes or state.
"""

import gzip
import re
import zlib
from collections.abc import Mapping
from email.utils import format_datetime

from starlette.responses import Response

from local.storage.errors import bad_range
from local.storage.state import StoredObject

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def media(stored: StoredObject, headers: Mapping[str, str]) -> Response:
    """200 with all data, 206 with the requested range, or 416."""
    encoding = stored.fields.get("contentEncoding")
    answer = _headers(stored)
    data = stored.data
    if encoding == "gzip" and "gzip" not in headers.get("accept-encoding", ""):
        decompressed = _gunzip(data)
        if decompressed is not None:  # decompressed data has no ranges
            answer["Warning"] = "214 UploadServer gunzipped"
            return Response(decompressed, headers=answer)
    if encoding:
        answer["Content-Encoding"] = _text(encoding)
    span = byte_range(headers.get("range"), len(data))
    if span is None:
        return Response(data, headers=answer)
    start, end = span
    answer["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return Response(data[start:end], status_code=206, headers=answer)


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The half-open range of a Range header; None: everything, also if it can't be parsed."""
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= size:
        raise bad_range(size)
    return None if end <= start else (start, end)


def _gunzip(data: bytes) -> bytes | None:
    """Decompressive transcoding; None if the data is not gzip."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


def _headers(stored: StoredObject) -> dict[str, str]:
    fields = stored.fields
    headers = {
        "Content-Type": _text(fields.get("contentType", "application/octet-stream")),
        "Accept-Ranges": "bytes",
        "ETag": stored.etag,
        "Last-Modified": format_datetime(stored.updated, usegmt=True),
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Hash": stored.checksums.header(),
        "X-Goog-Storage-Class": fields.get("storageClass", "STANDARD"),
        "X-Goog-Stored-Content-Encoding": _text(fields.get("contentEncoding", "identity")),
        "X-Goog-Stored-Content-Length": str(len(stored.data)),
    }
    for name, header in (
        ("cacheControl", "Cache-Control"),
        ("contentDisposition", "Content-Disposition"),
        ("contentLanguage", "Content-Language"),
    ):
        if fields.get(name):
            headers[header] = _text(fields[name])
    return headers


def _text(value: str) -> str:
    """A client's text as a header value: UTF-8, without line breaks."""
    return "".join(char for char in value if char.isprintable()).encode().decode("latin-1")
