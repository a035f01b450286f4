"""Names for a person's resources: readable, always valid, and never the same for two people.

A name has a slug and a hash: slugs alone collide (``a.b@`` and ``a-b@``), and a hash alone isn't
readable. Notebooks, Dataproc and Compute accept a letter, then up to 62 of ``[a-z0-9-]``, not
ending in a hyphen; label values accept at most 63 of ``[a-z0-9_-]``.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache

_SLUG_LENGTH = 22
_HASH_LENGTH = 12  # base32: 60 bits; a million people collide with a probability of 1 in 2 million
KEY_PATTERN = r"^[a-z0-9-]{1,63}$(?!\n)"  # matches every person_key, and no path in any store
PERSON_KEY = (
    rf"[a-z][a-z0-9-]{{0,{_SLUG_LENGTH - 1}}}-[a-z2-7]{{{_HASH_LENGTH}}}"  # the form of a key
)
FOUND = "found-"  # how ``found_slot`` begins
SLOT_PATTERN = r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$"  # keeps prefix-key-slot within 63


def slug(text: str, *, length: int) -> str:
    """``text`` reduced to at most ``length`` of ``[a-z0-9-]``, beginning with a letter."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not plain or not plain[0].isalpha():
        plain = f"u-{plain}"
    return plain[:length].strip("-")


def fingerprint(text: str, *, length: int = _HASH_LENGTH) -> str:
    """A stable hash of ``text`` in ``length`` characters of ``[a-z2-7]``."""
    # Base32 is slow, and five bytes are eight characters: encode no more than is needed.
    digest = hashlib.sha256(text.encode()).digest()[: -(-length // 8) * 5]
    return base64.b32encode(digest).decode().lower()[:length]


@lru_cache(maxsize=4096)
def person_key(email: str, number: int = 1) -> str:
    """The key of a person's record and in their resources' names: slug of the local part, hash.

    ``email``: the first known address of the person. ``number``: counts the people who had this
    first address one after another; 1 for the first of them.
    """
    address = email.lower()
    hashed = address if number == 1 else f"{address} {number}"
    return f"{slug(address.partition('@')[0], length=_SLUG_LENGTH)}-{fingerprint(hashed)}"


def resource_id(prefix: str, key: str, slot: str = "") -> str:
    """``prefix-key`` or ``prefix-key-slot``: at most 2 + 1 + 35 + 1 + 20 = 59 characters."""
    return f"{prefix}-{key}-{slot}" if slot else f"{prefix}-{key}"


def key_in(resource: str) -> str:
    """The person's key in the id of a resource, such as ``nb-KEY-q5w2mz``; '' if there is none.

    The id of a first notebook, ``nb-KEY``, has the form of a key, too: look for that key first.
    """
    found = re.fullmatch(rf"[a-z]{{2}}-({PERSON_KEY})(-[a-z0-9-]+)?", resource)
    return found[1] if found is not None else ""


def found_slot(name: str) -> str:
    """The slot of a resource that a search found and no profile asks for, from its full name."""
    return f"{FOUND}{fingerprint(name, length=8)}"


def label_value(text: str | None) -> str:
    """``text`` as a label value: lower case, at most 63 of ``[a-z0-9_-]``; '' when there is none.

    If more than the case had to be changed, a short hash is added, so that two cost centres that
    differ only in the removed characters stay separate on the bill.
    """
    if not text:
        return ""
    plain = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    if plain == text.lower() and len(plain) <= 63:
        return plain
    return f"{plain[:50].rstrip('-_')}-{fingerprint(text, length=8)}".lstrip("-")
