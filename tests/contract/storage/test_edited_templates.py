"""A cluster template that somebody edited, in its file or its metadata, is written again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Observation
from tests.support.driver_backends import EMAIL, KEY, LABELS, LocalBackend, local_backend
from tests.support.driver_steps import made, observe, request
from tests.support.local_project import clients_of

pytestmark = pytest.mark.slow


@pytest.fixture
def backend() -> Iterator[LocalBackend]:
    with local_backend(Kind.CLUSTER_TEMPLATE) as backend:
        made(backend)
        yield backend


def overwrite(backend: LocalBackend, data: str, **metadata: str) -> None:
    """Replace the file by hand; without ``metadata``, it keeps its own."""
    bucket, _, path = backend.name.removeprefix("gs://").partition("/")
    files = clients_of(backend.url)["storage"]().bucket(bucket)
    blob = files.blob(path)
    blob.metadata = metadata or files.get_blob(path).metadata
    blob.upload_from_string(data)


def update(backend: LocalBackend) -> Observation:
    return backend.driver.update(backend.resource, backend.manifest(), KEY, EMAIL, request(1))


def test_another_content_under_the_same_metadata_is_replaced(backend: LocalBackend) -> None:
    _, written = backend.content()
    overwrite(backend, "config: {}")
    before = backend.calls()
    seen = update(backend)
    assert backend.calls() - before == 2, "read, then write"
    assert seen == observe(backend)
    assert backend.content()[1] == written


def test_other_metadata_of_the_same_content_is_replaced(backend: LocalBackend) -> None:
    _, written = backend.content()
    overwrite(backend, written.decode(), **LABELS)
    assert update(backend).state is State.READY
    assert backend.content()[0]["metadata"].keys() > LABELS.keys()


def test_a_file_without_our_metadata_is_left_alone(backend: LocalBackend) -> None:
    overwrite(backend, "theirs", note="mine")
    assert update(backend).state is State.FOREIGN
    assert backend.content()[1] == b"theirs"
