"""A place where the scripts of the pipeline run: releases in a bucket, and the programs they call.

``gcloud`` is a stand-in that keeps buckets in a directory, unless the real one is asked for; so is
``make``. ``terraform`` is the real one with a state in a file, or a stand-in that counts what it is
told: the scripts' own order can then be tested wherever there is a shell.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "tools" / "pipeline" / "release.sh"
BEFORE = ("fetch", "preflight")
STEPS = (*BEFORE, "apply", "verify", "record", "roll-back", "verify-former", "conclude")
MAY_FAIL = ("apply", "verify", "verify-former")

GCLOUD = """#!/bin/sh
# gcloud storage ls|cat|cp, of buckets that are directories below $BUCKETS
set -eu
local_path() { case "$1" in gs://*) echo "$BUCKETS/${1#gs://}" ;; *) echo "$1" ;; esac; }
[ "$1" = storage ]
case "$2" in
    ls) cd "$(local_path "$3")" && for name in *; do
        if [ -d "$name" ]; then echo "$3$name/"; else echo "$3$name"; fi
    done ;;
    cat) cat "$(local_path "$3")" ;;
    cp)
        to=$(local_path "$4")
        mkdir -p "$(dirname "$to")"
        if [ "$3" = - ]; then cat > "$to"; else cp $(local_path "$3") "$to"; fi
        ;;
esac
"""
MAKE = """#!/bin/sh
if [ "$*" = "canary CANARY=--preflight" ]; then [ ! -f "$STAGE/index-is-down" ]; exit; fi
echo "$* FLEET_URL=$FLEET_URL" >> "$STAGE/made"
! grep -q "$(cat "$STAGE/in-force")" "$STAGE/bad" 2>/dev/null
"""
# The release in force is the archive's content; each apply that changes it counts the serial up.
TERRAFORM = """#!/bin/sh
set -eu
directory=${1#-chdir=}
shift
echo "$directory $*" >> "$STAGE/terraform"
archive=$(cat "$directory/../dist/benchkeeper.zip")
case "$1" in
    init | show) ;;
    state) printf '{\\n  "serial": %s,\\n  "x": 1\\n}\\n' "$(cat "$STAGE/serial")" ;;
    output) printf https://fleet.example.com ;;
    apply)
        case "$*" in
            *tfplan) [ -f "$directory/../dist/tfplan" ]; [ ! -f "$STAGE/stale" ] ;;
            *) [ "$2" = -auto-approve ] ;;
        esac
        echo $(($(cat "$STAGE/serial") + 1)) > "$STAGE/serial"
        echo "$archive" > "$STAGE/in-force"
        [ ! -f "$STAGE/breaks-$archive" ]
        ;;
esac
"""
# What infra/ is to the scripts: something that is made of the archive, and an output.
MAIN_TF = """
terraform {
  backend "local" {}
}

resource "terraform_data" "function" {
  input = file("../dist/benchkeeper.zip")

  provisioner "local-exec" {
    command = "cp ../dist/benchkeeper.zip $STAGE/in-force"
  }
  triggers_replace = filesha256("../dist/benchkeeper.zip")
}

resource "terraform_data" "after" {
  depends_on       = [terraform_data.function]
  triggers_replace = filesha256("../dist/benchkeeper.zip")

  provisioner "local-exec" {
    command = "! test -e $STAGE/breaks-${file("../dist/benchkeeper.zip")}"
  }
}

output "fleet_url" {
  value = "https://fleet.example.com"
}
"""


class PipelineStage:
    """One deployment with its buckets; ``apply`` runs the second build for a commit."""

    def __init__(self, directory: Path, *, terraform: str | None = None) -> None:
        self.directory = directory
        self.bucket = directory / "buckets" / "plans"
        self.bucket.mkdir(parents=True)
        self._programs = directory / "bin"
        self._programs.mkdir()
        self._terraform = terraform
        self.program("gcloud", GCLOUD)
        self.program("make", MAKE)
        if terraform is None:
            self.program("terraform", TERRAFORM)
        else:
            (self._programs / "terraform").symlink_to(terraform)
        (directory / "serial").write_text("7")
        self.canary = "canary@example.com"
        self.workspace = directory

    def program(self, name: str, text: str) -> None:
        """Put a program on the path of the steps."""
        (self._programs / name).write_text(text)
        (self._programs / name).chmod(0o755)

    def environment(self, commit: str) -> dict[str, str]:
        """What the steps get: the build's, and what the stand-ins need."""
        state = self.directory / "terraform.tfstate"
        return {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "STAGE": str(self.directory),
            "BUCKETS": str(self.directory / "buckets"),
            "PLANS_BUCKET": "plans",
            "COMMIT_SHA": commit,
            "CANARY_EMAIL": self.canary,
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "TF_CLI_ARGS_init": f"-backend-config=path={state}",
            "TF_CLI_ARGS_apply": "-lock-timeout=5m",
        }

    def plan(self, commit: str) -> None:
        """What cloudbuild.yaml leaves of a commit, its archive being the commit's name."""
        checkout = self.directory / f"checkout-{commit}"
        (checkout / "infra").mkdir(parents=True)
        (checkout / "docs" / "runbook").mkdir(parents=True)
        (checkout / "dist").mkdir()
        (checkout / "infra" / "main.tf").write_text(MAIN_TF)
        for name in ("benchkeeper.zip", "profiles.json", "tfplan"):
            (checkout / "dist" / name).write_text(commit)
        if self._terraform is not None:
            for arguments in (["init"], ["plan", "-out=../dist/tfplan"]):
                self.run(
                    checkout, commit, ["terraform", "-chdir=infra", *arguments]
                ).check_returncode()
        bundle = ["sh", str(RELEASE.with_name("bundle.sh"))]
        self.run(checkout, commit, bundle).check_returncode()
        stored = self.bucket / "plans" / commit
        stored.mkdir(parents=True)
        for path in (checkout / "dist").iterdir():
            shutil.copy(path, stored)

    def apply(self, commit: str, steps: tuple[str, ...] = STEPS) -> tuple[bool, str]:
        """Run cloudbuild-apply.yaml; whether the build succeeded, and what was printed."""
        self.workspace = self.directory / f"build-{len(list(self.directory.glob('build-*')))}"
        self.workspace.mkdir()
        printed = ""
        for step in steps:
            ran = self.run(self.workspace, commit, ["sh", str(RELEASE), step])
            printed += f"--- {step}: {ran.returncode}\n{ran.stdout}"
            if ran.returncode and step not in MAY_FAIL:
                return False, printed
        return True, printed

    def run(
        self, directory: Path, commit: str, command: list[str]
    ) -> subprocess.CompletedProcess[str]:
        """Run one step's command in ``directory``."""
        return subprocess.run(
            command,
            cwd=directory,
            env=self.environment(commit),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )

    @property
    def in_force(self) -> str:
        """The commit whose archive is deployed."""
        return (self.directory / "in-force").read_text().strip()

    @property
    def applied(self) -> str:
        """The commit that was last applied and verified, as the bucket says; '' if none was."""
        path = self.bucket / "applied" / "commit"
        return path.read_text() if path.exists() else ""

    def bundled(self, commit: str) -> list[str]:
        """The names in the stored Terraform tree."""
        with tarfile.open(self.bucket / "plans" / commit / "infra.tar.gz") as tree:
            return sorted(tree.getnames())
