"""Master templates: fields that a master may set, and those refused because we set them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shared.domain.profiles import ProfilesInvalid
from shared.domain.profiles.parse import parse_profiles

MASTERS = {"session.yaml": b"runtimeConfig: {version: '2.3'}", "cluster.yaml": b"config: {}"}
PROFILES = """\
version: 1
default: engineer
profiles:
  engineer:
    grace: 14d
    session_templates: [{name: spark, master: session.yaml}]
    cluster_templates: [{name: small, master: cluster.yaml}]
"""


def messages(masters: Mapping[str, bytes], text: str = PROFILES) -> tuple[str, ...]:
    with pytest.raises(ProfilesInvalid) as caught:
        parse_profiles(text.encode(), MASTERS | dict(masters))
    return caught.value.messages


@pytest.mark.parametrize(
    ("master", "expected"),
    [
        ("environmentConfig: {executionConfig: {serviceAccount: x}}", "own credentials"),
        (
            "environmentConfig: {executionConfig: {authenticationConfig: {}}}",
            "environmentConfig.executionConfig.authenticationConfig: is set by us: a",
        ),
        ("environmentConfig: {executionConfig: {subnetworkUri: x}}", "the profile's network"),
        ("environmentConfig: {executionConfig: {idleTtl: 60s}}", "use idle_minutes"),
        ("environmentConfig: {executionConfig: [x]}", "expected a map of keys and values, got"),
        ("environmentConfig:", "line 1, column 19: is empty; give it a value or leave it out"),
        ("name: x", "name: is made from the person's key"),
        ("labels: {a: b}", "labels: use the profile's labels"),
        ("uuid: x", "uuid: is set by Dataproc"),
        (
            "runtimeConfig: {properties: {spark.executor.cores: 4}}",
            "runtimeConfig.properties['spark.executor.cores']: expected text, got 4; put it in",
        ),
        ("[]", "expected a map of keys and values, got a list"),
        ("", "is empty"),
        ("~", "is empty"),
        ("a: [", "is not YAML"),
        ("a: 1\na: 2", "the key 'a' is given twice"),
    ],
)
def test_session_master_refused(master: str, expected: str) -> None:
    (message,) = messages({"session.yaml": master.encode()})
    assert message.startswith("masters/session.yaml: ")
    assert expected in message


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            "softwareConfig: {imageVersion: 1.5-debian10}",
            "image 1.5-debian10 can no longer be used",
        ),
        ("softwareConfig: {imageVersion: 2.2}", "expected a version such as '2.2-debian12' in"),
        ("softwareConfig: {imageVersion: latest}", "expected a version such as"),
        ("softwareConfig: {optionalComponents: [ANACONDA]}", "ANACONDA ended with image 1.5"),
        (
            "softwareConfig: {optionalComponents: JUPYTER}",
            "expected a list, got",
        ),
        (
            "softwareConfig: 1",
            "config.softwareConfig: expected a map of keys and values, got 1",
        ),
        (
            "softwareConfig: {properties: {a: true}}",
            "expected text, got true; put it in quotes",
        ),
        (
            "softwareConfig: {properties: {'dataproc:dataproc.personal-auth.user': x}}",
            "own credentials",
        ),
        (
            "gceClusterConfig: {metadata: {build: 7}}",
            "metadata['build']: expected text, got 7; put it in quotes",
        ),
        ("endpointConfig: {enableHttpPortAccess: false}", "component gateway"),
        ("lifecycleConfig: {idleStopTtl: 600s}", "can't be stopped"),
        ("lifecycleConfig: {idleDeleteTtl: 600s}", "use idle_minutes"),
        ("gceClusterConfig: {subnetworkUri: x}", "use the profile's network"),
        ("gceClusterConfig: {internalIpOnly: false}", "use the profile's network"),
    ],
)
def test_cluster_master_refused(config: str, expected: str) -> None:
    (message,) = messages({"cluster.yaml": f"config: {{{config}}}".encode()})
    assert message.startswith("masters/cluster.yaml: ")
    assert expected in message


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ("masterConfig: {machineTypeUri: n2-standard8}", "config.masterConfig.machineTypeUri"),
        (
            "workerConfig: {machineTypeUri: projects/p/zones/us-central1-a/machineTypes/e2}",
            "config.workerConfig.machineTypeUri",
        ),
        (
            "secondaryWorkerConfig: {instanceFlexibilityPolicy: {instanceSelectionList: "
            "[{machineTypes: [e2-standard-4, e2_standard_8]}]}}",
            "config.secondaryWorkerConfig.instanceFlexibilityPolicy.instanceSelectionList[0]"
            ".machineTypes[1]",
        ),
    ],
)
def test_an_unknown_machine_type_is_refused_in_every_field(config: str, field: str) -> None:
    (message,) = messages({"cluster.yaml": f"config: {{{config}}}".encode()})
    assert message.startswith(f"masters/cluster.yaml: {field}: expected a machine type such as")


@pytest.mark.parametrize(
    ("config", "elsewhere"),
    [
        (
            "autoscalingConfig: {policyUri: projects/p/regions/us-east1/autoscalingPolicies/a}",
            "us-east1",
        ),
        (
            "workerConfig: {machineTypeUri: projects/p/zones/us-east1-b/machineTypes/e2-medium}",
            "us-east1-b",
        ),
    ],
)
def test_a_resource_of_another_region_is_refused(config: str, elsewhere: str) -> None:
    masters = MASTERS | {"cluster.yaml": f"config: {{{config}}}".encode()}
    with pytest.raises(ProfilesInvalid) as caught:
        parse_profiles(PROFILES.encode(), masters, region="us-central1")
    (message,) = caught.value.messages
    assert message.endswith(f": names {elsewhere}, but this site is in us-central1")
    parse_profiles(PROFILES.encode(), masters, region="us-east1")


@pytest.mark.parametrize(
    ("master", "place"),
    [
        ("config: {workerConfig: {numInstances: 010}}", "line 1, column 39"),
        ("config:\n  initializationActions:\n  - executionTimeout: 10:00", "line 3, column 23"),
        ("config: {gceClusterConfig: {metadata: {0123: x}}}", "line 1, column 40"),
        ("config: {gceClusterConfig: {metadata: {country: NO}}}", "line 1, column 49"),
    ],
)
def test_a_value_with_two_meanings_is_refused_at_any_depth(master: str, place: str) -> None:
    (message,) = messages({"cluster.yaml": master.encode()})
    assert message.startswith(f"masters/cluster.yaml: {place}: ")


def test_a_fault_of_the_reader_hides_no_other_fault_of_the_master() -> None:
    master = b"clusterName: x\nconfig: {workerConfig: {numInstances: 010, machineTypeUri: e2}}"
    found = messages({"cluster.yaml": master})
    assert len(found) == 3


@pytest.mark.parametrize("field", ["projectId", "clusterName", "labels", "status"])
def test_cluster_master_must_not_name_a_cluster(field: str) -> None:
    (message,) = messages({"cluster.yaml": f"{field}: x".encode()})
    assert message.startswith(f"masters/cluster.yaml: {field}: ")


def test_a_fault_of_a_master_of_two_templates_is_reported_once() -> None:
    again = PROFILES.replace("    cluster_templates: [{name: small, master: cluster.yaml}]\n", "")
    again += "  analyst:\n    grace: 0\n    session_templates: [{name: b, master: session.yaml}]\n"
    assert len(messages({"session.yaml": b"name: x"}, again)) == 1


def test_masters_that_no_profile_uses_are_not_read() -> None:
    masters = MASTERS | {"notes.yaml": b"[not, a, master"}
    assert parse_profiles(PROFILES.encode(), masters).names == ("engineer",)
