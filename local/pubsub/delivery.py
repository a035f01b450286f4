"""Push delivery: takes what is ready from the broker and posts it, several at a time.

Two threads steer: one hands ready messages to workers, one wakes the broker when a lease or a
back-off runs out on the cloud's clock. Workers are made as they are needed and kept. Which messages
go when is the broker's decision; this module only sends, and says whether the endpoint
acknowledged.
"""

import queue
import threading
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from local.cloud import Cloud
from local.errors import ApiError, ConnectionDropped
from local.pubsub.broker import Broker, Handed
from local.pubsub.envelope import push_body, push_headers

# What Pub/Sub takes as an acknowledgement; every other answer means: deliver again
# (Google's page "Push subscriptions"). The emulator leaves out 202.
ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})


class Delivery:
    def __init__(self, cloud: Cloud, broker: Broker) -> None:
        self._cloud = cloud
        self._broker = broker
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._workers = _Workers()

    def start(self) -> None:
        if self._threads:
            return
        self._stop.clear()
        self._threads = [
            threading.Thread(target=self._dispatch, name="pubsub-dispatch", daemon=True),
            threading.Thread(target=self._watch_clock, name="pubsub-clock", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Start no further pushes; those under way end on their own."""
        self._stop.set()
        self._broker.timers_changed.set()
        with self._broker.changed:
            self._broker.changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads = []
        self._workers.dismiss()
        self._workers = _Workers()

    def _dispatch(self) -> None:
        while handed := self._broker.next_push(self._stop.is_set):
            self._workers.run(partial(self._push, handed))

    def _watch_clock(self) -> None:
        changed = self._broker.timers_changed
        while True:
            # In this order: `stop` sets both, and a wake-up must not be cleared unseen.
            changed.clear()
            if self._stop.is_set():
                return
            due = self._broker.next_due()
            if due is None:
                changed.wait()
            elif due <= self._cloud.clock.now() or self._cloud.clock.wait_until(due, changed):
                self._broker.release_due()

    def _push(self, handed: Handed) -> None:
        """Send one message and settle it; whatever goes wrong means that it comes again."""
        acknowledged = False
        try:
            with self._cloud.call("pubsub", "push", f"{handed.subscription} {handed.message.id}"):
                acknowledged = post(handed) in ACKNOWLEDGING
                if not acknowledged:
                    raise ApiError.unavailable("The endpoint did not acknowledge")
        except (ApiError, ConnectionDropped, OSError, HTTPException):
            # An "after" fault comes here too, with the message handled but its acknowledgement
            # lost.
            acknowledged = False
        finally:
            self._broker.settle(handed, acknowledged)


def post(handed: Handed) -> int:
    """The status the endpoint answered; OSError or HTTPException when it did not, in time.

    A connection of its own for every push: a kept one may be closed by the server at the very
    moment it is used again, and that would count as a delivery which never took place.
    """
    settings = handed.settings
    url = urlsplit(settings.push_endpoint)
    attempt = handed.attempt if settings.max_attempts else None
    body = push_body(handed.message, handed.subscription, attempt)
    headers = push_headers(handed.message, settings.push_format) | {"Connection": "close"}
    assert url.hostname is not None  # checked when the endpoint was set
    connection = HTTPConnection(url.hostname, url.port, timeout=settings.ack_deadline)
    try:
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


class _Workers:
    """Daemon threads that grow with the work. (A ThreadPoolExecutor is waited for when the
    interpreter ends, and a push may wait ten minutes for its answer.)"""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def run(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                self._threads += 1
                threading.Thread(target=self._work, name="pubsub-push", daemon=True).start()
        self._jobs.put(job)

    def dismiss(self) -> None:
        """Let every thread end once it is done with its job; nothing may be run afterwards."""
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            with self._lock:
                self._idle += 1
