"""Valid names of buckets and objects.

Rules: https://cloud.google.com/storage/docs/buckets#naming and …/docs/objects#naming. This module
must not know the store.
"""

import re

from local.storage.errors import bad_body, required

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_ADDRESS = re.compile(r"\d+(\.\d+){3}")


def check_bucket(name: str) -> str:
    """The name, or 400."""
    if not name:
        raise required("name")
    parts = name.split(".")
    fits = len(name) <= (222 if len(parts) > 1 else 63) and all(0 < len(p) <= 63 for p in parts)
    reserved = name.startswith("goog") or "google" in name or _ADDRESS.fullmatch(name)
    if not fits or reserved or not _BUCKET.fullmatch(name):
        raise bad_body(f"Invalid bucket name: '{name}'")
    return name


def check_object(name: str) -> str:
    """The name, or 400: 1 to 1024 bytes of UTF-8, no line breaks, not "." or ".."."""
    if not name:
        raise required("name")
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise bad_body("Object names must be valid UTF-8.") from error
    if size > 1024:
        raise bad_body(f"The maximum object length is 1024 characters, but got a name with {size}.")
    if name in (".", "..") or name.startswith(".well-known/acme-challenge/"):
        raise bad_body(f"Disallowed object name: '{name}'")
    if any(char in name for char in "\r\n"):
        raise bad_body("Disallowed unicode characters present in object name.")
    return name
