"""`make deploy`: refuses in plain words, asks, and applies what it has shown."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "tools" / "pipeline" / "deploy.sh"
PROGRAM = '#!/bin/sh\necho "NAME $*" >> "$LOG"\ncase "$*" in *output*) printf URL ;; esac\n'
STATE = "my-notebooks-benchkeeper-state"
TOOLS = ("sed", "sh")  # all else that the script needs is in the shell


class Checkout:
    """A directory with values, and programs that write down how they were called."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"
        self.programs = directory / "bin"
        (directory / "infra").mkdir()
        self.programs.mkdir()
        for name in TOOLS:
            program = shutil.which(name)
            assert program
            (self.programs / name).symlink_to(program)
        self.install("make")
        self.install("terraform")
        self.values('# ours\nproject = "my-notebooks" # the id\nregion = "europe-west4"\n')

    def install(self, name: str, text: str = PROGRAM) -> None:
        (self.programs / name).write_text(text.replace("NAME", name))
        (self.programs / name).chmod(0o755)

    def values(self, text: str) -> None:
        (self.directory / "infra" / "terraform.tfvars").write_text(text)

    def deploy(self, typed: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", SCRIPT],
            cwd=self.directory,
            env={"PATH": str(self.programs), "LOG": str(self.log)} | environ,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_after_a_yes_it_applies_what_it_has_planned(checkout: Checkout) -> None:
    done = checkout.deploy("yes\n")
    assert done.returncode == 0, done.stderr
    assert checkout.calls() == [
        "make --no-print-directory package profiles-bundle REGION=europe-west4",
        f"terraform -chdir=infra init -input=false -backend-config=bucket={STATE}",
        "terraform -chdir=infra plan -input=false -lock-timeout=5m -out=../dist/tfplan",
        "terraform -chdir=infra apply -input=false -lock-timeout=5m ../dist/tfplan",
        "terraform -chdir=infra output -raw fleet_url",
    ]
    assert "Apply this to project my-notebooks?" in done.stdout
    assert "Deployed." in done.stdout


def test_the_command_printed_last_can_be_used_as_it_is(checkout: Checkout) -> None:
    (checkout.directory / "infra" / "more.auto.tfvars").write_text(
        'allowed_domains = ["corp.example.org", "example.com"]\n'
    )
    command = checkout.deploy(YES="1").stdout.partition("section 6):\n")[2]
    checkout.log.unlink()
    checkout.install("gcloud", "#!/bin/sh\necho a-token\n")
    checkout.install("make", '#!/bin/sh\necho "$FLEET_TOKEN $*" >> "$LOG"\n')
    environ = {"PATH": str(checkout.programs), "LOG": str(checkout.log)}
    subprocess.run(["sh", "-c", command], env=environ, check=True)
    assert checkout.calls() == [
        "a-token canary PROJECT=my-notebooks CANARY_EMAIL=canary@corp.example.org FLEET_URL=URL"
    ]


@pytest.mark.parametrize("typed", ["no\n", "\n", "", "y\n", "YES\n"])
def test_without_a_yes_nothing_is_applied(checkout: Checkout, typed: str) -> None:
    done = checkout.deploy(typed)
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert not any(" apply " in call for call in checkout.calls())


def test_yes_in_the_environment_is_not_asked_for(checkout: Checkout) -> None:
    done = checkout.deploy(YES="1", STATE_BUCKET="elsewhere")
    assert done.returncode == 0
    assert "Type yes" not in done.stdout
    assert any("-backend-config=bucket=elsewhere" in call for call in checkout.calls())


def test_without_values_it_says_what_to_copy(checkout: Checkout) -> None:
    (checkout.directory / "infra" / "terraform.tfvars").unlink()
    done = checkout.deploy()
    assert done.returncode == 1
    assert "copy infra/terraform.tfvars.example" in done.stderr
    assert checkout.calls() == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [('region = "us-central1"\n', "project"), ('project = "my-notebooks"\n', "region")],
)
def test_without_a_project_or_a_region_it_says_so(
    checkout: Checkout, text: str, missing: str
) -> None:
    checkout.values(text)
    assert f'has no {missing} = "…"' in checkout.deploy().stderr
    assert checkout.calls() == []


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ('\tproject\t=\t"my-notebooks"\nregion="europe-west4"\n', ""),
        ('region = "europe-west4"\n', 'project = "my-notebooks"\n'),
        ('project = "other"\nregion = "europe-west4"', 'project = "my-notebooks"\n'),
        (
            '/* project = "a" */ project = "my-notebooks"\n/*\nproject = "b"\n*/\n'
            '# project = "c"\n// project = "d"\nregion = "europe-west4" /* ours */\n',
            "",
        ),
    ],
    ids=["tabs", "auto", "auto wins", "comments"],
)
def test_values_are_found_where_terraform_finds_them(
    checkout: Checkout, text: str, more: str
) -> None:
    checkout.values(text)
    if more:
        (checkout.directory / "infra" / "b.auto.tfvars").write_text(more)
    assert checkout.deploy(YES="1").returncode == 0
    assert checkout.calls()[0].endswith(" REGION=europe-west4")
    assert checkout.calls()[1].endswith(f"-backend-config=bucket={STATE}")


def test_without_terraform_it_says_so(checkout: Checkout) -> None:
    (checkout.programs / "terraform").unlink()
    done = checkout.deploy()
    assert done.returncode == 1
    assert "terraform is not installed" in done.stderr


@pytest.mark.parametrize("broken", ["make", "terraform"])
def test_it_stops_at_the_first_failure(checkout: Checkout, broken: str) -> None:
    checkout.install(broken, '#!/bin/sh\necho "NAME $*" >> "$LOG"\nexit 3\n')
    done = checkout.deploy(YES="1")
    assert done.returncode == 3
    assert checkout.calls()[-1].startswith(broken)
    assert not any(" apply " in call for call in checkout.calls())


def test_make_runs_this_script() -> None:
    root = SCRIPT.parents[2]
    environ = {"PATH": os.environ["PATH"]}
    command = ["make", "--dry-run", "deploy"]
    shown = subprocess.run(
        command, cwd=root, env=environ, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "sh tools/pipeline/deploy.sh"


@pytest.mark.parametrize(
    ("given", "is_kept", "taken"),
    [
        (None, True, "profiles"),
        ("", True, "profiles"),
        (None, False, "infra/profiles"),
        ("", False, "infra/profiles"),
        ("ours", True, "ours"),
    ],
)
@pytest.mark.parametrize("by", ["environment", "command line"])
def test_profiles_of_the_site_are_used_without_being_named(
    tmp_path: Path, given: str | None, is_kept: bool, taken: str, by: str
) -> None:
    shutil.copy(SCRIPT.parents[2] / "Makefile", tmp_path)
    if is_kept:
        (tmp_path / "profiles").mkdir()
        (tmp_path / "profiles" / "profiles.yaml").touch()
    command, environ = ["make", "--dry-run", "profiles-bundle"], {"PATH": os.environ["PATH"]}
    if given is not None and by == "environment":
        environ |= {"PROFILES": given}
    elif given is not None:
        command.append(f"PROFILES={given}")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).touch()
    shown = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    assert f'tools.bundle_profiles "{taken}"' in shown.stdout
