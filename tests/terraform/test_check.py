"""The whole check: every kind of finding in one run, what is remembered, and what is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.terraform.editing import line_of, replace
from tools.terraform import __main__ as command
from tools.terraform import check as checking
from tools.terraform.check import Outcome, check
from tools.terraform.environment import Unavailable
from tools.terraform.findings import Finding, place_of
from tools.terraform.roots import roots_below, unreached
from tools.terraform.site import without_site

WRONG = Finding("infra/main.tf:3", "is wrong")


@pytest.mark.usefixtures("terraform_python", "checkov_python", "core")
def test_the_values_of_a_site_change_nothing(right: Path, cache: Path) -> None:
    """They are not formatted, and with them an assertion fails."""
    replace(
        right / "main.tf", 'name                 = "onboard"', "name                 = var.name"
    )
    (right / "options.tf").write_text(
        'variable "name" {\n  type    = string\n  default = "onboard"\n}\n'
    )
    replace(
        right / "tests" / "plan.tftest.hcl",
        "google_pubsub_subscription.push.filter == null",
        'google_pubsub_subscription.push.name == "onboard"',
    )
    (right / "terraform.tfvars").write_text('name="other"\n')
    seen = {finding.text.split(":")[0] for finding in check(right, cache).findings}
    assert seen == {"is not formatted", "Test assertion failed"}
    with without_site(right) as copy:
        assert check(copy.path, cache).findings == []


def test_a_finding_in_the_copy_is_told_of_the_original(right: Path) -> None:
    with without_site(right) as copy:
        place = place_of(copy.path / "main.tf", 3)
        [told] = copy.told([Finding(place, f"is wrong in {place_of(copy.path)}")])
    assert told == Finding(f"{right}/main.tf:3", f"is wrong in {right}")


def test_what_lies_beside_can_be_read_from_the_copy(right: Path) -> None:
    (right.parent / "docs").mkdir()
    (right.parent / "docs" / "page.md").write_text("a page")
    with without_site(right) as copy:
        assert (copy.path / ".." / "docs" / "page.md").read_text() == "a page"


@pytest.mark.usefixtures("terraform_python", "checkov_python", "core")
def test_one_run_finds_everything(right: Path, cache: Path) -> None:
    main = right / "main.tf"
    replace(
        main,
        '  name                 = "onboard"',
        '  deletion_policy = "PREVENT"\n  name = "onboard"',
    )
    replace(main, "  versioning {\n    enabled = true\n  }\n", "")
    bucket = line_of(main, 'resource "google_storage_bucket"')
    argument = line_of(main, "deletion_policy")
    found = check(right, cache).findings
    assert {finding.place: finding.text for finding in found} == {
        str(main): "is not formatted",
        f"{main}:{bucket}": "CKV_GCP_78: Ensure Cloud storage has versioning enabled"
        " (google_storage_bucket.source)",
        f"{main}:{argument}": 'Unsupported argument: An argument named "deletion_policy"'
        " is not expected here. [google 6 only]",
    }


def test_a_directory_without_a_configuration_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / "main.tf").touch()
    [found] = check(tmp_path, tmp_path).findings
    assert found == Finding(str(tmp_path), "no directory in it has versions.tf")


def test_roots_are_where_versions_are_but_modules_are_not(tmp_path: Path) -> None:
    for name in ("versions.tf", "bootstrap/versions.tf", "modules/worker/versions.tf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "docs").mkdir()
    assert roots_below(tmp_path) == [tmp_path, tmp_path / "bootstrap"]


def test_what_no_configuration_reaches_is_found(tmp_path: Path) -> None:
    for name in (
        "versions.tf",
        "tests/plan.tftest.hcl",
        "modules/worker/main.tf",
        "modules/worker/tests/own.tftest.hcl",
        "modules/forgotten/main.tf",
        ".terraform/modules/copy/main.tf",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = unreached(tmp_path, [tmp_path], {tmp_path, tmp_path / "modules" / "worker"})
    assert [Path(finding.place).relative_to(tmp_path) for finding in found] == [
        Path("modules/forgotten"),
        Path("modules/worker/tests/own.tftest.hcl"),
    ]


class TestCommand:
    """``python -m tools.terraform check``, with an outcome that is given."""

    @pytest.fixture
    def infra(self, tmp_path: Path) -> Path:
        (tmp_path / "infra").mkdir()
        (tmp_path / "infra" / "main.tf").touch()
        return tmp_path / "infra"

    @staticmethod
    def run(infra: Path, *words: str) -> int:
        return command.main(["check", str(infra), "--cache", str(infra.parent / "cache"), *words])

    @staticmethod
    def give(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome) -> None:
        left = list(outcomes)
        monkeypatch.setattr(command, "check", lambda *_: left.pop(0))

    def test_what_passed_is_not_checked_again(
        self, monkeypatch: pytest.MonkeyPatch, infra: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.give(monkeypatch, Outcome([], {}))
        assert self.run(infra) == 0
        assert self.run(infra) == 0
        assert "passed before, unchanged since" in capsys.readouterr().out

    @pytest.mark.parametrize("name", ["main.tf", "modules/worker/main.tf", "grants.yaml"])
    def test_what_changed_is_checked_again(
        self, monkeypatch: pytest.MonkeyPatch, infra: Path, name: str
    ) -> None:
        self.give(monkeypatch, Outcome([], {}), Outcome([WRONG], {}))
        assert self.run(infra) == 0
        (infra / name).parent.mkdir(parents=True, exist_ok=True)
        (infra / name).write_text("# changed\n")
        assert self.run(infra) == 1

    @pytest.mark.parametrize(
        "name",
        ["terraform.tfvars", "bootstrap/site.auto.tfvars.json", ".terraform.lock.hcl"],
    )
    def test_what_a_site_adds_is_neither_seen_nor_a_change(
        self, monkeypatch: pytest.MonkeyPatch, infra: Path, name: str
    ) -> None:
        self.give(monkeypatch, Outcome([], {}))
        assert self.run(infra) == 0
        (infra / name).parent.mkdir(exist_ok=True)
        (infra / name).write_text("not even HCL")
        assert self.run(infra) == 0
        with without_site(infra) as copy:
            assert not (copy.path / name).exists()
            assert (copy.path / "main.tf").exists()

    def test_what_failed_is_checked_again(
        self, monkeypatch: pytest.MonkeyPatch, infra: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.give(monkeypatch, Outcome([WRONG], {}), Outcome([WRONG], {}))
        assert self.run(infra) == 1
        assert self.run(infra) == 1
        assert capsys.readouterr().out.count("infra/main.tf:3: is wrong") == 2

    def test_what_cannot_be_checked_is_said_and_not_remembered(
        self, monkeypatch: pytest.MonkeyPatch, infra: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        skipped = Outcome([], {"terraform can't be installed: no index": ["fmt", "google 8"]})
        self.give(monkeypatch, skipped, skipped)
        assert self.run(infra) == 0
        assert capsys.readouterr().err == (
            f"{infra}: not checked by fmt, google 8: terraform can't be installed: no index\n"
        )
        assert self.run(infra, "--required") == 1

    def test_a_finding_fails_also_where_something_was_skipped(
        self, monkeypatch: pytest.MonkeyPatch, infra: Path
    ) -> None:
        self.give(monkeypatch, Outcome([WRONG], {"no index": ["checkov"]}))
        assert self.run(infra) == 1

    def test_tools_that_cannot_be_had_skip_their_parts(
        self, monkeypatch: pytest.MonkeyPatch, infra: Path
    ) -> None:
        def unavailable(name: str, cache: Path) -> Path:
            raise Unavailable(f"{name} can't be installed: no wheel")

        monkeypatch.setattr(checking, "python_of", unavailable)
        monkeypatch.setattr(checking, "schema_file", lambda major, cache: cache / major)
        (infra / "versions.tf").touch()
        assert check(infra, infra.parent) == Outcome(
            [],
            {
                "terraform can't be installed: no wheel": ["fmt", "google 8", "google 6"],
                "checkov can't be installed: no wheel": ["checkov"],
            },
        )


def test_the_tests_use_the_cache_of_the_check() -> None:
    options = command._parser().parse_args(["check"])
    assert str(options.cache) == os.environ.get("TERRAFORM_CACHE", ".local")
