"""checkov's findings, and what it lets pass by itself: unread files, skips without a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terraform.editing import line_of, replace
from tools.terraform.checkov import checkov, unexplained


def test_a_skip_with_a_reason_passes(checkov_python: Path, right: Path) -> None:
    assert checkov(checkov_python, right) == []


def test_what_it_finds_and_what_it_does_not_read(checkov_python: Path, right: Path) -> None:
    main = right / "main.tf"
    replace(main, "  versioning {\n    enabled = true\n  }\n", "")
    replace(main, "CKV_GCP_62:audit logs tell who read it", "CKV_GCP_62")
    replace(
        main, "  build_config {", "  #checkov:skip=CKV_GCP_29:it has no bucket\n  build_config {"
    )
    (right / "broken.tf").write_text('resource "google_storage_bucket" {{\n')

    def at(text: str) -> str:
        return f"{main}:{line_of(main, text)}"

    found = {finding.place: finding.text for finding in checkov(checkov_python, right)}
    assert found == {
        at('resource "google_storage_bucket"'): "CKV_GCP_78: Ensure Cloud storage has versioning"
        " enabled (google_storage_bucket.source)",
        at("#checkov:skip=CKV_GCP_62"): "no reason to skip CKV_GCP_62:"
        " #checkov:skip=CKV_GCP_62:reason",
        at("#checkov:skip=CKV_GCP_29"): "the skip of CKV_GCP_29 skips nothing",
        str(right / "broken.tf"): "checkov can't parse it",
    }


def test_a_directory_of_which_nothing_is_read_does_not_pass(
    checkov_python: Path, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text('resource "google_storage_bucket" {{\n')
    assert len(checkov(checkov_python, tmp_path)) == 1


@pytest.mark.parametrize(
    ("comment", "missing"),
    [
        ("#checkov:skip=CKV_GCP_62:audit logs", []),
        ("# checkov:skip=CKV_GCP_62 : audit logs", []),
        ("#checkov:skip=CKV_GCP_62", ["CKV_GCP_62"]),
        ("#checkov:skip=CKV_GCP_62:", ["CKV_GCP_62"]),
        ("#checkov:skip=CKV_GCP_62: ", ["CKV_GCP_62"]),
        ("#checkov:skip=CKV_GCP_62,CKV2_GCP_3", ["CKV_GCP_62", "CKV2_GCP_3"]),
        ("#bridgecrew:skip=BC_GCP_2", ["BC_GCP_2"]),
        ("# see checkov", []),
    ],
)
def test_each_skip_needs_a_reason(tmp_path: Path, comment: str, missing: list[str]) -> None:
    file = tmp_path / "main.tf"
    file.write_text(f'resource "google_storage_bucket" "source" {{\n  {comment}\n}}\n')
    found = unexplained(tmp_path)
    assert [f.place for f in found] == [f"{file}:2"] * len(missing)
    assert [f.text.split()[4].rstrip(":") for f in found] == missing


@pytest.mark.parametrize("name", [".checkov.yaml", ".checkov.yml"])
def test_nothing_is_skipped_by_a_file_of_settings(tmp_path: Path, name: str) -> None:
    (tmp_path / "modules").mkdir()
    file = tmp_path / "modules" / name
    file.write_text("skip-check: [CKV_GCP_78]\n")
    [found] = unexplained(tmp_path)
    assert found.place == str(file)
