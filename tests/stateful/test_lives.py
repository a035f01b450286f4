"""A modest number of lives; ``make simulate N=…`` runs as many as you like."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.stateful.machine import Lives

TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
