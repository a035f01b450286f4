"""The clock of an endpoint, on the local cloud."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests

from local.server import LocalCloud
from shared.adapters.clocks import EndpointClock

pytestmark = pytest.mark.slow


def test_it_reports_its_offset_at_each_call() -> None:
    ahead: list[timedelta] = []
    with LocalCloud() as cloud:
        clock = EndpointClock(f"{cloud.url}/_admin/clock", ahead.append)
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=10)
        cloud.cloud.clock.advance(timedelta(days=40))
        assert clock.now() - datetime.now(UTC) > timedelta(days=39)
    assert abs(ahead[1] - ahead[0] - timedelta(days=40)) < timedelta(seconds=10)
    with pytest.raises(requests.ConnectionError):
        clock.now()
    assert len(ahead) == 2, "without an answer there is no offset"
