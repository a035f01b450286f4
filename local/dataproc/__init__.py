"""Dataproc v1: session templates, sessions and clusters. No Spark runs on them."""

from local.dataproc.service import Dataproc

__all__ = ["Dataproc"]
