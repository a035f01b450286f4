"""Real Terraform finds what is wrong with a configuration, and says in which file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terraform.editing import line_of, replace
from tools.terraform.__main__ import main
from tools.terraform.check import problems_of
from tools.terraform.terraform import Terraform, fmt

MAIN = "main.tf"
TEST = "tests/plan.tftest.hcl"


def test_nothing_is_wrong_with_either_schema(each_core: Terraform, right: Path) -> None:
    before = sorted(right.rglob("*"))
    assert problems_of(each_core, right, test=True) == []
    assert each_core.modules(right) == {right, right / "modules" / "topic"}
    assert sorted(right.rglob("*")) == before, "Terraform leaves nothing in the directory"


@pytest.mark.parametrize(
    ("file", "old", "new", "at", "text"),
    [
        pytest.param(
            MAIN,
            "ack_deadline_seconds =",
            "ack_deadline =",
            "ack_deadline =",
            'An argument named "ack_deadline" is not expected here',
            id="an argument that doesn't exist",
        ),
        pytest.param(
            MAIN,
            '  type        = "FIRESTORE_NATIVE"\n',
            "",
            'resource "google_firestore_database"',
            'The argument "type" is required',
            id="a required argument is missing",
        ),
        pytest.param(
            MAIN,
            "timeout_seconds  = 300",
            'timeout_seconds  = "soon"',
            '"soon"',
            'Inappropriate value for attribute "timeout_seconds": a number is required',
            id="a value of another type",
        ),
        pytest.param(
            MAIN,
            '"ALLOW_INTERNAL_ONLY"',
            '"ALLOW_INTERNALLY"',
            '"ALLOW_INTERNALLY"',
            '"ALLOW_INTERNALLY" is none of ALLOW_ALL, ALLOW_INTERNAL_ONLY, ALLOW_INTERNAL_AND_GCLB',
            id="a value that isn't one of those allowed",
        ),
        pytest.param(
            MAIN,
            "google_storage_bucket.source.name",
            "google_storage_bucket.sauce.name",
            "google_storage_bucket.sauce.name",
            'A managed resource "google_storage_bucket" "sauce" has not been declared',
            id="a reference to what isn't there",
        ),
        pytest.param(
            MAIN,
            "service_config[0].uri",
            "service_config[0].url",
            "service_config[0].url",
            'or exported attribute named "url"',
            id="an attribute that doesn't exist",
        ),
        pytest.param(
            MAIN,
            "  push_config {",
            '  expiration_policy {\n    ttl = "60s"\n  }\n  push_config {',
            'expiration_policy {\n    ttl = "60s"',
            'No more than 1 "expiration_policy" blocks are allowed',
            id="a block twice",
        ),
        pytest.param(
            MAIN,
            'resource "google_firestore_database"',
            'resource "google_firestore_databaze"',
            'resource "google_firestore_databaze"',
            'does not support resource type "google_firestore_databaze"',
            id="a resource that doesn't exist",
        ),
        pytest.param(
            "modules/topic/main.tf",
            "kms_key_name =",
            "kms_key_nam =",
            "kms_key_nam =",
            'An argument named "kms_key_nam" is not expected here',
            id="in a module",
        ),
        pytest.param(
            MAIN,
            "  push_config {",
            "  push_config {{",
            "  push_config {{",
            "An argument or block definition is required here",
            id="what can't be parsed",
        ),
    ],
)
def test_a_mistake_is_found_at_its_line(
    core: Terraform, right: Path, file: str, old: str, new: str, at: str, text: str
) -> None:
    replace(right / file, old, new)
    [found] = problems_of(core, right, test=False)
    assert found.place == f"{right / file}:{line_of(right / file, at)}"
    assert text in found.text


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        pytest.param(
            'push_endpoint == "https://onboard',
            'push_endpoint == "https://offboard',
            "Test assertion failed: the push goes to the function",
            id="an assertion fails",
        ),
        pytest.param(
            "google_pubsub_subscription.push.filter",
            "google_pubsub_subscription.pull.filter",
            "Reference to undeclared resource",
            id="an assertion about what isn't there",
        ),
    ],
)
def test_a_failing_test_is_found_at_its_line(
    core: Terraform, right: Path, old: str, new: str, text: str
) -> None:
    replace(right / TEST, old, new)
    [found] = problems_of(core, right, test=True)
    assert found.place == f"{right / TEST}:{line_of(right / TEST, new)}"
    assert text in found.text


def test_a_wrong_value_that_only_a_test_gives_is_found(core: Terraform, right: Path) -> None:
    replace(right / MAIN, '"FIRESTORE_NATIVE"', '"FIRESTORE_${upper(var.project)}"')
    assert core.init(right) == core.validate(right) == []
    [found] = core.test(right)
    assert found.place == f"{right / MAIN}:{line_of(right / MAIN, 'FIRESTORE_$')}"
    assert '"FIRESTORE_DEMO" is none of FIRESTORE_NATIVE, DATASTORE_MODE' in found.text


def test_a_test_without_a_mocked_provider_is_told_what_it_lacks(
    core: Terraform, right: Path
) -> None:
    text = (right / TEST).read_text()
    (right / TEST).write_text(text[text.index("variables {") :])
    found = problems_of(core, right, test=True)
    assert any('begin the test file with mock_provider "google" {}' in f.text for f in found)


def test_that_no_test_ran_is_no_success(core: Terraform, right: Path) -> None:
    (right / TEST).write_text('mock_provider "google" {}\n')
    [found] = problems_of(core, right, test=True)
    assert (found.place, found.text) == (str(right / "tests"), "no test ran")


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ('source = "terraform-google-modules/pubsub/google"', "remote module registry"),
        ('source = "git::https://example.com/topic.git"', "127.0.0.1 port 9"),
    ],
)
def test_nothing_is_looked_for_in_the_network(
    core: Terraform, right: Path, new: str, text: str
) -> None:
    replace(right / MAIN, 'source  = "./modules/topic"', new)
    [found] = core.init(right)
    assert found.place.startswith(f"{right / MAIN}:")
    assert text in found.text


def test_another_provider_is_not_looked_for_either(core: Terraform, right: Path) -> None:
    replace(
        right / "versions.tf",
        "  required_providers {",
        '  required_providers {\n    random = { source = "hashicorp/random" }',
    )
    [found] = core.init(right)
    assert "hashicorp/random" in found.text


def test_bad_format_is_found_and_mended(
    terraform_python: Path, right: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fmt(terraform_python, right) == []
    replace(right / MAIN, 'location_id = "us-central1"', 'location_id="us-central1"')
    [found] = fmt(terraform_python, right)
    assert (found.place, found.text) == (str(right / MAIN), "is not formatted")
    assert main(["fmt", str(right), "--cache", str(cache)]) == 0
    assert capsys.readouterr().out == f"{right / MAIN}: formatted\n"
    assert fmt(terraform_python, right) == []


def test_what_cannot_be_parsed_cannot_be_formatted(
    terraform_python: Path, right: Path, cache: Path
) -> None:
    replace(right / MAIN, "  push_config {", "  push_config {{")
    [found] = fmt(terraform_python, right)
    assert found.place == f"{right / MAIN}:{line_of(right / MAIN, '{{')}"
    assert found.text == "Error: Argument or block definition required"
    assert main(["fmt", str(right), "--cache", str(cache)]) == 1
