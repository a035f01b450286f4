"""A local Cloud Scheduler: jobs that publish to a topic at intervals of the cloud's clock.

If the clock is advanced by several intervals, a job runs once: Cloud Scheduler doesn't run missed
jobs later either.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.clock import timestamp
from local.cloud import Cloud
from local.errors import ApiError
from local.pubsub.service import PubSub


@dataclass(slots=True)
class _Job:
    name: str
    every: timedelta
    topic: str
    data: bytes
    attributes: Mapping[str, str]
    next_at: datetime
    fired: int = 0
    failed: int = 0


class Scheduler:
    def __init__(self, cloud: Cloud, pubsub: PubSub) -> None:
        self._cloud = cloud
        self._pubsub = pubsub
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._stopped = False
        self._changed = threading.Event()  # a new job, or a stop: compute the next wake-up again
        self._thread: threading.Thread | None = None

    def every(
        self,
        seconds: float,
        topic: str,
        data: bytes,
        *,
        name: str,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Publish `data` every `seconds` of the cloud's clock, first in `seconds`."""
        if seconds <= 0:
            raise ValueError(f"the interval must be above 0, not every {seconds}")
        step = timedelta(seconds=seconds)
        first = self._cloud.clock.now() + step
        with self._lock:
            self._jobs[name] = _Job(name, step, topic, data, attributes or {}, first)
        self._changed.set()

    def remove(self, name: str) -> None:
        with self._lock:
            del self._jobs[name]
        self._changed.set()

    def run(self, name: str) -> str:
        """Run a job now, like `gcloud scheduler jobs run`; the message's id."""
        with self._lock:
            job = self._jobs[name]
        return self._publish(job)

    def start(self) -> None:
        if self._thread is None:
            self._stopped = False
            self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def resources(self) -> list[dict[str, Any]]:
        """Jobs for `/_admin/resources`."""
        with self._lock:
            return [
                {
                    "kind": "scheduler.job",
                    "name": f"projects/{self._cloud.project}/jobs/{job.name}",
                    "everySeconds": job.every.total_seconds(),
                    "topic": job.topic,
                    "nextRun": timestamp(job.next_at),
                    "statistics": {"fired": job.fired, "failed": job.failed},
                }
                for job in self._jobs.values()
            ]

    def _run(self) -> None:
        while True:
            # Clear before the check: `stop` sets both, and none must be lost.
            self._changed.clear()
            if self._stopped:
                return
            with self._lock:
                times = [job.next_at for job in self._jobs.values()]
            if not times:
                self._changed.wait()
            elif self._cloud.clock.wait_until(min(times), self._changed):
                self._run_due()

    def _run_due(self) -> None:
        now = self._cloud.clock.now()
        with self._lock:
            due = [job for job in self._jobs.values() if job.next_at <= now]
            for job in due:
                # The next time after now, in the same interval.
                missed = (now - job.next_at) // job.every
                job.next_at += job.every * (missed + 1)
        for job in due:
            try:
                self._publish(job)
            except ApiError:
                # The topic is missing, perhaps only for now. Other jobs must still run.
                with self._lock:
                    job.failed += 1

    def _publish(self, job: _Job) -> str:
        message_id = self._pubsub.publish(job.topic, job.data, job.attributes)
        with self._lock:
            job.fired += 1
        return message_id
