"""Compute Engine v1 as far as notebooks need it: disks, snapshots and their operations."""

from local.compute.service import Compute

__all__ = ["Compute"]
