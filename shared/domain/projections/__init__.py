"""Projections: history, offboarding record and announcements, derived from changes."""
