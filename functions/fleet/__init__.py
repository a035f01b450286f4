"""`fleet`, the read-only HTTP API: who has which environment, in which state, and why."""
