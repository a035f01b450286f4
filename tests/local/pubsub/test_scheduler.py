"""The scheduler: messages published at intervals of the cloud's clock."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from local.cloud import Cloud
from local.pubsub import PubSub, Scheduler
from tests.local.pubsub import harness
from tests.local.pubsub.harness import SUBSCRIPTION

cloud, pubsub = harness.cloud, harness.pubsub  # pytest finds fixtures by name


class TestScheduler:
    @pytest.fixture
    def scheduler(self, cloud: Cloud, pubsub: PubSub) -> Iterator[Scheduler]:
        pubsub.create_topic("events")
        pubsub.subscribe("events", name="reader")
        scheduler = Scheduler(cloud, pubsub)
        scheduler.start()
        yield scheduler
        scheduler.stop()

    @staticmethod
    def pulled(pubsub: PubSub, wait: float = 2.0) -> list[bytes]:
        leased = pubsub.broker.pull(SUBSCRIPTION, 10, wait)
        pubsub.broker.acknowledge(SUBSCRIPTION, [one.ack_id for one in leased])
        return [one.message.data for one in leased]

    def test_a_job_runs_at_each_interval_of_the_clock(
        self, cloud: Cloud, pubsub: PubSub, scheduler: Scheduler
    ) -> None:
        scheduler.every(60, "events", b"tick", name="minute", attributes={"a": "b"})
        assert self.pulled(pubsub, wait=0.1) == []
        for _ in range(3):
            cloud.clock.advance(timedelta(seconds=60))
            assert self.pulled(pubsub) == [b"tick"]

    def test_after_a_long_advance_a_job_runs_once_and_keeps_its_schedule(
        self, cloud: Cloud, pubsub: PubSub, scheduler: Scheduler
    ) -> None:
        scheduler.every(3600, "events", b"tick", name="hour")
        first = scheduler.resources()[0]["nextRun"]
        cloud.clock.advance(timedelta(days=30, minutes=30))
        assert self.pulled(pubsub) == [b"tick"]
        assert self.pulled(pubsub, wait=0.2) == []
        (job,) = scheduler.resources()
        assert job["statistics"] == {"fired": 1, "failed": 0}
        assert job["nextRun"][14:] == first[14:], "same minute and second of the hour"

    def test_a_job_without_its_topic_does_not_stop_the_others(
        self, cloud: Cloud, pubsub: PubSub, scheduler: Scheduler
    ) -> None:
        scheduler.every(60, "missing", b"lost", name="broken")
        scheduler.every(60, "events", b"tick", name="sound")
        cloud.clock.advance(timedelta(seconds=61))
        assert self.pulled(pubsub) == [b"tick"]
        counted = {job["topic"]: job["statistics"] for job in scheduler.resources()}
        assert counted["missing"] == {"fired": 0, "failed": 1}

    def test_run_publishes_at_once_and_removed_jobs_do_not_run(
        self, cloud: Cloud, pubsub: PubSub, scheduler: Scheduler
    ) -> None:
        scheduler.every(60, "events", b"tick", name="minute")
        scheduler.run("minute")
        assert self.pulled(pubsub) == [b"tick"]
        scheduler.remove("minute")
        cloud.clock.advance(timedelta(seconds=61))
        assert self.pulled(pubsub, wait=0.2) == []

    def test_an_interval_must_be_above_0(self, scheduler: Scheduler) -> None:
        with pytest.raises(ValueError, match="every 0"):
            scheduler.every(0, "events", b"tick", name="never")
