"""Reconciliation: what should be there, compared with what is there, and the next steps."""
