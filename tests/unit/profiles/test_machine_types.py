"""Machine types: the valid forms, and invalid ones."""

from __future__ import annotations

import pytest

from shared.domain.profiles.machine_types import objection


@pytest.mark.parametrize(
    "name",
    [
        "e2-standard-4",
        "e2-highmem-16",
        "e2-highcpu-32",
        "e2-micro",
        "e2-small",
        "e2-medium",
        "f1-micro",
        "g1-small",
        "n1-standard-1",
        "n1-highmem-96",
        "n1-megamem-96",
        "n1-ultramem-160",
        "n2-standard-8",
        "n2d-highcpu-224",
        "n4-standard-2",
        "n4d-highmem-8",
        "c2-standard-60",
        "c2d-highmem-112",
        "c3-standard-4-lssd",
        "c3-highcpu-192-metal",
        "c3d-standard-8-lssd",
        "c4-standard-288-lssd-metal",
        "c4a-highmem-72",
        "c4d-standard-384",
        "h3-standard-88",
        "h4d-highmem-192-lssd",
        "t2a-standard-48",
        "t2d-standard-60",
        "z3-highmem-14-standardlssd",
        "z3-highmem-192-highlssd-metal",
        "m1-ultramem-40",
        "m2-hypermem-416",
        "m3-megamem-128",
        "m4-ultramem-224",
        "x4-480-6t-metal",
        "x4-megamem-960-metal",
        "a2-highgpu-1g",
        "a2-megagpu-16g",
        "a2-ultragpu-8g",
        "a3-edgegpu-8g",
        "a3-ultragpu-8g",
        "a4-highgpu-8g",
        "a4x-maxgpu-4g-metal",
        "g2-standard-4",
        "g4-standard-384",
        "ct5lp-hightpu-8t",
        "ct6e-standard-4t",
        "tpu7x-standard-4t",
        "custom-4-8192",
        "n1-custom-2-13312-ext",
        "n2-custom-8-16384",
        "n2-custom-8-16384-ext",
        "g2-custom-4-16384",
        "e2-custom-small-2048",
        "z9-standard-4",
    ],
)
def test_every_known_form_is_accepted(name: str) -> None:
    assert objection(name) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("e2-standard4", "e2-standard-4"),
        ("n2_standard_8", "n2-standard-8"),
        ("N2-Standard-8", "n2-standard-8"),
        ("e2standard-4", "e2-standard-4"),
        ("e2-standard--4", "e2-standard-4"),
        ("e2 standard 4", "e2-standard-4"),
        ("n2-custom8-16384", "n2-custom-8-16384"),
        ("e2-standard", None),
        ("standard-4", None),
        ("e2", None),
        ("e2-4", None),
        ("e2-standard-0", None),
        ("e2-standard-04", None),
        ("e2-standard-4x", None),
        ("e2-standrad-4", None),
        ("e2-large", None),
        ("n2-micro", None),
        ("n2-custom-8", None),
        ("n2-custom-8-16384-", None),
        ("e2-standard-4-fast", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_an_unknown_machine_type_is_refused_with_a_suggestion(name: str, meant: str | None) -> None:
    reason = objection(name)
    assert reason is not None
    assert reason.startswith("expected a machine type such as e2-standard-4")
    assert (f"did you mean {meant!r}?" in reason) if meant else ("did you mean" not in reason)
    assert len(reason) < 300


def test_memory_of_a_custom_machine_is_a_multiple_of_256() -> None:
    assert objection("n2-custom-8-16000") == (
        "n2-custom-8-16000 has 16000 MB of memory, which must be a multiple of 256"
    )
