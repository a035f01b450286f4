"""The topics and subscriptions of one cloud, as resources: the base class of the broker.

It has the broker's lock. It must not know how messages are delivered.
"""

import threading
from dataclasses import dataclass, field, replace

from local.api.store import Collection
from local.errors import ApiError
from local.pubsub import rules
from local.pubsub.backlog import Backlog
from local.pubsub.model import Json, Settings, settings_of
from local.pubsub.snapshots import Snapshots

DELETED_TOPIC = "_deleted-topic_"


@dataclass(slots=True, eq=False)
class Subscription:
    resource: Json
    settings: Settings
    backlog: Backlog = field(default_factory=Backlog)
    delivered: int = 0
    failed: int = 0
    dead_lettered: int = 0

    @property
    def name(self) -> str:
        name: str = self.resource["name"]
        return name


class Registry:
    def __init__(self) -> None:
        # The lock for everything; threads wait on it for messages or for idle subscriptions.
        self.changed = threading.Condition(threading.RLock())
        self._topics = Collection()
        self._resources = Collection()  # of the subscriptions
        self._subscriptions: dict[str, Subscription] = {}
        self._snapshots = Snapshots()

    def create_topic(self, name: str, body: Json) -> Json:
        resource = rules.topic_resource(name, body)
        with self.changed:
            self._topics.add(name, resource)
            return resource

    def topic(self, name: str) -> Json:
        with self.changed:
            return self._topics.get(name)

    def topics(self, project: str, size: int, token: str = "") -> tuple[list[Json], str]:
        """A page of `projects/P`'s topics and the token of the next one."""
        with self.changed:
            return self._topics.page(f"{project}/", size, token)

    def delete_topic(self, name: str) -> None:
        """Delete it; its subscriptions keep their messages and get the topic `_deleted-topic_`."""
        with self.changed:
            self._topics.get(name)
            self._topics.remove(name)
            for resource in self._resources:
                if resource["topic"] == name:
                    resource["topic"] = DELETED_TOPIC
            self._snapshots.topic_deleted(name, DELETED_TOPIC)

    def create_subscription(self, name: str, body: Json, own_deadline: float | None = None) -> Json:
        """`own_deadline`: an exact ack deadline; then Google's limits don't apply."""
        resource = rules.subscription_resource(name, body, own=own_deadline is not None)
        settings = settings_of(resource)
        if own_deadline is not None:
            settings = replace(settings, ack_deadline=own_deadline)
        with self.changed:
            self._topics.get(resource["topic"])
            if settings.dead_letter_topic:
                self._topics.get(settings.dead_letter_topic)
            self._resources.add(name, resource)
            backlog = Backlog(ordered=settings.ordered)
            self._subscriptions[name] = Subscription(resource, settings, backlog)
            return dict(resource)

    def subscription(self, name: str) -> Json:
        with self.changed:
            return dict(self._resources.get(name))

    def subscriptions(
        self, project: str, size: int, token: str = "", topic: str = ""
    ) -> tuple[list[Json], str]:
        """A page of subscriptions: of `projects/P`, or of one topic in any project."""
        with self.changed:
            if not topic:
                return self._resources.page(f"{project}/", size, token)
            self._topics.get(topic)
            return self._resources.page("", size, token, lambda one: one["topic"] == topic)

    def delete_subscription(self, name: str) -> None:
        with self.changed:
            self._find(name)
            del self._subscriptions[name]
            self._resources.remove(name)
            self.changed.notify_all()

    def update_topic(self, name: str, body: Json, mask: str) -> Json:
        """Set the fields of `mask` from `body`; a field that it lacks is removed."""
        with self.changed:
            merged = rules.updated(self._topics.get(name), body, mask, rules.TOPIC_FIELDS)
            self._topics.replace(name, rules.topic_resource(name, merged))
            return dict(self._topics.get(name))

    def update_subscription(self, name: str, body: Json, mask: str) -> Json:
        """Set the fields of `mask` from `body`; a field that it lacks gets its default."""
        with self.changed:
            subscription = self._find(name)
            fields = rules.SUBSCRIPTION_FIELDS
            merged = rules.updated(subscription.resource, body, mask, fields)
            # Values set by the stack may be outside the limits for clients.
            own = not set(rules.mask_fields(mask)) & {"ackDeadlineSeconds", "deadLetterPolicy"}
            checked = rules.subscription_resource(name, merged, own=own)
            if "deadLetterPolicy" in checked:
                self._topics.get(checked["deadLetterPolicy"]["deadLetterTopic"])
            subscription.resource.clear()
            subscription.resource.update(checked)
            self._reread(subscription, "ackDeadlineSeconds" in rules.mask_fields(mask))
            return dict(subscription.resource)

    def modify_push(self, name: str, config: Json) -> None:
        """Set a subscription's push config; an empty one makes it a pull subscription."""
        checked = rules.push_config(config)
        with self.changed:
            subscription = self._find(name)
            subscription.resource["pushConfig"] = checked
            self._reread(subscription, deadline=False)

    def _reread(self, subscription: Subscription, deadline: bool) -> None:
        """Apply the resource's settings; the ack deadline only if it was changed."""
        changed = settings_of(subscription.resource)
        if not deadline:
            # The exact deadline may be `own_deadline`; the resource has it rounded.
            changed = replace(changed, ack_deadline=subscription.settings.ack_deadline)
        subscription.settings = changed
        self.changed.notify_all()

    def all_subscriptions(self) -> list[Subscription]:
        with self.changed:
            return [self._subscriptions[name] for name in sorted(self._subscriptions)]

    def all_topics(self) -> list[Json]:
        with self.changed:
            return list(self._topics)

    def _find(self, name: str) -> Subscription:
        try:
            return self._subscriptions[name]
        except KeyError:
            raise ApiError.not_found(name) from None
