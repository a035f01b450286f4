"""Notebooks API v2: Workbench instances."""
