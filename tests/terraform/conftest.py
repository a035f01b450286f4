"""The tools, where ``make infra-check`` has put them: nothing is installed by a test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.terraform.environment import Unavailable, python_of
from tools.terraform.terraform import Terraform
from tools.terraform.versions import DISTRIBUTIONS, schema_file

_REPOSITORY = Path(__file__).parents[2]
_RIGHT = Path(__file__).parent / "fixtures" / "right"


@pytest.fixture(scope="session")
def cache() -> Path:
    return Path(os.environ.get("TERRAFORM_CACHE", _REPOSITORY / ".local"))


@pytest.fixture(scope="session")
def terraform_python(cache: Path) -> Path:
    return _installed("terraform", cache)


@pytest.fixture(scope="session")
def checkov_python(cache: Path) -> Path:
    return _installed("checkov", cache)


@pytest.fixture(scope="session", params=DISTRIBUTIONS)
def each_core(
    request: pytest.FixtureRequest, terraform_python: Path, cache: Path
) -> Iterator[Terraform]:
    yield from _core(request.param, terraform_python, cache)


@pytest.fixture(scope="session")
def core(terraform_python: Path, cache: Path) -> Iterator[Terraform]:
    yield from _core("8", terraform_python, cache)


@pytest.fixture
def right(tmp_path: Path) -> Path:
    """A copy of a configuration in which nothing is wrong."""
    return Path(shutil.copytree(_RIGHT, tmp_path / "right"))


def _installed(name: str, cache: Path) -> Path:
    try:
        return python_of(name, cache, install=False)
    except Unavailable as reason:
        pytest.skip(f"{reason}: make infra-check installs it")


def _core(major: str, python: Path, cache: Path) -> Iterator[Terraform]:
    try:
        schema = schema_file(major, cache, install=False)
    except Unavailable as reason:
        pytest.skip(f"{reason}: make infra-check extracts it")
    with Terraform(python, schema) as core:
        yield core
