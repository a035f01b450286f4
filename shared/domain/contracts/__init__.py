"""Contracts: the events that come in, the announcements that go out, and why one is rejected."""
