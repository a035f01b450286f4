"""Notebooks API v1: the two older kinds, managed notebooks and Dataproc Hubs."""
