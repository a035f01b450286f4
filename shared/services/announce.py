"""Publishes the announcements in the outbox of a saved record, and defines their published form.

Each is published at least once: if Pub/Sub did not accept it, or may not have, it is published
again with the same id. A failure here delays nothing else.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from shared.domain.contracts.announcements import Announcement, News
from shared.domain.contracts.json_schemas import schema_of
from shared.domain.environment import Environment
from shared.ports import Conflict, EnvironmentStore, NotPublished, Publisher

log = logging.getLogger(__name__)

TYPE = "benchkeeper.environment"


class Announcer:
    """Publishes to ``topic``; ``project`` is part of the ``source`` of each CloudEvent."""

    def __init__(
        self, *, store: EnvironmentStore, publisher: Publisher, topic: str, project: str
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._topic = topic
        self._project = project

    def hand_on(self, environment: Environment, version: str, due_at: datetime | None) -> None:
        """Publish what is in the outbox of ``environment``, saved under ``version``; empty it.

        ``due_at``: when the record is due once the outbox is empty.
        """
        if not environment.outbox.waiting:
            return
        messages = [
            msgspec.json.encode(cloud_event(self._project, environment.key, item))
            for item in environment.outbox.waiting
        ]
        try:
            self._publisher.publish(self._topic, messages)
        except NotPublished as error:
            log.warning(
                f"announcements wait in the outbox: {error}",
                extra={"action": "announce.failed", "person": environment.key},
            )
            return
        emptied = replace(
            environment,
            outbox=replace(environment.outbox, waiting=()),
            status=replace(environment.status, due_at=due_at),
        )
        try:
            self._store.save(emptied, version, ())
        except Conflict:
            # The worker that saved first has the same outbox, publishes it again and empties it.
            log.info("published; the outbox is emptied later", extra={"action": "announce.again"})


class HoldInForce(msgspec.Struct, frozen=True, kw_only=True):
    """One hold: as long as there is any, nothing of the person is deleted."""

    id: Annotated[str, Meta(description="The id by which a release names it.")]
    reason: Annotated[str, Meta(description="Why, in the admin's words.")]
    by: Annotated[str, Meta(description="Who gave it, as the command says; may be empty.")]
    at: Annotated[datetime, Meta(tz=True, description="Since when it is in force.")]


class Announced(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The content of an announcement. Empty fields are left out."""

    email: Annotated[str, Meta(description="The current address of the person.")]
    key: Annotated[
        str, Meta(description="The key of their record; part of the names of their resources.")
    ]
    news: Annotated[News, Meta(description="What happened, as in `type`.")]
    profile: Annotated[str, Meta(description="The profile they have.")] = ""
    notebook: Annotated[str, Meta(description="With `ready`: where the notebook opens.")] = ""
    snapshot: Annotated[str, Meta(description="The newest snapshot of their work.")] = ""
    reason: Annotated[
        str,
        Meta(
            description="In words: the problem, the admin's reason, the scheduled event, or why it "
            "was cancelled."
        ),
    ] = ""
    effective_at: Annotated[
        datetime | None,
        Meta(
            description="With `scheduled`: when it takes effect. With `suspended`: when the "
            "removal is due, unless they come back or are held. With `cancelled`: when it would "
            "have taken effect."
        ),
    ] = None
    event_id: Annotated[
        str, Meta(description="With `scheduled` and `cancelled`: the id of that event.")
    ] = ""
    hold: Annotated[
        str, Meta(description="With `held` and `released`: the id of the hold given or lifted.")
    ] = ""
    holds: Annotated[
        tuple[HoldInForce, ...], Meta(description="All holds in force, the first one first.")
    ] = ()


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change in one person's environment (topic `environment-events`): CloudEvents 1.0 in JSON.

    Announcements are delivered at least once, and not always in order. Two with the same `id` are
    the same announcement. The number at the end of the `id` increases for each person.
    """

    specversion: Literal["1.0"]
    id: Annotated[str, Meta(description="KEY-NUMBER; always the same for the same announcement.")]
    source: Annotated[str, Meta(description="/projects/PROJECT/environments/KEY")]
    type: Annotated[str, Meta(description=f"{TYPE}.NEWS, such as {TYPE}.ready")]
    subject: Annotated[str, Meta(description="The key of the person's record.")]
    time: Annotated[datetime, Meta(tz=True, description="When it happened.")]
    datacontenttype: Literal["application/json"]
    data: Announced


def announcement_schema() -> dict[str, Any]:
    """The JSON Schema of an announcement, as in ``docs/announcement.schema.json``."""
    return schema_of(CloudEvent, "Benchkeeper announcement")


def cloud_event(project: str, key: str, item: Announcement) -> CloudEvent:
    """``item`` of the record ``key`` in its published form; an item always has the same id."""
    return CloudEvent(
        specversion="1.0",
        id=f"{key}-{item.number}",
        source=f"/projects/{project}/environments/{key}",
        type=f"{TYPE}.{item.news}",
        subject=key,
        time=item.at,
        datacontenttype="application/json",
        data=Announced(
            email=item.email,
            key=key,
            news=item.news,
            profile=item.profile,
            notebook=item.notebook,
            snapshot=item.snapshot,
            reason=item.reason,
            effective_at=item.effective_at,
            event_id=item.event_id,
            hold=item.hold,
            holds=tuple(
                HoldInForce(id=hold.id, reason=hold.reason, by=hold.by, at=hold.at)
                for hold in item.holds
            ),
        ),
    )
