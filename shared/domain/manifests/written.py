"""Which labels, metadata and tags a manifest sets on a notebook, where others may add their own.

Must not know which ones the notebook has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def written_by(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels, metadata and tags in ``body``, as ``label KEY``, ``metadata KEY``, ``tag NAME``.

    The record keeps them, so that we can remove ours when the profile no longer has them.
    """
    setup = body.get("gceSetup") or {}
    return (
        *(f"label {key}" for key in sorted(body.get("labels") or {})),
        *(f"metadata {key}" for key in sorted(setup.get("metadata") or {})),
        *(f"tag {tag}" for tag in sorted(setup.get("tags", []))),
    )
