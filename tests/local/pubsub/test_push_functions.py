"""Push delivery to a real functions-framework server."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.pubsub import PubSub
from tests.local.pubsub import push_harness
from tests.local.pubsub.push_harness import statistics

cloud, pubsub = push_harness.cloud, push_harness.pubsub  # pytest finds fixtures by name

MAIN = """
import json, os
import functions_framework

@functions_framework.cloud_event
def handle(event):
    seen = {"attributes": dict(event.get_attributes()), "data": event.data}
    with open(os.environ["SEEN"], "a") as file:
        file.write(json.dumps(seen, default=str) + "\\n")
    if event.data["message"].get("attributes", {}).get("fail"):
        raise RuntimeError("asked to fail")
"""


@contextmanager
def function_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """A functions-framework process; its URL and the file to which it writes events."""
    (folder / "main.py").write_text(MAIN)
    seen = folder / "seen.jsonl"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "functions_framework", "--target=handle"]
    process = subprocess.Popen(
        [*command, f"--source={folder / 'main.py'}", "--host=127.0.0.1", f"--port={port}"],
        env={**os.environ, "SEEN": str(seen), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}/", seen
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "the function server ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the function server did not start in 30 s")


def events(seen: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in seen.read_text().splitlines()]


def test_function_gets_both_formats_as_the_same_event(pubsub: PubSub, tmp_path: Path) -> None:
    with function_server(tmp_path) as (url, seen):
        pubsub.create_topic("raw")
        pubsub.subscribe("events", url, name="as-eventarc")
        # functions-framework reads a raw push's topic from the path it was sent to.
        raw_url = f"{url}projects/demo/topics/raw"
        pubsub.subscribe("raw", raw_url, name="as-pubsub", format="pubsub")
        for topic in ("events", "raw"):
            pubsub.publish(topic, b'{"email":"ana@example.com"}', {"kind": "join"})
            assert pubsub.idle(20)
        by_eventarc, by_pubsub = events(seen)

    for event, topic in ((by_eventarc, "events"), (by_pubsub, "raw")):
        attributes, message = event["attributes"], event["data"]["message"]
        assert attributes["type"] == "google.cloud.pubsub.topic.v1.messagePublished"
        assert attributes["source"] == f"//pubsub.googleapis.com/projects/demo/topics/{topic}"
        assert attributes["id"] == message["messageId"]
        assert attributes["time"] == message["publishTime"]
        assert base64.b64decode(message["data"]) == b'{"email":"ana@example.com"}'
        assert message["attributes"] == {"kind": "join"}
    assert by_eventarc["data"]["subscription"] == "projects/demo/subscriptions/as-eventarc"
    assert "subscription" not in by_pubsub["data"], "lost in functions-framework's conversion"


def test_function_and_a_message_of_attributes_only(pubsub: PubSub, tmp_path: Path) -> None:
    with function_server(tmp_path) as (url, seen):
        pubsub.create_topic("raw")
        pubsub.subscribe("events", url, name="as-eventarc")
        pubsub.subscribe("raw", url, name="as-pubsub", format="pubsub", min_backoff=60)
        pubsub.publish("events", b"", {"kind": "join"})
        assert pubsub.idle(20)
        pubsub.publish("raw", b"", {"kind": "join"})
        # functions-framework answers 400 to a raw push without data, as it does in the cloud.
        assert not pubsub.idle(1)
        assert statistics(pubsub, "as-pubsub")["failed"] == 1
        assert [event["data"]["message"]["attributes"] for event in events(seen)] == [
            {"kind": "join"}
        ]


def test_function_that_raises_gets_the_event_again(pubsub: PubSub, tmp_path: Path) -> None:
    pubsub.create_topic("dead")
    with function_server(tmp_path) as (url, seen):
        pubsub.subscribe(
            "events",
            url,
            name="push",
            dead_letter_topic="dead",
            max_delivery_attempts=3,
            min_backoff=0.01,
        )
        message_id = pubsub.publish("events", b"x", {"fail": "yes"})
        assert pubsub.idle(20)
        handled = events(seen)
    assert [event["data"]["deliveryAttempt"] for event in handled] == [1, 2, 3]
    assert {event["attributes"]["id"] for event in handled} == {message_id}
    assert statistics(pubsub, "push")["deadLettered"] == 1
