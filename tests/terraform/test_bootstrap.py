"""infra/bootstrap with more grants than there are: one condition takes ten roles a list."""

from __future__ import annotations

from pathlib import Path

from tools.terraform.check import problems_of
from tools.terraform.site import without_site
from tools.terraform.terraform import Terraform

INFRA = Path(__file__).parents[2] / "infra"
GRANT = """
more_{number}:
  title: More {number}
  place: project
  functions: [onboard]
  permissions: [compute.disks.get]
"""
TEST = """
mock_provider "google" {}

variables {
  project = "demo-project"
  region  = "us-central1"
}

run "more_than_ten" {
  command = apply

  assert {
    condition     = length(local.may_bind) > 20
    error_message = "not many"
  }

  assert {
    condition = alltrue([
      for role in local.may_bind :
      strcontains(google_project_iam_member.bind.condition[0].expression, "'${role}'")
    ])
    error_message = "a role is missing"
  }

  assert {
    condition = (
      length(split(" || ", google_project_iam_member.bind.condition[0].expression))
      == ceil(length(local.may_bind) / 10)
    )
    error_message = "not ten by ten"
  }
}
"""


def problems(core: Terraform, more: int) -> list[str]:
    with without_site(INFRA) as copy:
        with (copy.path / "grants.yaml").open("a") as grants:
            grants.writelines(GRANT.format(number=number) for number in range(more))
        bootstrap = copy.path / "bootstrap"
        (bootstrap / "tests" / "more.tftest.hcl").write_text(TEST)
        return [found.text for found in problems_of(core, bootstrap, test=True)]


def test_more_than_ten_roles_are_several_lists(core: Terraform) -> None:
    assert problems(core, 15) == []


def test_more_roles_than_a_condition_takes_are_refused(core: Terraform) -> None:
    found = problems(core, 130)
    assert found
    assert all("enough for 130 roles" in text for text in found)
