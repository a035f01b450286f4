"""Disks over the Compute API: insert, setLabels, resize and delete."""

import base64
from typing import Any

import pytest

from local.compute.names import fingerprint
from tests.local.compute import harness
from tests.local.compute.harness import NOTEBOOKS, SNAPSHOTS, ZONAL, Api, refusal

api = harness.api  # pytest finds fixtures by name

SPARE = f"{ZONAL}/disks/spare"


def make(api: Api, **fields: Any) -> dict[str, Any]:
    operation = api("POST", f"{ZONAL}/disks", {"name": "spare", **fields})
    api.wait()
    return operation


def test_an_empty_disk_is_created_with_defaults(api: Api) -> None:
    operation = make(api, labels={"team": "core"})
    assert (operation["operationType"], operation["status"]) == ("insert", "PENDING")
    disk = api("GET", SPARE)
    assert (disk["sizeGb"], disk["type"].rpartition("/")[2]) == ("500", "pd-standard")
    assert (disk["labels"], "users" in disk, api.read("spare")) == ({"team": "core"}, False, "")
    assert refusal(make(api)) == (409, "alreadyExists")


@pytest.mark.parametrize(
    "reference", ["s1", "global/snapshots/s1", "projects/demo/global/snapshots/s1"]
)
def test_a_disk_from_a_snapshot_has_its_content_and_at_least_its_size(
    api: Api, reference: str
) -> None:
    api.notebook()
    api.write("the work of a year")
    api.snapshot("s1")
    api.wait()
    assert refusal(make(api, sourceSnapshot=reference, sizeGb="199")) == (400, "invalid")
    make(api, sourceSnapshot=reference)
    assert (api("GET", SPARE)["sizeGb"], api.read("spare")) == ("200", "the work of a year")


def test_unsupported_fields_of_an_insert_are_refused(api: Api) -> None:
    assert refusal(make(api, sourceImage="global/images/debian")) == (400, "invalid")
    assert refusal(api("POST", f"{ZONAL}/disks", {"name": "Not-A-Name"})) == (400, "invalid")


def test_a_disk_can_only_be_enlarged(api: Api) -> None:
    make(api, sizeGb="10")
    assert refusal(api("POST", f"{SPARE}/resize", {"sizeGb": "10"})) == (400, "invalid")
    api("POST", f"{SPARE}/resize", {"sizeGb": "20"})
    api.wait()
    assert api("GET", SPARE)["sizeGb"] == "20"


def test_an_unattached_disk_is_deleted(api: Api) -> None:
    make(api)
    api("DELETE", SPARE)
    assert api("GET", SPARE)["status"] == "DELETING"
    api.wait()
    assert refusal(api("GET", SPARE)) == (404, "notFound")


def url_safe(text: str) -> str:
    return base64.urlsafe_b64encode(base64.b64decode(text)).decode()


def labels_with_special_fingerprint() -> dict[str, str]:
    """Labels whose fingerprint differs between the two alphabets of base64."""
    candidates = ({"n": str(number)} for number in range(1000))
    return next(c for c in candidates if {"+", "/"} & set(fingerprint(c)))


class TestFingerprints:
    @pytest.fixture(params=["disk", "snapshot"])
    def path(self, request: pytest.FixtureRequest, api: Api) -> str:
        """A resource whose fingerprint has a character that base64url lacks."""
        labels = labels_with_special_fingerprint()
        if request.param == "disk":
            make(api, labels=labels)
            return SPARE
        api.notebook()
        api.snapshot("s1", labels=labels)
        api.wait()
        return f"{SNAPSHOTS}/s1"

    def set_labels(self, api: Api, path: str, given: str) -> dict[str, Any]:
        body = {"labels": {"team": "core"}, "labelFingerprint": given}
        answer = api("POST", f"{path}/setLabels", body)
        api.wait()
        return answer

    @pytest.mark.parametrize(
        "encode",
        [str, url_safe, lambda given: given.rstrip("="), lambda given: url_safe(given).rstrip("=")],
        ids=["as given", "base64url", "no padding", "base64url, no padding"],
    )
    def test_fingerprints_are_compared_as_bytes(self, api: Api, path: str, encode: Any) -> None:
        given = api("GET", path)["labelFingerprint"]
        assert url_safe(given) != given
        assert "error" not in self.set_labels(api, path, encode(given))
        assert api("GET", path)["labels"] == {"team": "core"}

    def test_another_fingerprint_is_refused(self, api: Api, path: str) -> None:
        assert refusal(self.set_labels(api, path, "AAAAAAAAAAA=")) == (412, "conditionNotMet")
        assert refusal(self.set_labels(api, path, "not base64!")) == (400, "invalid")


class TestResizeDisk:
    @pytest.fixture(autouse=True)
    def _notebook(self, api: Api) -> None:
        api.notebook()

    def resize(self, api: Api, body: dict[str, Any]) -> dict[str, Any]:
        answer = api("POST", f"{NOTEBOOKS}/nb1:resizeDisk", body)
        api.wait()
        return answer

    def sizes(self, api: Api) -> tuple[str, str, str, str]:
        """The sizes of boot disk and data disk, each by the instance and by Compute."""
        setup = api("GET", f"{NOTEBOOKS}/nb1")["gceSetup"]
        disks = [api("GET", f"{ZONAL}/disks/{n}") for n in ("nb1", "nb1-data-workspace")]
        return (
            setup["bootDisk"]["diskSizeGb"],
            disks[0]["sizeGb"],
            setup["dataDisks"][0]["diskSizeGb"],
            disks[1]["sizeGb"],
        )

    def test_the_data_disk_is_larger_when_the_operation_ends(self, api: Api) -> None:
        operation = api("POST", f"{NOTEBOOKS}/nb1:resizeDisk", {"dataDisk": {"diskSizeGb": 300}})
        assert operation["metadata"]["verb"] == "update"
        assert self.sizes(api) == ("150", "150", "200", "200")
        api.wait()
        assert self.sizes(api) == ("150", "150", "300", "300")

    def test_the_boot_disk_of_a_stopped_instance_can_be_enlarged(self, api: Api) -> None:
        api("POST", f"{NOTEBOOKS}/nb1:stop", {})
        api.wait()
        self.resize(api, {"bootDisk": {"diskSizeGb": "151"}})
        assert self.sizes(api) == ("151", "151", "200", "200")
        assert api("GET", f"{NOTEBOOKS}/nb1")["state"] == "STOPPED"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"dataDisk": {}},
            {"dataDisk": {"diskSizeGb": 200}},
            {"bootDisk": {"diskSizeGb": 300}, "dataDisk": {"diskSizeGb": 199}},
            {"dataDisk": {"diskSizeGb": 64_001}},
            {"dataDisk": {"sizeGb": 300}},
        ],
    )
    def test_a_size_that_is_not_larger_is_refused(self, api: Api, body: dict[str, Any]) -> None:
        assert self.resize(api, body)["error"]["status"] == "INVALID_ARGUMENT"
        assert self.sizes(api) == ("150", "150", "200", "200")
