"""The two build files: valid for Cloud Build, and in step with the Makefile and the scripts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.api.discovery import Discovery

ROOT = Path(__file__).parents[3]
PLAN, APPLY = "cloudbuild.yaml", "cloudbuild-apply.yaml"
FILES = pytest.mark.parametrize("file", [PLAN, APPLY])
# https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
BUILT_IN = {"PROJECT_ID", "BUILD_ID", "PROJECT_NUMBER", "LOCATION", "COMMIT_SHA"}
SCRIPTS = sorted((ROOT / "tools" / "pipeline").glob("*.sh"))

Json = dict[str, Any]


def build(file: str) -> Json:
    return dict(yaml.safe_load((ROOT / file).read_text()))


def ids(file: str) -> list[str]:
    return [step["id"] for step in build(file)["steps"]]


def strings(value: object) -> list[str]:
    """Every text in a value of YAML, keys left out."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def substituted(value: object) -> set[str]:
    """The names that Cloud Build substitutes in ``value``; ``$$`` is a dollar for the shell."""
    found = re.findall(r"\$(?:\{(\w+)\}|(\w+))", " ".join(strings(value)).replace("$$", ""))
    return {braced or plain for braced, plain in found}


@FILES
def test_google_describes_every_field_and_value(file: str) -> None:
    assert Discovery("cloudbuild", "v1").violations("Build", build(file)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": [{"name": "a", "argz": ["b"]}]},
        {"steps": [{"name": "a"}], "options": {"logging": "CLOUD"}},
        {"steps": [{"name": "a", "allowFailure": "yes"}]},
    ],
)
def test_the_check_finds_faults(wrong: Json) -> None:
    assert Discovery("cloudbuild", "v1").violations("Build", wrong) != []


def test_nothing_is_stored_before_it_was_checked_and_tried() -> None:
    assert ids(PLAN) == ["check", "test", "package", "smoke", "init", "plan", "bundle"]
    # Artifacts are stored after the last step, and only if none failed.
    assert not any(s.get("allowFailure") or s.get("waitFor") for s in build(PLAN)["steps"])


def test_whatever_fails_the_last_steps_record_go_back_and_decide() -> None:
    before = ["fetch", "preflight"]  # if one of these fails, nothing was changed
    after = ["apply", "verify", "record", "roll-back", "verify-former", "conclude"]
    assert ids(APPLY) == before + after
    # In this order: no step names others to wait for.
    assert not any("waitFor" in s for s in build(APPLY)["steps"])
    allowed = [s["id"] for s in build(APPLY)["steps"] if s.get("allowFailure")]
    assert allowed == ["apply", "verify", "verify-former"], (
        "conclude fails the build for them; no other may fail"
    )


@FILES
def test_what_is_substituted_is_declared_and_what_is_declared_is_used(file: str) -> None:
    content = build(file)
    declared = content.pop("substitutions")
    used = substituted(content)
    assert {name for name in used if name.startswith("_")} == set(declared)
    assert {name for name in used | substituted(declared) if not name.startswith("_")} <= BUILT_IN


@FILES
def test_the_shell_gets_no_dollar_that_cloud_build_would_take(file: str) -> None:
    for one in build(file)["steps"]:
        texts = [*one.get("args", []), one.get("script", "")]
        assert substituted(texts) <= BUILT_IN | set(build(file)["substitutions"]), one["id"]
        # Scripts are files, so that they can be tested: no shell in YAML.
        assert "script" not in one
        assert "-c" not in one.get("args", [])


@FILES
def test_a_build_with_an_account_of_its_own_says_where_it_logs(file: str) -> None:
    assert build(file)["options"]["logging"] == "CLOUD_LOGGING_ONLY"


@FILES
def test_every_target_of_make_exists(file: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = [t for s in build(file)["steps"] if s.get("entrypoint") == "make" for t in s["args"]]
    scripts = "\n".join(script.read_text() for script in SCRIPTS)
    call = r"^[^#\n]*\bmake\}?((?: --[a-z-]+)*(?: [a-z-]+)+)(?: \"[A-Z]+=[^\"]*\")*$"
    called = re.findall(call, scripts, re.MULTILINE)
    asked += [word for words in called for word in words.split() if not word.startswith("-")]
    assert len(set(called)) == 2, "those of deploy.sh and release.sh"
    assert set(asked) <= targets


@FILES
def test_every_script_and_its_command_exist(file: str) -> None:
    known = {path.relative_to(ROOT).as_posix(): path.read_text() for path in SCRIPTS}
    for one in build(file)["steps"]:
        if one.get("entrypoint") == "sh":
            script, *command = one["args"]
            assert script in known
            for word in command:
                assert re.search(rf"^    (.*\| )?{word}( \|.*)?\) ", known[script], re.MULTILINE)


def test_the_stored_objects_are_those_that_are_fetched() -> None:
    stored = build(PLAN)["artifacts"]["objects"]
    assert stored["location"] == "gs://${_PLANS_BUCKET}/plans/$COMMIT_SHA/"
    names = {Path(path).name for path in stored["paths"]}
    assert names == {"tfplan", "plan.txt", "infra.tar.gz", "benchkeeper.zip", "profiles.json"}
    release = (ROOT / "tools" / "pipeline" / "release.sh").read_text()
    assert 'gs://$PLANS_BUCKET/plans/$1/*"' in release


def test_both_builds_use_the_same_buckets_and_images() -> None:
    plan, apply = build(PLAN)["substitutions"], build(APPLY)["substitutions"]
    shared = plan.keys() & apply.keys()
    assert shared == {"_PLANS_BUCKET", "_STATE_BUCKET", "_PYTHON_IMAGE", "_TERRAFORM_IMAGE"}
    assert all(plan[name] == apply[name] for name in shared)


@FILES
def test_every_image_has_a_tag(file: str) -> None:
    images = {k: v for k, v in build(file)["substitutions"].items() if k.endswith("_IMAGE")}
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+", image) for image in images.values())
    assert all(not image.endswith(":latest") for image in images.values())
    used = {s["name"] for s in build(file)["steps"]}
    assert used == {f"${{{name}}}" for name in images}, "each image is a substitution"


def test_every_wait_of_the_canary_fits_into_the_build() -> None:
    from tools.canary.course import Limits

    limits = Limits()
    # A leftover leaves, a join, a leave; the clean-up of a failed join is in place of the last.
    canary = limits.fleet + limits.removed + limits.ready + limits.removed
    assert int(build(APPLY)["timeout"].removesuffix("s")) >= 2 * canary + 2 * 20 * 60


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
def test_scripts_are_read_by_every_shell(script: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", script], check=True)
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/bin/sh"
    assert "set -eu" in lines
    for bashism in ("[[", "]]", "function ", "local ", "${!", "<<<", "pipefail", "&>"):
        assert not any(bashism in line for line in lines if not line.lstrip().startswith("#"))
