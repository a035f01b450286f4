"""The ports, implemented with Firestore, SQLite, Cloud Storage, Pub/Sub and the resource APIs.

One package for each API or concern; none imports another. What they share is in ``google_api``
and ``driver_defaults``; ``inventory`` alone reads across them. See ``.importlinter``.
"""
