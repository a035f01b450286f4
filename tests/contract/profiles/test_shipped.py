"""The shipped profiles are valid for Google's APIs, and the check finds wrong ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shared.domain.manifests import Site, manifests_of
from shared.domain.people.person import Person
from shared.domain.resources.kinds import Kind
from tools.check_profiles import load, main

SHIPPED = Path(__file__).parents[3] / "infra" / "profiles"


@pytest.fixture
def copy_of_shipped(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "profiles"))


def test_shipped_profiles_have_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SHIPPED), "--region", "us-central1"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in out] == [
        "analyst (default)",
        "data-scientist",
        "spark-engineer",
    ]


ALL_THREE = {Kind.WORKBENCH, Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE}


def test_two_profiles_give_all_three_kinds() -> None:
    """The budget of remote calls is for a first join that creates all three."""
    site = Site(project="p", region="us-central1", templates_bucket="b")
    person = Person(email="ana@example.com")
    profiles = load(SHIPPED)
    kinds = {
        name: {manifest.kind for manifest in manifests_of(profile, person, "ana", site)}
        for name in profiles.names
        if (profile := profiles.profile(name))
    }
    assert [name for name, all_kinds in kinds.items() if all_kinds == ALL_THREE] == [
        "data-scientist",
        "spark-engineer",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "profiles.yaml",
            "idle_minutes: 60 ",
            "idle_minuts: 60 ",
            "profiles.analyst.workbench.idle_minuts: unknown key; did you mean 'idle_minutes'?",
        ),
        (
            "masters/session-standard.yaml",
            "ttl: 86400s",
            "tll: 86400s",
            "masters/session-standard.yaml: environmentConfig.executionConfig.tll: "
            'unknown name "tll"',
        ),
        (
            "masters/session-standard.yaml",
            "kernel: PYTHON",
            "kernel: PYTHON3",
            "masters/session-standard.yaml: jupyterSession.kernel: ",
        ),
        (
            "masters/cluster-large.yaml",
            "numInstances: 4\n    machineTypeUri",
            "numInstances: four\n    machineTypeUri",
            "masters/cluster-large.yaml: config.workerConfig.numInstances: ",
        ),
        (
            "masters/cluster-small.yaml",
            "imageVersion: 2.2-debian12",
            "imageVersion: 1.5-debian10",
            "masters/cluster-small.yaml: config.softwareConfig.imageVersion: image 1.5-debian10",
        ),
    ],
)
def test_a_wrong_profile_is_found_and_its_location_named(
    copy_of_shipped: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    expected: str,
) -> None:
    path = copy_of_shipped / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    assert main([str(copy_of_shipped)]) == 1
    problems = capsys.readouterr().err.splitlines()
    assert any(problem.startswith(expected) for problem in problems), problems


def test_zones_outside_the_region_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SHIPPED), "--region", "europe-west1"]) == 1
    assert "us-central1-a is not in this site's region europe-west1" in capsys.readouterr().err


def test_a_directory_without_profiles_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 1
    problem = f"profiles.yaml: there is none in {tmp_path}; PROFILES= names the directory"
    assert problem in capsys.readouterr().err


def test_a_directory_that_does_not_exist_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nosuch")]) == 1
    problem = f"profiles.yaml: no directory {tmp_path}/nosuch; PROFILES= names the directory"
    assert problem in capsys.readouterr().err


def test_all_faults_of_profiles_and_masters_are_named_at_once(
    copy_of_shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One fault per check: YAML, type, rule, region, machine type, master, Google's schema."""
    change(
        copy_of_shipped / "profiles.yaml",
        ("size_gb: 300", "size_gb: 0300"),
        ("idle_minutes: 60 ", "idle_minutes: soon "),
        ("grace: 30d", "grace: 30 days"),
        ("[us-central1-a, us-central1-b, us-central1-c]", "[us-central1-a, europe-west1-b]"),
        ("n2-standard-8", "n2_standard_8"),
    )
    change(copy_of_shipped / "masters" / "session-standard.yaml", ("ttl: 86400s", "ttl: 1d"))
    change(copy_of_shipped / "masters" / "cluster-small.yaml", ("n2-standard-8", "n2-standard8"))
    assert main([str(copy_of_shipped)]) == 1
    *problems, count = capsys.readouterr().err.splitlines()
    assert sorted(problem.split(": ")[0] for problem in problems) == [
        "masters/cluster-small.yaml",
        "masters/session-standard.yaml",
        "profiles.analyst.workbench.idle_minutes",
        "profiles.analyst.workbench.zones[1]",
        "profiles.data-scientist.grace",
        "profiles.data-scientist.workbench.machine_type",
        "profiles.data-scientist.workbench.zones[1]",
        "profiles.spark-engineer.workbench.zones[1]",
        "profiles.yaml",
    ]
    assert count.startswith("9 problems; ")


def test_a_fault_found_by_two_checks_is_named_once(
    copy_of_shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    master = copy_of_shipped / "masters" / "cluster-small.yaml"
    master.write_text(
        "clusterUuid: x\nconfig:\n  lifecycleConfig: 1\n  gceClusterConfig:\n"
        "    metadata: {build: 7}\n  softwareConfig:\n    properties: {'spark:spark.a': 4}\n"
    )
    assert main([str(copy_of_shipped)]) == 1
    *problems, _ = capsys.readouterr().err.splitlines()
    assert sorted(problem.split(": ")[1] for problem in problems) == [
        "clusterUuid",
        "config.gceClusterConfig.metadata['build']",
        "config.lifecycleConfig",
        "config.softwareConfig.properties['spark:spark.a']",
    ]


def test_the_default_region_is_that_of_the_deployment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([str(SHIPPED)]) == 0, "the setting's default"
    monkeypatch.setenv("REGION", "europe-west1")
    assert main([str(SHIPPED)]) == 1, "as a deployment sets it"
    assert "is not in this site's region europe-west1" in capsys.readouterr().err
    assert main([str(SHIPPED), "--region", "us-central1"]) == 0, "as it is given"


@pytest.mark.parametrize("region", ["us-central1-a", "US-CENTRAL1", "everywhere"])
def test_an_invalid_region_is_rejected(capsys: pytest.CaptureFixture[str], region: str) -> None:
    assert main([str(SHIPPED), "--region", region]) == 1
    assert capsys.readouterr().err == (
        f"REGION is {region!r}; it should be a region such as us-central1\n"
    )


def change(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
