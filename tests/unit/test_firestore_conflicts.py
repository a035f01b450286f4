"""What Firestore refuses because others write the same documents."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import Aborted
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from shared.adapters.firestore_store import FirestoreStore
from shared.ports import Conflict
from tests.support.builders import a_record


class _Contended(FirestoreStore):
    """Every commit is refused, after the client's own retries."""

    def _commit(self, batch: Any, retry: Any) -> list[Any]:
        raise Aborted("too much contention on these documents")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("version", [None, "2026-01-01T00:00:00.000000001Z"], ids=["new", "known"])
def test_contention_is_a_conflict(version: str | None) -> None:
    client = firestore.Client(project="demo", credentials=AnonymousCredentials())
    with pytest.raises(Conflict):
        _Contended(client).save(a_record(), version, ())
