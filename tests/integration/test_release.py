"""The steps of cloudbuild-apply.yaml: a release is applied, verified, recorded or rolled back."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from local.server import LocalCloud
from local.stack.gcloud_endpoints import gcloud_endpoints
from tests.support import summary
from tests.support.gcloud import Gcloud
from tests.support.pipeline_stage import PipelineStage


@pytest.fixture(params=["a stand-in", "terraform"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> PipelineStage:
    """A deployment without a release, on a stand-in for Terraform and on Terraform itself."""
    if request.param == "a stand-in":
        return PipelineStage(tmp_path)
    program = shutil.which("terraform")
    if program is None:
        summary.missing(request, "terraform: not found")
        pytest.skip("terraform is not installed")
    summary.ran_on(request, "terraform")
    return PipelineStage(tmp_path, terraform=program)


def released(stage: PipelineStage, commit: str) -> tuple[bool, str]:
    stage.plan(commit)
    return stage.apply(commit)


def test_a_release_is_applied_verified_and_recorded(stage: PipelineStage) -> None:
    good, printed = released(stage, "one")
    assert good, printed
    assert (stage.in_force, stage.applied) == ("one", "one")
    assert "no release was applied before" in printed
    assert (stage.directory / "made").read_text() == "canary FLEET_URL=https://fleet.example.com\n"
    good, printed = released(stage, "two")
    assert good, printed
    assert (stage.in_force, stage.applied) == ("two", "two")
    assert "commit two is applied and verified" in printed


def test_a_release_that_fails_its_test_is_rolled_back(stage: PipelineStage) -> None:
    assert released(stage, "one")[0]
    (stage.directory / "bad").write_text("two")
    good, printed = released(stage, "two")
    assert not good
    assert (stage.in_force, stage.applied) == ("one", "one")
    assert "commit two failed; commit one is in force again and verified" in printed
    # And the next one goes forward from there.
    good, printed = released(stage, "three")
    assert good, printed
    assert (stage.in_force, stage.applied) == ("three", "three")


def test_a_release_that_fails_while_it_is_applied_is_rolled_back(stage: PipelineStage) -> None:
    assert released(stage, "one")[0]
    (stage.directory / "breaks-two").touch()
    good, printed = released(stage, "two")
    assert not good
    assert (stage.in_force, stage.applied) == ("one", "one")
    assert "nothing to verify: the plan was not applied" in printed


def test_if_the_former_release_fails_too_the_cause_is_elsewhere(
    stage: PipelineStage,
) -> None:
    assert released(stage, "one")[0]
    (stage.directory / "bad").write_text("two\none\n")
    good, printed = released(stage, "two")
    assert not good
    assert (stage.in_force, stage.applied) == ("one", "one")
    assert "commit one is in force again and fails, too" in printed


def test_a_first_release_that_fails_stays_as_it_is_and_is_not_recorded(
    stage: PipelineStage,
) -> None:
    (stage.directory / "bad").write_text("one")
    good, printed = released(stage, "one")
    assert not good
    assert (stage.in_force, stage.applied) == ("one", "")
    assert "commit one failed and is in force as far as it was applied" in printed


def test_a_stale_plan_changes_nothing_and_rolls_nothing_back(stage: PipelineStage) -> None:
    assert released(stage, "one")[0]
    stage.plan("two")
    assert released(stage, "three")[0]  # meanwhile
    (stage.directory / "stale").touch()  # for the stand-in, which compares nothing
    good, printed = stage.apply("two")
    assert not good
    assert (stage.in_force, stage.applied) == ("three", "three")
    assert "commit two was not applied, and nothing was changed" in printed


@pytest.mark.parametrize("name", ["tfplan", "infra.tar.gz", "benchkeeper.zip", "profiles.json"])
def test_a_change_after_the_approval_is_not_applied(tmp_path: Path, name: str) -> None:
    stage = PipelineStage(tmp_path)
    assert released(stage, "one")[0]
    stage.plan("two")
    with (stage.bucket / "plans" / "two" / name).open("ab") as stored:
        stored.write(b"more")
    good, printed = stage.apply("two")
    assert not good
    assert f"{name}: FAILED" in printed
    assert "--- preflight" not in printed
    assert stage.in_force == "one"


@pytest.mark.parametrize("name", ["tfplan", "infra.tar.gz", "benchkeeper.zip", "profiles.json"])
def test_a_file_without_a_checksum_is_not_applied(tmp_path: Path, name: str) -> None:
    stage = PipelineStage(tmp_path)
    stage.plan("one")
    text = stage.bucket / "plans" / "one" / "plan.txt"
    lines = text.read_text().splitlines(keepends=True)
    # Below the first empty line is the output of Terraform, not a checksum.
    text.write_text("".join([line for line in lines if name not in line] + lines))
    good, printed = stage.apply("one")
    assert not good
    assert f"has no sum of {name}" in printed
    assert "--- preflight" not in printed


@pytest.mark.parametrize("first", [True, False])
def test_a_release_that_could_not_be_verified_is_not_applied(tmp_path: Path, first: bool) -> None:
    stage = PipelineStage(tmp_path)
    if not first:
        assert released(stage, "one")[0]
    (tmp_path / "index-is-down").touch()
    good, printed = released(stage, "two")
    assert not good
    assert "nothing was applied: the release could not be verified" in printed
    assert "--- apply" not in printed
    assert stage.applied == ("" if first else "one")


def test_a_canary_without_an_address_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    stage = PipelineStage(tmp_path)
    stage.canary = ""
    good, printed = released(stage, "one")
    assert not good
    assert "_CANARY_EMAIL is not set" in printed
    assert "--- apply" not in printed


def test_a_commit_without_a_plan_ends_before_anything_is_done(stage: PipelineStage) -> None:
    good, printed = stage.apply("nowhere")
    assert not good
    assert "--- apply" not in printed


def test_a_release_without_a_stored_former_one_is_not_started(
    stage: PipelineStage,
) -> None:
    assert released(stage, "one")[0]
    shutil.rmtree(stage.bucket / "plans" / "one")
    good, printed = released(stage, "two")
    assert not good
    assert "--- apply" not in printed
    assert stage.in_force == "one"


def test_the_tree_is_stored_without_what_init_downloads(stage: PipelineStage) -> None:
    stage.plan("one")
    assert "infra/main.tf" in stage.bundled("one")
    assert not any(".terraform/" in name for name in stage.bundled("one"))
    head, _, _ = (stage.bucket / "plans" / "one" / "plan.txt").read_text().partition("\n\n")
    plan = (stage.bucket / "plans" / "one" / "tfplan").read_bytes()
    assert head.splitlines()[0] == f"{hashlib.sha256(plan).hexdigest()}  tfplan"


def test_the_steps_call_cloud_storage_as_gcloud_does(
    tmp_path: Path, gcloud_command: Gcloud
) -> None:
    stage = PipelineStage(tmp_path)
    real = shutil.which("gcloud")
    with LocalCloud("demo") as cloud:
        cloud.storage.make_bucket("plans")
        settings = gcloud_endpoints(cloud.url) | {
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "True",
            "CLOUDSDK_CORE_PROJECT": "demo",
            "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        }
        exports = "\n".join(f"export {name}='{value}'" for name, value in settings.items())
        stage.program("gcloud", f'#!/bin/sh\n{exports}\nexec {real} "$@"\n')
        stage.plan("one")
        upload = ["gcloud", "storage", "cp", "-r", str(stage.bucket / "plans"), "gs://plans/"]
        stage.run(tmp_path, "one", upload).check_returncode()
        good, printed = stage.apply("one")
        assert good, printed
        assert "no release was applied before" in printed
        good, printed = stage.apply("one", ("fetch",))
        assert good, printed
        assert (stage.workspace / "outcome" / "former").read_text() == "one"
        assert (stage.workspace / "previous" / "dist" / "benchkeeper.zip").read_text() == "one"
