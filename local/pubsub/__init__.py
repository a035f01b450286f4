"""Pub/Sub: topics, pull and push subscriptions; and a Cloud Scheduler that publishes."""

from local.pubsub.scheduler import Scheduler
from local.pubsub.service import PubSub

__all__ = ["PubSub", "Scheduler"]
