"""``gcloud dataproc clusters import`` sends the content of a person's template.

The real command runs against a local server that records requests; the test compares what Dataproc
would have received. Needs gcloud; makes no connection to other machines.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.storage.cluster_yaml import render
from shared.domain.manifests import Site, manifests_of
from shared.domain.names import person_key
from shared.domain.people.person import Person
from shared.domain.resources.kinds import Kind
from tests.support.gcloud import Gcloud
from tools.check_profiles import load

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[3] / "infra" / "profiles"
SITE = Site(project="acme-data", region="us-central1", templates_bucket="acme-templates")
# Text that a reader of YAML 1.1 or 1.2 could read as another type.
PERSON = Person(email="o'neil#1@example.com", team="1e3", cost_center="007", display_name="x: y")


class Recorder:
    """Returns a finished operation for every POST and stores the bodies."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, dict[str, Any]]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                recorder.bodies.append((self.path.partition("?")[0], json.loads(body)))
                answer = json.dumps({"name": "projects/p/regions/r/operations/1", "done": True})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, format: str, *args: object) -> None:
                """No log lines."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    thread = threading.Thread(target=recorder.server.serve_forever)
    thread.start()
    yield recorder
    recorder.server.shutdown()
    thread.join()
    recorder.server.server_close()


@pytest.mark.parametrize("slot", ["small", "large"])
def test_gcloud_sends_the_content_of_the_template(
    slot: str, recorder: Recorder, gcloud_command: Gcloud
) -> None:
    profile = load(SHIPPED).profile("spark-engineer")
    assert profile is not None
    made = manifests_of(profile, PERSON, person_key(PERSON.email), SITE)
    (manifest,) = [w for w in made if w.kind is Kind.CLUSTER_TEMPLATE and w.slot == slot]
    gcloud = gcloud_command.pointed_at(
        {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_DATAPROC": recorder.url,
            "CLOUDSDK_CORE_PROJECT": SITE.project,
        }
    )
    command = ["dataproc", "clusters", "import", "my-cluster", "--region=us-central1", "--async"]
    done = gcloud.run(*command, stdin=render(manifest.body).decode())
    assert done.returncode == 0, done.stderr
    ((path, sent),) = recorder.bodies
    assert path == "/v1/projects/acme-data/regions/us-central1/clusters"
    assert sent == manifest.body | {"projectId": "acme-data", "clusterName": "my-cluster"}
