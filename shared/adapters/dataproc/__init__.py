"""Dataproc: session templates, and the sessions and clusters that people start."""
