"""Settings come from a mapping, are checked all together, and faults are reported by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.settings import Settings, SettingsInvalid, read_settings, setting_faults

NEEDED = {
    "PROJECT": "demo",
    "ALLOWED_DOMAINS": "example.com",
    "PROFILES": "gs://demo-profiles/v1",
    "TEMPLATES_BUCKET": "demo-templates",
}


def faults(**changes: str) -> str:
    with pytest.raises(SettingsInvalid) as invalid:
        read_settings(NEEDED | changes)
    assert str(invalid.value) == "settings: " + "; ".join(invalid.value.faults)
    return str(invalid.value)


def test_required_settings_suffice_and_default_to_google() -> None:
    assert read_settings(NEEDED) == Settings(
        project="demo",
        allowed_domains=frozenset({"example.com"}),
        profiles="gs://demo-profiles/v1",
        templates_bucket="demo-templates",
        region="us-central1",
        state="firestore:(default)",
        converge_topic="converge",
        announcements_topic="environment-events",
        creations_limit=200,
        older_kinds=False,
        notebooks_endpoint="https://notebooks.googleapis.com",
        notebooks_v1_endpoint="https://notebooks.googleapis.com",
        compute_endpoint="https://compute.googleapis.com",
        dataproc_endpoint="https://us-central1-dataproc.googleapis.com",
        clock_endpoint="",
        log_level="INFO",
    )


def test_everything_can_be_set() -> None:
    settings = read_settings(
        NEEDED
        | {
            "REGION": "europe-west3",
            "STATE": "sqlite:state.db",
            "PROFILES": "file:profiles",
            "CONVERGE_TOPIC": "go-on",
            "ANNOUNCEMENTS_TOPIC": "news",
            "CREATIONS_LIMIT": "50",
            "OLDER_KINDS": "on",
            "NOTEBOOKS_ENDPOINT": "http://127.0.0.1:1",
            "NOTEBOOKS_V1_ENDPOINT": "http://127.0.0.1:4",
            "COMPUTE_ENDPOINT": "http://127.0.0.1:5",
            "DATAPROC_ENDPOINT": "http://127.0.0.1:2",
            "CLOCK_ENDPOINT": "http://127.0.0.1:3/now",
            "LOG_LEVEL": "DEBUG",
        }
    )
    assert settings.region == "europe-west3"
    assert (settings.state, settings.profiles) == ("sqlite:state.db", "file:profiles")
    assert (settings.converge_topic, settings.announcements_topic) == ("go-on", "news")
    assert (settings.creations_limit, settings.older_kinds) == (50, True)
    assert settings.notebooks_v1_endpoint == "http://127.0.0.1:4"
    assert settings.compute_endpoint == "http://127.0.0.1:5"
    assert settings.notebooks_endpoint == "http://127.0.0.1:1"
    assert settings.dataproc_endpoint == "http://127.0.0.1:2"
    assert settings.clock_endpoint == "http://127.0.0.1:3/now"
    assert settings.log_level == "DEBUG"


def test_dataproc_is_called_in_the_region_of_the_templates() -> None:
    settings = read_settings(NEEDED | {"REGION": "europe-west3"})
    assert settings.dataproc_endpoint == "https://europe-west3-dataproc.googleapis.com"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"PROJECT": "ours", "GOOGLE_CLOUD_PROJECT": "theirs"}, "ours"),
        ({"PROJECT": "", "GOOGLE_CLOUD_PROJECT": "theirs"}, "theirs"),
        ({"PROJECT": " ", "GOOGLE_CLOUD_PROJECT": " theirs "}, "theirs"),
    ],
)
def test_the_project_is_the_setting_or_that_of_the_platform(
    given: dict[str, str], expected: str
) -> None:
    assert read_settings(NEEDED | given).project == expected


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("example.com", {"example.com"}),
        (" Example.COM , lab.example.org ", {"example.com", "lab.example.org"}),
        ("example.com,,", {"example.com"}),
    ],
)
def test_domains_are_separated_by_commas_in_any_case(text: str, domains: set[str]) -> None:
    assert read_settings(NEEDED | {"ALLOWED_DOMAINS": text}).allowed_domains == domains


def test_spaces_around_a_value_are_not_part_of_it() -> None:
    assert read_settings(NEEDED | {"REGION": " europe-west3\n"}).region == "europe-west3"


def test_an_empty_setting_counts_as_not_set() -> None:
    assert read_settings(NEEDED | {"REGION": "", "STATE": "  "}) == read_settings(NEEDED)


def test_other_variables_are_ignored() -> None:
    others = {"PATH": "/usr/bin", "STATES": "x", "region": "nowhere", "FUNCTION_TARGET": "onboard"}
    assert read_settings(NEEDED | others) == read_settings(NEEDED)


@pytest.mark.parametrize(
    ("text", "on"),
    [("on", True), ("ON", True), ("true", True), ("off", False), ("False", False), ("", False)],
)
def test_a_switch_is_on_or_off_in_any_case(text: str, on: bool) -> None:
    assert read_settings(NEEDED | {"OLDER_KINDS": text}).older_kinds is on


@pytest.mark.parametrize("name", list(NEEDED))
def test_missing_settings_are_named(name: str) -> None:
    assert f"{name} is not set" in faults(**{name: ""})


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        read_settings({"STATE": "postgres:x", "CLOCK_ENDPOINT": "now"})
    assert len(invalid.value.faults) == len(NEEDED) + 2


@pytest.mark.parametrize(
    ("name", "value", "because"),
    [
        ("STATE", "postgres:x", "no such backend"),
        ("STATE", "state.db", "which backend?"),
        ("PROFILES", "s3://bucket", "no such store"),
        ("PROFILES", "profiles.yaml", "a file or a bucket?"),
        ("NOTEBOOKS_ENDPOINT", "notebooks.googleapis.com", "http or https?"),
        ("DATAPROC_ENDPOINT", "ftp://x", "it isn't reached by that"),
        ("CLOCK_ENDPOINT", "127.0.0.1:80/now", "http or https?"),
        ("ALLOWED_DOMAINS", " , ", "nobody at all could join"),
        ("ALLOWED_DOMAINS", "@example.com", "no address is in such a domain: nobody could join"),
        ("TEMPLATES_BUCKET", "gs://demo-templates", "documented as given without gs://"),
        ("CREATIONS_LIMIT", "0", "nobody would ever have a notebook"),
        ("CREATIONS_LIMIT", "-5", "less than nobody"),
        ("CREATIONS_LIMIT", "many", "how many?"),
        ("CREATIONS_LIMIT", "1e3", "not everybody reads that as a thousand"),
        ("CREATIONS_LIMIT", "1000000", "more than any project's quota"),
        ("OLDER_KINDS", "perhaps", "on or off?"),
        ("NOTEBOOKS_V1_ENDPOINT", "notebooks.googleapis.com", "http or https?"),
        ("COMPUTE_ENDPOINT", "grpc://x", "it isn't reached by that"),
        ("PROJECT", "projects/demo", "it is given without projects/"),
        ("REGION", "us-central1-a", "a zone"),
        ("REGION", "US-CENTRAL1", "no region is written so"),
        ("STATE", "sqlite:", "which file?"),
        ("STATE", "firestore:", "which database?"),
        ("PROFILES", "gs://", "which bucket?"),
        ("PROFILES", "file:", "which directory?"),
        ("CONVERGE_TOPIC", "projects/demo/topics/converge", "it is given without its project"),
        ("ANNOUNCEMENTS_TOPIC", "a b", "no topic is written so"),
        ("COMPUTE_ENDPOINT", "https://", "of which host?"),
        ("NOTEBOOKS_ENDPOINT", "http://127.0.0.1:99999", "no such port"),
        ("DATAPROC_ENDPOINT", "http://127.0.0.1:65536", "no such port"),
        ("COMPUTE_ENDPOINT", "http://127.0.0.1:0", "nobody listens there"),
        ("NOTEBOOKS_ENDPOINT", "http://-", "no such host"),
        ("NOTEBOOKS_V1_ENDPOINT", "https://[::1", "not closed"),
        ("STORAGE_EMULATOR_HOST", "nonsense", "the client wants a URL"),
        ("STORAGE_EMULATOR_HOST", "127.0.0.1:9023", "the client wants a URL"),
        ("PUBSUB_EMULATOR_HOST", "http://x", "the client wants no URL"),
        ("PUBSUB_EMULATOR_HOST", "127.0.0.1", "which port?"),
        ("FIRESTORE_EMULATOR_HOST", "127.0.0.1:port", "no number"),
        ("LOG_LEVEL", "LOUD", "logging knows no such level, and fails at the first request"),
    ],
)
def test_a_value_that_cannot_work_is_named(name: str, value: str, because: str) -> None:
    assert name in faults(**{name: value}), because
    assert value.strip() in faults(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTEBOOKS_ENDPOINT", "http://127.0.0.1:65535"),
        ("NOTEBOOKS_ENDPOINT", "https://notebooks.googleapis.com/"),
        ("DATAPROC_ENDPOINT", "http://[::1]:8080/dataproc"),
        ("CLOCK_ENDPOINT", "http://localhost:1/_admin/clock"),
        ("STORAGE_EMULATOR_HOST", "http://localhost:9023"),
        ("STORAGE_EMULATOR_HOST", " "),
        ("PUBSUB_EMULATOR_HOST", "[::1]:8085"),
        ("FIRESTORE_EMULATOR_HOST", "emulator-1.internal:8080"),
    ],
)
def test_every_form_of_an_endpoint_is_accepted(name: str, value: str) -> None:
    assert read_settings(NEEDED | {name: value}).project == "demo"


def test_missing_directories_are_named_with_all_other_faults(tmp_path: Path) -> None:
    environ = NEEDED | {
        "REGION": "Iowa",
        "STATE": f"sqlite:{tmp_path}/nowhere/state.db",
        "PROFILES": f"file:{tmp_path}/profiles",
    }
    assert [fault.partition(" ")[0] for fault in setting_faults(environ)] == [
        "REGION",
        "STATE",
        "PROFILES",
    ]
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "profiles").mkdir()
    assert setting_faults(environ | {"REGION": "us-central1"}) == []
