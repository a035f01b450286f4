"""The names of notebooks: never two people's, and a successor's is never used again."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.manifests.snapshot import data_disk
from shared.domain.manifests.workbench import (
    instance_id,
    is_instance_id,
    named_as,
    successor_id,
)
from shared.domain.names import PERSON_KEY, person_key, slug
from shared.domain.reconciliation.step_claims import request_id
from shared.domain.resources.kinds import Kind, Step
from shared.domain.resources.manifest import Manifest
from tests.support.builders import KEY, NOW, a_notebook
from tests.support.grouped_fields import replace

ZONES = [f"projects/demo/locations/{zone}/instances" for zone in ("z-a", "z-b")]
FIRST = f"{ZONES[0]}/nb-{KEY}"
LONGEST = person_key("a-very-long-name-for-somebody@example.com")
HASH, ENDING = "rzb4un3qciuo", "q5w2mz"
# Keys that are prefixes of others, or contain the suffix of a name.
KEYS = st.lists(st.sampled_from(["a", "ana", HASH, ENDING]), min_size=1, max_size=4).map(
    lambda parts: f"{slug('-'.join(parts), length=22)}-{HASH}"
)


def test_a_successor_is_named_after_the_person_and_no_other_replacement() -> None:
    name = successor_id(KEY, FIRST, 2, NOW)
    assert re.fullmatch(rf"nb-{KEY}-[a-z2-7]{{6}}", name)
    assert successor_id(KEY, FIRST, 2, NOW) == name, "whoever works it out again"
    others = {
        successor_id(KEY, f"{ZONES[1]}/nb-{KEY}", 2, NOW),
        successor_id(KEY, FIRST, 3, NOW),
        successor_id(KEY, FIRST, 2, NOW + timedelta(microseconds=1)),
    }
    assert len({name, *others}) == 4


def test_the_longest_name_fits_and_so_does_that_of_its_disk() -> None:
    assert len(LONGEST) == 35
    name = successor_id(LONGEST, FIRST, 2, NOW)
    assert len(name) == 45
    assert len(data_disk(f"{ZONES[0]}/{name}").rpartition("/")[2]) <= 63


@pytest.mark.parametrize(
    ("ending", "is_theirs"),
    [
        ("", True),
        ("-q5w2mz", True),
        ("-q5w2m", False),
        ("-q5w2mzz", False),
        ("-q5w2m1", False),
        ("-Q5W2MZ", False),
        ("q5w2mz", False),
        ("-q5w2mz-q5w2mz", False),
        ("-q5w2mz\n", False),
        ("-data-workspace", False),
    ],
)
def test_a_notebook_of_any_generation_is_known_by_its_name(ending: str, is_theirs: bool) -> None:
    assert is_instance_id(f"nb-{KEY}{ending}", KEY) is is_theirs
    assert not is_instance_id(f"nb-{person_key('ben@example.com')}{ending}", KEY)


@given(one=KEYS, other=KEYS)
def test_no_name_is_two_peoples_even_where_a_key_begins_with_another(one: str, other: str) -> None:
    """A key ends in a hyphen and twelve characters, a successor's name in a hyphen and six."""
    assert re.fullmatch(PERSON_KEY, one)
    for name in (instance_id(other), f"{instance_id(other)}-{ENDING}"):
        assert is_instance_id(name, one) is (one == other)


def test_a_key_that_begins_with_another_key_is_somebody_elses() -> None:
    longer = person_key(f"{person_key('a@example.com')}@example.com")
    shorter = person_key("a@example.com")
    assert longer.startswith(f"{shorter}-")
    assert not is_instance_id(instance_id(longer), shorter)
    assert not is_instance_id(successor_id(longer, FIRST, 2, NOW), shorter)
    assert not is_instance_id(successor_id(shorter, FIRST, 2, NOW), longer)


def test_a_manifest_is_named_as_what_is_in_the_record_in_every_zone() -> None:
    places = tuple(f"{zone}/nb-{KEY}" for zone in ZONES)
    manifest = Manifest(kind=Kind.WORKBENCH, slot="main", places=places, body={}, digest="d")
    assert named_as(manifest, FIRST) == manifest
    named = named_as(manifest, f"{ZONES[1]}/nb-{KEY}-q5w2mz")
    assert named == replace(manifest, places=tuple(f"{place}-q5w2mz" for place in places))


@pytest.mark.parametrize("step", list(Step))
def test_a_successor_never_has_the_request_id_of_one_of_a_lost_record(step: Step) -> None:
    """Both count from the start, and the cloud would answer with what it did then."""
    lost, now = (
        a_notebook(name=f"{ZONES[0]}/{successor_id(KEY, FIRST, 2, at)}", generation=2)
        for at in (NOW, NOW + timedelta(days=1))
    )
    assert request_id(KEY, lost, step) != request_id(KEY, now, step)
    assert request_id(KEY, now, step) == request_id(KEY, now, step)
