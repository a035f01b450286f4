"""Listings: pages, prefixes, folders."""

from hypothesis import example, given
from hypothesis import strategies as st

from local.storage.listing import ListQuery, list_page
from tests.local.storage import harness
from tests.local.storage.harness import BUCKET, Bench

served, bench = harness.served, harness.bench  # pytest finds fixtures by name


NAMES = st.text(st.sampled_from("ab/\U0010ffff"), min_size=1, max_size=5)


@example(names={"\U0010ffff" * 2}, prefix="", delimiter="\U0010ffff", trailing=False, limit=1)
@given(
    names=st.sets(NAMES, max_size=12),
    prefix=st.sampled_from(["", "a", "a/", "b/a"]),
    delimiter=st.sampled_from(["", "/", "a", "\U0010ffff"]),
    trailing=st.booleans(),
    limit=st.integers(1, 4),
)
def test_the_pages_cover_the_whole_listing(
    names: set[str], prefix: str, delimiter: str, trailing: bool, limit: int
) -> None:
    items, prefixes = [], set()
    for name in sorted(names):
        if not name.startswith(prefix):
            continue
        end = name.find(delimiter, len(prefix)) + len(delimiter) if delimiter else 0
        if delimiter and end >= len(prefix) + len(delimiter):
            prefixes.add(name[:end])
            if not (trailing and name == name[:end]):
                continue
        items.append(name)
    seen_items: list[str] = []
    seen_prefixes: list[str] = []
    query = {"prefix": prefix, "delimiter": delimiter, "maxResults": str(limit)}
    query["includeTrailingDelimiter"] = "true" if trailing else "False"
    while True:
        page = list_page(sorted(names), ListQuery.of(query))
        # A prefix that is also an object (includeTrailingDelimiter) counts once.
        assert len({*page.names, *page.prefixes}) <= limit
        seen_items += page.names
        seen_prefixes += page.prefixes
        if page.next_token is None:
            break
        query["pageToken"] = page.next_token
    assert seen_items == items
    assert seen_prefixes == sorted(prefixes)


def test_the_client_lists_pages_and_folders(bench: Bench) -> None:
    names = [f"{folder}/{number}" for folder in "abc" for number in range(5)] + ["top"]
    for name in reversed(names):
        bench.upload(name)
    listed = bench.client.list_blobs(BUCKET, page_size=4)
    assert [blob.name for blob in listed] == names
    folded = bench.client.list_blobs(BUCKET, delimiter="/", page_size=3)
    assert [blob.name for blob in folded] == ["top"]
    assert folded.prefixes == {"a/", "b/", "c/"}
    some = bench.client.list_blobs(BUCKET, prefix="b/", start_offset="b/2", end_offset="b/4")
    assert [blob.name for blob in some] == ["b/2", "b/3"]
