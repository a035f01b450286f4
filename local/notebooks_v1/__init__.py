"""Notebooks v1: managed and user-managed notebooks, the two kinds that Workbench replaced.

Google has created none since 2025-01-30; those that exist can still be read, started, stopped and
deleted. One state under two faces, REST for gcloud and gRPC for the client google-cloud-notebooks.
"""

from local.notebooks_v1.service import OlderNotebooks

__all__ = ["OlderNotebooks"]
