"""Short texts by which a change of a resource is noticed.

Each kind of resource says what of it goes into its fingerprint, which must be the same in the
answer to a read, to a change and in a listing. This module must not know any kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from shared.domain.names import fingerprint


def fingerprint_of(content: Mapping[str, Any]) -> str:
    """60 bits of a hash of plain data, in 12 characters of ``[a-z2-7]``.

    Equal for equal content, in every process and release; the order in maps doesn't matter.
    """
    return fingerprint(msgspec.json.encode(content, order="deterministic").decode())
