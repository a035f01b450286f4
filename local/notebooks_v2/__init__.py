"""Notebooks v2: Workbench instances and their operations."""

from local.notebooks_v2.service import Notebooks

__all__ = ["Notebooks"]
