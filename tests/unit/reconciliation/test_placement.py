"""Where a notebook is created: the zones of the profile in order, except those without capacity."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from shared.domain.faults import Disposition
from shared.domain.reconciliation.placement import capacity_key, next_place, no_capacity, zone_of
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest
from tests.support.builders import a_notebook, a_problem


def place(zone: str) -> str:
    return f"projects/demo/locations/{zone}/instances/nb"


MANIFEST = Manifest(
    kind=Kind.WORKBENCH,
    slot="main",
    places=(place("z-a"), place("z-b"), place("z-c")),
    body={},
    digest="d",
    scarce="n2-standard-8",
)


@pytest.mark.parametrize(
    ("tried", "lacking", "said", "expected", "because"),
    [
        ((), (), (), "z-a", "the profile's first"),
        (("z-a",), (), (), "z-b", "the first had none left"),
        (("z-b",), (), (), "z-a", "only what was tried is passed over"),
        (("z-a", "z-b", "z-c"), (), (), "", "every one was tried"),
        ((), ("z-a",), (), "z-b", "somebody else got a stock-out a moment ago"),
        ((), ("z-a", "z-b", "z-c"), (), "", "all are known to have none"),
        (("z-c",), ("z-a", "z-b"), (), "", "tried by us or by others"),
        (("z-a",), (), ("z-c",), "z-c", "Google said where there are some"),
        (("z-a",), (), ("z-c", "z-b"), "z-b", "of those the profile's order"),
        (("z-a",), (), ("z-x",), "z-b", "a zone that the profile doesn't allow is none"),
        (("z-a", "z-c"), (), ("z-c",), "z-b", "it was tried since Google said so"),
        (("z-a",), ("z-c",), ("z-c",), "z-b", "others found out since"),
    ],
)
def test_the_next_place(
    tried: tuple[str, ...],
    lacking: tuple[str, ...],
    said: tuple[str, ...],
    expected: str,
    because: str,
) -> None:
    notebook = a_notebook(
        tried=tuple(place(z) for z in tried),
        problem=replace(a_problem(Disposition.STOCK_OUT), elsewhere=said),
    )
    shortages = {f"{zone}/n2-standard-8" for zone in lacking}
    found = next_place(notebook, MANIFEST, shortages)
    assert found == (place(expected) if expected else ""), because


def test_a_shortage_of_another_machine_type_does_not_rule_out_a_zone() -> None:
    assert next_place(a_notebook(), MANIFEST, {"z-a/a2-highgpu-1g"}) == place("z-a")


def test_a_shortage_is_of_a_zone_and_a_machine_type() -> None:
    assert capacity_key(place("z-a"), MANIFEST) == "z-a/n2-standard-8"


@pytest.mark.parametrize(
    ("name", "scarce"), [("gs://bucket/people/x.yaml", "n2"), (place("z-a"), "")]
)
def test_kinds_without_machines_have_no_shortage(name: str, scarce: str) -> None:
    manifest = Manifest(
        kind=Kind.WORKBENCH, slot="m", places=(name,), body={}, digest="d", scarce=scarce
    )
    assert capacity_key(name, manifest) == ""
    assert next_place(a_notebook(), manifest, {"/", f"/{scarce}", "z-a/"}) == name


@pytest.mark.parametrize(
    ("name", "zone"),
    [(place("z-a"), "z-a"), ("projects/demo/locations/z-b", "z-b"), ("zone-a/nb", ""), ("", "")],
)
def test_the_zone_of_a_name(name: str, zone: str) -> None:
    assert zone_of(name) == zone


def test_without_a_place_the_problem_says_what_is_missing_and_what_to_do() -> None:
    problem = no_capacity(MANIFEST)
    assert (problem.code, problem.disposition) == ("STOCK_OUT", Disposition.STOCK_OUT)
    assert "n2-standard-8" in problem.message
    assert "z-a, z-b, z-c" in problem.message
    assert "add zones to the profile, or choose another machine type" in problem.message


def test_a_place_that_is_not_a_zone_is_named_as_it_is() -> None:
    manifest = Manifest(kind=Kind.WORKBENCH, slot="m", places=("anywhere",), body={}, digest="d")
    assert "(anywhere)" in no_capacity(manifest).message
