"""Makes the Cloud Storage client, for everything here that reads or writes objects."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.cloud.storage import Client


def storage_client(project: str, **options: Any) -> Client:
    """A client of ``project``; where it talks to is ``STORAGE_EMULATOR_HOST``'s to say.

    ``options`` are the client's own. google-cloud-storage 3.17 asks for each bucket's metadata in a
    thread of its own, to adorn traces that we don't take: one more call, and a permission
    (storage.buckets.get) that nothing else here needs. The switch is the client's own
    (its ``_opentelemetry_tracing.py``).
    """
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    from google.cloud import storage

    return storage.Client(project=project, **options)
