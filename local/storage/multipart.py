"""The body of a multipart upload: a JSON part and a part with the object's data.

The standard library's MIME parser decodes and encodes again, but the data must not change. Line
ends depend on the client: google-cloud-storage sends CRLF, gcloud LF; gcloud also quotes the
boundary parameter with apostrophes. This module must not know the meaning of the parts.
"""

import re
from dataclasses import dataclass

from local.storage.errors import bad_body

_BOUNDARY = re.compile(r"""boundary=(?:"([^"]+)"|'([^']+)'|([^;\s]+))""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    content_type: str | None
    data: bytes


def split(content_type: str, body: bytes) -> tuple[Part, Part]:
    """The metadata part and the media part; 400 for anything else."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/related") or found is None:
        raise bad_body("A multipart upload needs the content type multipart/related; boundary=…")
    delimiter = b"--" + next(name for name in found.groups() if name).encode()
    start = body.find(delimiter)
    line_end = b"\r\n" if body[start + len(delimiter) :].startswith(b"\r\n") else b"\n"
    # The line end before a delimiter belongs to the delimiter, not to the part.
    pieces = (line_end + body[max(start, 0) :]).split(line_end + delimiter)
    if start < 0 or len(pieces) != 4 or not pieces[3].startswith(b"--"):
        raise bad_body("Malformed multipart body: expected a JSON part and a media part.")
    return _part(pieces[1], line_end), _part(pieces[2], line_end)


def _part(piece: bytes, line_end: bytes) -> Part:
    """`piece`: the bytes between two delimiters: line end, headers, empty line, content."""
    head, separator, data = piece.partition(line_end * 2)
    if not separator:
        raise bad_body("Malformed multipart body: a part has no empty line after its headers.")
    content_type = None
    for line in head.split(line_end):
        name, _, value = line.decode("latin-1").partition(":")
        if name.strip().lower() == "content-type":
            content_type = value.strip()
    return Part(content_type, data)
