"""Announcements in the outbox: numbered for ever, with what others need to act on them."""

from __future__ import annotations

import pytest

from shared.domain.contracts.announcements import Announcement, News
from shared.domain.projections.outbox import with_announcement
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.resource import Resource
from tests.support.builders import ANA, NOW, a_notebook, a_record, after

LINK = "https://nb.notebooks.example.com"


def snapshot(slot: str, state: State = State.READY) -> Resource:
    return Resource(kind=Kind.SNAPSHOT, slot=slot, name=f"snapshots/{slot}", state=state)


def test_news_says_of_whom_what_when_and_why() -> None:
    record = with_announcement(
        a_record(), News.FAILED, NOW, reason="no quota", effective_at=after(5)
    )
    assert record.outbox.waiting == (
        Announcement(
            number=1,
            news=News.FAILED,
            at=NOW,
            email=ANA,
            profile="full",
            reason="no quota",
            effective_at=after(5),
        ),
    )
    assert record.outbox.count == 1


@pytest.mark.parametrize("news", list(News))
def test_only_a_notebook_that_is_ready_is_linked(news: News) -> None:
    record = with_announcement(a_record(a_notebook(State.READY, link=LINK)), news, NOW)
    assert record.outbox.waiting[0].notebook == (LINK if news is News.READY else "")


def test_the_newest_complete_snapshot_is_named() -> None:
    resources = (snapshot("s1"), snapshot("s2"), snapshot("s3", State.CREATING))
    record = with_announcement(a_record(*resources), News.REMOVED, NOW)
    assert record.outbox.waiting[0].snapshot == "snapshots/s2"


def test_numbers_go_on_when_the_outbox_was_emptied() -> None:
    record = with_announcement(a_record(announced=41), News.READY, NOW)
    record = with_announcement(record, News.SUSPENDED, after(1))
    assert [item.number for item in record.outbox.waiting] == [42, 43]
    assert record.outbox.count == 43


def test_what_nobody_fetches_does_not_grow_for_ever() -> None:
    record = a_record()
    for _ in range(120):
        record = with_announcement(record, News.FAILED, NOW)
    assert [item.number for item in record.outbox.waiting] == list(range(71, 121))


def test_nothing_else_is_named_as_a_snapshot() -> None:
    record = with_announcement(a_record(a_notebook(State.READY)), News.READY, NOW)
    assert record.outbox.waiting[0].snapshot == ""
