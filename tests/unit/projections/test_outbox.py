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


def test_an_announcement_has_person_news_time_and_reason() -> None:
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
def test_only_ready_has_the_link_of_the_notebook(news: News) -> None:
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


def test_an_outbox_that_is_never_emptied_is_limited() -> None:
    record = a_record()
    for _ in range(120):
        record = with_announcement(record, News.FAILED, NOW)
    assert [item.number for item in record.outbox.waiting] == list(range(71, 121))


def test_nothing_else_is_named_as_a_snapshot() -> None:
    record = with_announcement(a_record(a_notebook(State.READY)), News.READY, NOW)
    assert record.outbox.waiting[0].snapshot == ""
