"""profiles.yaml: everything that is refused, with its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.profiles import ProfilesInvalid
from shared.domain.profiles.parse import parse_profiles
from tests.support.profile_texts import GOOD, MASTERS, changed, messages


class TestEveryFaultIsNamedWithItsPlace:
    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (
                "idle_minutes: 60",
                "idle_minutes: abc",
                "profiles.analyst.workbench.idle_minutes: "
                "expected whole minutes from 10 to 1440, got 'abc'",
            ),
            (
                "idle_minutes: 60",
                "idle_minutes: true",
                "profiles.analyst.workbench.idle_minutes: "
                "expected whole minutes from 10 to 1440, got true",
            ),
            (
                "idle_minutes: 60",
                "idle_minuts: 60",
                "profiles.analyst.workbench.idle_minuts: unknown key; did you mean 'idle_minutes'?",
            ),
            (
                "idle_minutes: 60",
                "downloads: sometimes",
                "profiles.analyst.workbench.downloads: expected true or false, got 'sometimes'",
            ),
            (
                "idle_minutes: 60",
                "data_disk: {size_gb: 100, type: PD_BALANCE}",
                "profiles.analyst.workbench.data_disk.type: expected one of PD_STANDARD, ",
            ),
            (
                "idle_minutes: 60",
                "boot_disk: {size_gb: 50}",
                "profiles.analyst.workbench.boot_disk.size_gb: expected at least 100",
            ),
            (
                "idle_minutes: 60",
                "image: {project: cloud-notebooks-managed}",
                "profiles.analyst.workbench.image: expected either a family or a name",
            ),
            (
                "idle_minutes: 60",
                "upgrade_schedule: weekly",
                "profiles.analyst.workbench.upgrade_schedule: expected a weekly or monthly time",
            ),
            (
                "[us-central1-a, us-central1-b]",
                "[us-central1]",
                "profiles.analyst.workbench.zones[0]: expected a zone such as us-central1-a, got",
            ),
            (
                "[us-central1-a, us-central1-b]",
                "us-central1-a",
                "profiles.analyst.workbench.zones: expected a list, got 'us-central1-a'",
            ),
            (
                "[us-central1-a, us-central1-b]",
                "[]",
                "profiles.analyst.workbench.zones: is empty",
            ),
            (
                "[us-central1-a, us-central1-b]",
                "[us-central1-a, us-central1-a]",
                "profiles.analyst.workbench.zones[1]: us-central1-a is listed twice",
            ),
            (
                "      machine_type: e2-standard-4\n",
                "",
                "profiles.analyst.workbench.machine_type: is missing",
            ),
            ("grace: 12h", "grace: 12", "profiles.analyst.grace: expected hours or days such as"),
            ("grace: 12h", "grace: 9999d", "profiles.analyst.grace: expected hours or days"),
            (
                "grace: 12h",
                "grace: true",
                "profiles.analyst.grace: expected hours or days such as 12h or 14d",
            ),
            (
                "idle_minutes: 60",
                "idle_minutes: '60'",
                "profiles.analyst.workbench.idle_minutes: "
                "expected whole minutes from 10 to 1440, got '60'; leave the quotes out",
            ),
            (
                "idle_minutes: 60",
                "idle_minutes: 1:30",
                "profiles.yaml: line 12, column 21: 1:30 is base 60 in YAML 1.1",
            ),
            (
                "machine_type: e2-standard-4",
                "machine_type: e2-standard4",
                "profiles.analyst.workbench.machine_type: expected a machine type such as",
            ),
            (
                "    grace: 14d\n",
                "    grace: 14d\n    workbench:\n",
                "profiles.yaml: line 15, column 15: is empty; give it a value or leave it out",
            ),
            (
                "grace: 12h",
                "grace: 12h\n    keep_snapshot: 3 months",
                "profiles.analyst.keep_snapshot: expected hours or days such as 12h or 14d",
            ),
            (
                "grace: 12h",
                "grace: 12h\n    network: {subnet: a/b}",
                "profiles.analyst.network.subnet: expected a subnet's short name, or projects/",
            ),
            (
                "grace: 12h",
                "grace: 12h\n    labels: {team: x}",
                "profiles.analyst.labels.team: is set by us",
            ),
            (
                "grace: 12h",
                "grace: 12h\n    labels: {goog-x: x}",
                "profiles.analyst.labels.goog-x: is reserved by Google",
            ),
            (
                "grace: 12h",
                "grace: 12h\n    labels: {Team Name: x}",
                "profiles.analyst.labels.Team Name: is not a label key",
            ),
            (
                "grace: 12h",
                "grace: 12h\n    labels: {tier: Gold}",
                "profiles.analyst.labels.tier: expected at most 63 lower-case letters",
            ),
            (
                "grace: 12h",
                "grace: 12h\n    labels: {tier: 1}",
                "profiles.analyst.labels.tier: expected text, got 1; put it in quotes",
            ),
            (
                "profiles:\n",
                "profiles:\n  Spare:\n    grace: 0\n    workbench: {zones: [us-central1-a], "
                "machine_type: e2-small}\n",
                "profiles.Spare: expected a name of lower-case letters",
            ),
            ("default: analyst", "default: analist", "default: there is no profile 'analist'; did"),
            (
                "profile: engineer}",
                "profile: enginer}",
                "groups[0].profile: there is no profile 'enginer'; did you mean 'engineer'?",
            ),
            (
                "group: analysts@",
                "group: engineers@",
                "groups[1].group: engineers@example.com is mapped by groups[0] already",
            ),
            (
                "master: session.yaml",
                "master: sesion.yaml",
                "profiles.engineer.session_templates[0].master: there is no 'sesion.yaml' in "
                "masters/; did you mean 'session.yaml'?",
            ),
            (
                "master: session.yaml",
                "master: ../session.yaml",
                "profiles.engineer.session_templates[0].master: expected the name of a file",
            ),
            (
                "[{name: spark, master: session.yaml}]",
                "[{name: a, master: session.yaml}, {name: a, master: session.yaml}]",
                "profiles.engineer.session_templates[1].name: a is listed twice",
            ),
            ("name: small", "name: Small", "profiles.engineer.cluster_templates[0].name: expected"),
            ("version: 1", "version: 2", "version: expected one of 1, got 2"),
            ("version: 1\n", "", "version: is missing"),
            (
                "default: analyst\n",
                "default: analyst\ndefault: engineer\n",
                "profiles.yaml: line 3, column 1: the key 'default' is given twice",
            ),
            (
                "    grace: 12h\n",
                "    grace: 12h\n    grace: 0\n",
                "profiles.yaml: line 9, column 5: the key 'grace' is given twice",
            ),
        ],
    )
    def test_fault(self, old: str, new: str, expected: str) -> None:
        found = messages(changed(old, new))
        assert len(found) == 1, found
        assert found[0].startswith(expected), found[0]

    def test_a_profile_that_asks_for_nothing_is_refused(self) -> None:
        text = "version: 1\ndefault: a\nprofiles: {a: {grace: 0}}"
        assert messages(text) == (
            "profiles.a: asks for nothing; "
            "give it a workbench, session_templates or cluster_templates",
        )

    def test_all_faults_are_named_at_once_whatever_their_kind(self) -> None:
        text = (
            GOOD.replace("default: analyst", "default: analist")
            .replace("idle_minutes: 60", "idle_minuts: 60")
            .replace("e2-standard-4", "7")
            .replace("grace: 14d", "grace: soon")
            .replace("master: cluster.yaml", "master: gone.yaml")
        )
        session = {"session.yaml": b"environmentConfig: {executionConfig: {serviceAccount: x}}"}
        places = [message.split(": ")[0] for message in messages(text, MASTERS | session)]
        assert sorted(places) == [
            "default",
            "masters/session.yaml",
            "profiles.analyst.workbench.idle_minuts",
            "profiles.analyst.workbench.machine_type",
            "profiles.engineer.cluster_templates[0].master",
            "profiles.engineer.grace",
        ]

    def test_invalid_yaml_of_the_profiles_does_not_hide_invalid_masters(self) -> None:
        found = messages(GOOD + "x: [", {"session.yaml": b"a: 010", "cluster.yaml": b"a: ["})
        assert [message.partition(":")[0] for message in found] == [
            "profiles.yaml",
            "masters/cluster.yaml",
            "masters/session.yaml",
        ]

    def test_a_fault_of_one_field_hides_none_of_another(self) -> None:
        text = (
            GOOD.replace("idle_minutes: 60", "idle_minutes: 010")
            .replace("grace: 12h", "grace: soon\n    labels: {team: 1, Tier: Gold}")
            .replace(
                "[us-central1-a, us-central1-b]", "[us-central1-a, us-central1-a, x, us-east1-b]"
            )
            .replace(
                "      machine_type: e2-standard-4\n",
                "      boot_disk: {size_gb: 50, type: FAST}\n"
                "      metadata: {title: 1, framework: x}\n",
            )
            .replace("[{name: small, master", "[{name: small}, {name: small, master")
            .replace("cluster.yaml}]", "cluster.yaml, idle_minutes: 1}]")
        )
        found = messages(
            text, {"session.yaml": b"name: x", "cluster.yaml": b"labels: {}"}, "us-central1"
        )
        places = [message.split(": ")[0] for message in found]
        assert sorted(places) == [
            "masters/cluster.yaml",
            "masters/session.yaml",
            "profiles.analyst.grace",
            "profiles.analyst.labels.Tier",
            "profiles.analyst.labels.Tier",
            "profiles.analyst.labels.team",
            "profiles.analyst.labels.team",
            "profiles.analyst.workbench.boot_disk.size_gb",
            "profiles.analyst.workbench.boot_disk.type",
            "profiles.analyst.workbench.machine_type",
            "profiles.analyst.workbench.metadata.framework",
            "profiles.analyst.workbench.metadata.title",
            "profiles.analyst.workbench.metadata.title",
            "profiles.analyst.workbench.zones[1]",
            "profiles.analyst.workbench.zones[2]",
            "profiles.analyst.workbench.zones[3]",
            "profiles.engineer.cluster_templates[0].master",
            "profiles.engineer.cluster_templates[1].idle_minutes",
            "profiles.engineer.cluster_templates[1].name",
            "profiles.yaml",
        ]

    def test_with_a_region_what_lies_outside_it_is_refused(self) -> None:
        text = changed(
            "grace: 12h",
            "grace: 12h\n    network: {subnet: projects/p/regions/us-east1/subnetworks/s}",
        )
        assert messages(text, region="europe-west1") == (
            "profiles.analyst.network.subnet: is in us-east1, but this site is in europe-west1",
            "profiles.analyst.workbench.zones[0]: us-central1-a is not in this site's region "
            "europe-west1, where its subnet is",
            "profiles.analyst.workbench.zones[1]: us-central1-b is not in this site's region "
            "europe-west1, where its subnet is",
        )


class TestWhateverComes:
    @pytest.mark.parametrize("text", ["[]", "text", "7", "true"])
    def test_anything_but_a_map_is_refused(self, text: str) -> None:
        (message,) = messages(text)
        assert message.startswith("expected a map of keys and values, got ")

    @given(st.binary(max_size=300), st.binary(max_size=300))
    @example(b"profiles: {a: ", b"")
    def test_any_bytes_are_accepted_or_refused_with_a_message(
        self, text: bytes, master: bytes
    ) -> None:
        try:
            parse_profiles(text, {"session.yaml": master})
        except ProfilesInvalid as invalid:
            assert invalid.messages  # noqa: PT017 - being taken is just as good

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["workbench", "grace", "zones", "labels", "x"]), inner
                )
            ),
            max_leaves=8,
        )
    )
    def test_any_value_as_a_profile_is_accepted_or_refused(self, value: object) -> None:
        text = json.dumps({"version": 1, "default": "a", "profiles": {"a": value}})
        try:
            parse_profiles(text.encode(), {})
        except ProfilesInvalid as invalid:
            assert invalid.messages  # noqa: PT017 - being taken is just as good
