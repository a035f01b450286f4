"""Whose a resource is, read from its labels and its name without a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.manifests.cluster_template import folder_of, key_of_path
from shared.domain.manifests.labels import labelled_key, ownership
from shared.domain.manifests.session_template import key_of_template
from shared.domain.manifests.snapshot import key_of_snapshot, snapshot_name
from shared.domain.manifests.workbench import instance_id, key_of_instance, successor_id
from shared.domain.names import person_key, resource_id
from tests.support.builders import KEY, NOW

FIRST = f"projects/demo/locations/z-a/instances/nb-{KEY}"
# The last two have a part that looks like the hash in a key.
KEYS = st.sampled_from(
    [
        KEY,
        *map(
            person_key,
            ("a@example.com", "jan.vandenbergen@example.com", "abcdefghijkl@example.com"),
        ),
    ]
)


@given(KEYS)
def test_a_notebook_is_of_the_person_of_whose_key_its_id_is_made(key: str) -> None:
    assert key_of_instance(instance_id(key)) == key
    assert key_of_instance(successor_id(key, FIRST, 2, NOW)) == key


@pytest.mark.parametrize(
    "name",
    ["wb", f"st-{KEY}", f"my-{KEY}", KEY, f"nb-{KEY}-old", f"nb-{KEY}-q5w2mz-x", f"nb-{KEY}\n", ""],
)
def test_other_names_are_of_no_notebook_of_ours(name: str) -> None:
    assert key_of_instance(name) == ""


@given(KEYS, st.sampled_from(["spark", "large-2", "x"]))
def test_a_template_and_a_snapshot_have_the_key_and_a_slot_in_their_names(
    key: str, slot: str
) -> None:
    assert key_of_template(resource_id("st", key, slot)) == key
    assert key_of_snapshot(snapshot_name(FIRST, key, slot).rpartition("/")[2]) == key
    assert key_of_template(resource_id("sn", key, slot)) == ""
    assert key_of_snapshot(resource_id("st", key, slot)) == ""


@given(KEYS)
def test_a_file_is_of_the_person_in_whose_folder_it_is(key: str) -> None:
    assert key_of_path(f"{folder_of(key)}small.yaml") == key
    assert key_of_path(f"{folder_of(key)}more/notes.txt") == key


@pytest.mark.parametrize(
    "path",
    [
        f"people/{KEY}/",  # a placeholder for the folder, as the console makes them
        f"people/{KEY}",
        "people/",
        "people/readme.txt",
        "people/ana/small.yaml",
        f"{KEY}/small.yaml",
        f"old/people/{KEY}/small.yaml",
    ],
)
def test_other_files_are_of_nobody(path: str) -> None:
    assert key_of_path(path) == ""


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        (ownership(KEY), KEY),
        ({"benchkeeper-person": KEY}, KEY),
        ({"benchkeeper-person": KEY, "managed-by": "terraform"}, ""),
        ({"benchkeeper-person": "ana", "managed-by": "benchkeeper"}, ""),
        ({"benchkeeper-person": ""}, ""),
        ({"managed-by": "benchkeeper"}, ""),
        ({}, ""),
    ],
)
def test_our_label_names_the_person_unless_another_manager_is_named(
    labels: dict[str, str], key: str
) -> None:
    assert labelled_key(labels) == key
