"""What Google's client for notebooks lacks. When a test fails, the client can be used instead."""

from __future__ import annotations

from google.cloud import notebooks_v1, notebooks_v2


def test_googles_client_still_lacks_fields_of_a_personal_notebook() -> None:
    """See docs/decisions/2026-11-22-notebooks-over-rest.md."""
    fields = set(notebooks_v2.Instance.meta.fields)
    assert "instance_owners" in fields
    assert not fields & {"enable_managed_euc", "enable_deletion_protection"}
    assert "ORPHANED" not in notebooks_v2.State.__members__


def test_googles_client_still_cannot_read_the_labels_of_a_runtime() -> None:
    """When it can, ``notebooks_v1/services.py`` should read those, too."""
    assert "labels" not in notebooks_v1.Runtime.meta.fields
    assert "labels" in notebooks_v1.VirtualMachineConfig.meta.fields
