"""The handler that the product's CPU is compared with: the same calls, and not a thought more.

It reads the event's JSON, and makes the same three calls to the state, the same POST, create and
upload with the same clients. Its requests are texts made in advance in which a person's key and
e-mail are replaced. It validates nothing, decides nothing, logs nothing, forgets nothing half-way
and would not survive a crash: it is what the product's promises are paid on top of.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloudevents.http import CloudEvent
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.cloud.dataproc_v1 import SessionTemplate, SessionTemplateControllerClient

from shared.adapters.storage.cluster_yaml import render
from shared.bootstrap import App
from shared.domain.manifests import manifests_of
from shared.domain.people.person import Person
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest

_KEY, _EMAIL = "the-key-0000", "the-email-0000@example.com"
_SCHEMA = """
CREATE TABLE records (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE history (key TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL);
"""


class BareHandler:
    """Callable like an entry point; ``state`` is the SQLite file it makes."""

    def __init__(self, app: App, profile: str, state: Path) -> None:
        settings = app.settings
        self._texts = _texts(app, profile)
        self._rest = AuthorizedSession(AnonymousCredentials())  # type: ignore[no-untyped-call] # google's
        self._templates = SessionTemplateControllerClient(
            transport="rest",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # google's
            client_options={"api_endpoint": settings.dataproc_endpoint},
        )
        self._bucket = storage.Client(project=settings.project).bucket(settings.templates_bucket)
        self._state = _opened(state)
        self._endpoint = settings.notebooks_endpoint

    def __call__(self, event: CloudEvent) -> None:
        """One join, from the event to the saved result."""
        body = json.loads(base64.b64decode(event.data["message"]["data"]))
        email = body["email"]
        key = "u-" + hashlib.sha256(email.encode()).hexdigest()[:12]
        if self._state.execute("SELECT document FROM records WHERE key = ?", (key,)).fetchone():
            return
        record = {"key": key, "event": body, "phase": "provisioning", "resources": {}}
        self._save("INSERT INTO records (document, key) VALUES (?, ?)", record, "joined")
        record["resources"] = self._create(key, email)
        self._save("UPDATE records SET document = ? WHERE key = ?", record, "created")

    def close(self) -> None:
        """Close the state."""
        self._state.close()

    def _create(self, key: str, email: str) -> dict[str, str]:
        template = self._request(Kind.SESSION_TEMPLATE, key, email)
        made = self._templates.create_session_template(
            parent=template["place"].partition("/sessionTemplates/")[0],
            session_template=SessionTemplate.from_json(template["body"]),
            retry=None,
            timeout=20.0,
        )
        cluster = self._request(Kind.CLUSTER_TEMPLATE, key, email)
        blob = self._bucket.blob(cluster["place"].partition(self._bucket.name + "/")[2])
        blob.metadata = {"managed-by": "bare", "key": key}
        blob.upload_from_string(
            cluster["body"],
            content_type="application/yaml",
            if_generation_match=0,
            timeout=(5.0, 20.0),
            retry=None,
        )
        notebook = self._request(Kind.WORKBENCH, key, email)
        parent, _, name = notebook["place"].rpartition("/instances/")
        answer = self._rest.post(
            f"{self._endpoint}/v2/{parent}/instances",
            params={"instanceId": name},
            data=notebook["body"],
            headers={"Content-Type": "application/json"},
            timeout=(5.0, 20.0),
        )
        answer.raise_for_status()
        return {"template": made.name, "cluster": blob.name, "notebook": answer.json()["name"]}

    def _request(self, kind: Kind, key: str, email: str) -> dict[str, str]:
        texts = self._texts[kind].items()
        return {name: t.replace(_KEY, key).replace(_EMAIL, email) for name, t in texts}

    def _save(self, statement: str, record: dict[str, Any], text: str) -> None:
        now = datetime.now(UTC).isoformat()
        self._state.execute("BEGIN IMMEDIATE")
        self._state.execute(statement, (json.dumps(record), record["key"]))
        self._state.execute("INSERT INTO history VALUES (?, ?, ?)", (record["key"], now, text))
        self._state.execute("COMMIT")


def _opened(path: Path) -> sqlite3.Connection:
    """As durable as the product's: what is being compared is not how a disk is trusted."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(_SCHEMA)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _texts(app: App, profile: str) -> dict[Kind, dict[str, str]]:
    """Place and body of each request, as texts with the key and the e-mail to be replaced."""
    chosen = app.profiles.current().profile(profile)
    assert chosen is not None, f"{profile} is one of the shipped profiles"
    person = Person(
        email=_EMAIL, display_name="Somebody New", team="research", cost_center="cc-4711"
    )
    wanted = manifests_of(chosen, person, _KEY, app.site)
    return {
        manifest.kind: {"place": manifest.places[0], "body": _body(manifest)} for manifest in wanted
    }


def _body(manifest: Manifest) -> str:
    if manifest.kind is Kind.CLUSTER_TEMPLATE:
        return render(manifest.body).decode()
    return json.dumps(manifest.body)
