"""Why notebooks are spoken to over REST; the day this fails, the client can take over."""

from __future__ import annotations

from google.cloud import notebooks_v2


def test_googles_client_still_cannot_say_what_a_personal_notebook_needs() -> None:
    """See docs/decisions/2026-11-22-notebooks-over-rest.md."""
    fields = set(notebooks_v2.Instance.meta.fields)
    assert "instance_owners" in fields
    assert not fields & {"enable_managed_euc", "enable_deletion_protection"}
    assert "ORPHANED" not in notebooks_v2.State.__members__
