"""What a notebook's wanted body puts where others may put things, too.

It must not know what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def written_by(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What a wanted body puts among what others may have put there, too.

    Each as ``label KEY``, ``metadata KEY`` or ``tag NAME``: remembered, so that it can be taken
    away once no profile asks for it.
    """
    setup = body.get("gceSetup") or {}
    return (
        *(f"label {key}" for key in sorted(body.get("labels") or {})),
        *(f"metadata {key}" for key in sorted(setup.get("metadata") or {})),
        *(f"tag {tag}" for tag in sorted(setup.get("tags", []))),
    )
