"""Pub/Sub: publishing to the project's own topics."""
