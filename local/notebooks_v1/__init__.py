"""Notebooks v1: managed and user-managed notebooks, the two kinds that Workbench replaced.

Since 2025-01-30 Google creates none; existing ones can be read, started, stopped and deleted. REST
(for gcloud) and gRPC (for the client google-cloud-notebooks) share one state.
"""

from local.notebooks_v1.service import NotebooksV1

__all__ = ["NotebooksV1"]
