"""What was announced in a ``World``."""

from __future__ import annotations

from typing import Any

from tests.support.simulation.world import World


def news_of(world: World) -> list[str]:
    """``news`` of all announcements, oldest first."""
    return [item["data"]["news"] for item in world.topics.news]


def newest_announcement(world: World, news: str) -> dict[str, Any]:
    """The data of the newest announcement with that ``news``."""
    found: dict[str, Any] = [n["data"] for n in world.topics.news if n["data"]["news"] == news][-1]
    return found
