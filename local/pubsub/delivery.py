"""Push delivery: posts the broker's ready messages to their endpoints, several at a time.

One thread passes ready messages to worker threads; another calls the broker when a lease or
back-off ends on the cloud's clock. The broker decides which messages to send; this module sends
them and reports whether the endpoint acknowledged.
"""

import queue
import threading
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from local.cloud import Cloud
from local.errors import ApiError, ConnectionDropped
from local.pubsub.broker import Broker, Leased
from local.pubsub.envelope import push_body, push_headers

# Status codes that acknowledge a push; any other one means: deliver again (Google's page "Push
# subscriptions"). Google's emulator doesn't accept 202.
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
        """Start no more pushes; running ones finish."""
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
        while leased := self._broker.next_push(self._stop.is_set):
            self._workers.run(partial(self._push, leased))

    def _watch_clock(self) -> None:
        changed = self._broker.timers_changed
        while True:
            # Clear before the check: `stop` sets both events, and none must be lost.
            changed.clear()
            if self._stop.is_set():
                return
            due = self._broker.next_due()
            if due is None:
                changed.wait()
            elif due <= self._cloud.clock.now() or self._cloud.clock.wait_until(due, changed):
                self._broker.release_due()

    def _push(self, leased: Leased) -> None:
        """Send one message and report the result; after any failure it is delivered again."""
        acknowledged = False
        try:
            with self._cloud.call("pubsub", "push", f"{leased.subscription} {leased.message.id}"):
                acknowledged = post(leased) in ACKNOWLEDGING
                if not acknowledged:
                    raise ApiError.unavailable("The endpoint did not acknowledge")
        except (ApiError, ConnectionDropped, OSError, HTTPException):
            # Also for an "after" fault: the message was handled, its acknowledgement is lost.
            acknowledged = False
        finally:
            self._broker.complete_push(leased, acknowledged)


def post(leased: Leased) -> int:
    """The endpoint's status; OSError or HTTPException if it didn't answer in time.

    Every push has a new connection: the server could close a kept one just when it is used again,
    which would count as a failed delivery that never took place.
    """
    settings = leased.settings
    url = urlsplit(settings.push_endpoint)
    attempt = leased.attempt if settings.max_attempts else None
    body = push_body(leased.message, leased.subscription, attempt)
    headers = push_headers(leased.message, settings.push_format) | {"Connection": "close"}
    assert url.hostname is not None  # checked when the endpoint was set
    connection = HTTPConnection(url.hostname, url.port, timeout=settings.ack_deadline)
    try:
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


class _Workers:
    """A pool of daemon threads that grows as needed.

    Not a ThreadPoolExecutor: the interpreter waits for its threads at exit, and a push may wait ten
    minutes for its answer.
    """

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
        """End every thread after its current job; `run` must not be called afterwards."""
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            with self._lock:
                self._idle += 1
