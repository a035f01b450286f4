"""CRC32C and MD5 in Cloud Storage's form, and the check of the checksums that a client sends.

Both are base64; the CRC is big-endian (description of `crc32c` in the storage v1 discovery
document).
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import google_crc32c

from local.storage.errors import bad_body


@dataclass(frozen=True, slots=True)
class Checksums:
    crc32c: str
    md5: str

    @classmethod
    def of(cls, data: bytes) -> Self:
        crc: int = google_crc32c.value(data)
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        return cls(_base64(crc.to_bytes(4, "big")), _base64(digest))

    def check(self, sent: Mapping[str, str]) -> None:
        """400 unless every checksum of the client (keys "crc32c" and "md5") is the same."""
        for key, label, ours in (
            ("crc32c", "CRC32C", self.crc32c),
            ("md5", "MD5 hash", self.md5),
        ):
            theirs = sent.get(key)
            if theirs is not None and theirs != ours:
                raise bad_body(
                    f'Provided {label} "{theirs}" doesn\'t match calculated {label} "{ours}".'
                )

    def header(self) -> str:
        """The value of X-Goog-Hash."""
        return f"crc32c={self.crc32c},md5={self.md5}"


def from_header(value: str | None) -> dict[str, str]:
    """The checksums in an X-Goog-Hash header: "crc32c=n03x6A==,md5=Ojk9c3…"."""
    sums = {}
    for part in (value or "").split(","):
        name, _, checksum = part.strip().partition("=")
        if name in ("crc32c", "md5"):
            sums[name] = checksum
    return sums


def from_metadata(fields: Mapping[str, str]) -> dict[str, str]:
    """The checksums in an object's metadata."""
    names = {"crc32c": "crc32c", "md5Hash": "md5"}
    return {short: fields[name] for name, short in names.items() if fields.get(name)}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
