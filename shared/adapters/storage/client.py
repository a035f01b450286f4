"""Creates the Cloud Storage client for profiles and cluster templates."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.cloud.storage import Client


def storage_client(project: str, **options: Any) -> Client:
    """A client for ``project``; ``STORAGE_EMULATOR_HOST``, if set, is its endpoint.

    ``options`` are passed to the client. google-cloud-storage 3.17 reads each bucket's metadata in
    a background thread, for traces that we don't use: one more call, which needs a permission
    (storage.buckets.get) that nothing else here needs. The client's own variable switches that off
    (its ``_opentelemetry_tracing.py``).
    """
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    from google.cloud import storage

    return storage.Client(project=project, **options)
