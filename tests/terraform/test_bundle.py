"""What a release is stored as: the real tree, unpacked alone, is whole for Terraform."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.pipeline_stage import RELEASE, ROOT
from tools.terraform.check import problems_of
from tools.terraform.terraform import Terraform

NAMES = ("tfplan", "benchkeeper.zip", "profiles.json")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where release.sh unpacks what bundle.sh has made of this repository's tree."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in ("infra", "docs"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns(".terraform"))
    (checkout / "dist").mkdir()
    for name in NAMES:
        (checkout / "dist" / name).write_text(name)
    programs = checkout / "bin"
    programs.mkdir()
    (programs / "terraform").write_text("#!/bin/sh\necho 'No changes.'\n")
    (programs / "terraform").chmod(0o755)
    bundle = f'PATH="{programs}:$PATH" sh {RELEASE.with_name("bundle.sh")}'
    subprocess.run(bundle, shell=True, cwd=checkout, check=True)
    release = tmp_path_factory.mktemp("release")
    with tarfile.open(checkout / "dist" / "infra.tar.gz") as tree:
        tree.extractall(release, filter="data")
    for test in (release / "infra" / "tests").iterdir():
        if test.name != "plan.tftest.hcl":  # one plan of all is enough to have every file read
            test.unlink()
    return release


def test_terraform_finds_all_that_the_tree_reads(core: Terraform, unpacked: Path) -> None:
    assert problems_of(core, unpacked / "infra", test=True) == []


def test_that_check_misses_what_lies_outside(
    core: Terraform, unpacked: Path, tmp_path: Path
) -> None:
    alone = Path(shutil.copytree(unpacked / "infra", tmp_path / "infra"))
    found = problems_of(core, alone, test=True)
    assert any("docs/runbook" in finding.text for finding in found)
