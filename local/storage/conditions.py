"""Preconditions on a bucket or object, which a request must meet.

They are Cloud Storage's concurrency control. The store checks them under the lock under which it
also makes the change. The parameters are described in the storage v1 discovery document. This
module must not know how objects are stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from local.storage.errors import StorageError, bad_parameter


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a request; None: no condition. A missing object has generation 0."""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None
    etag: str | None = None
    not_etag: str | None = None

    @classmethod
    def of(
        cls,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        source: bool = False,
    ) -> Self:
        """From ifGenerationMatch etc. (`source`: ifSourceGenerationMatch etc.) and If-Match."""
        prefix = "ifSource" if source else "if"
        headers = headers or {}
        return cls(
            generation=whole_number(query, prefix + "GenerationMatch"),
            not_generation=whole_number(query, prefix + "GenerationNotMatch"),
            metageneration=whole_number(query, prefix + "MetagenerationMatch"),
            not_metageneration=whole_number(query, prefix + "MetagenerationNotMatch"),
            etag=headers.get("if-match"),
            not_etag=headers.get("if-none-match"),
        )

    def check(
        self, generation: int, metageneration: int, etag: str = "", reading: bool = False
    ) -> None:
        """Raise 412 conditionNotMet; for a read with an unmet "not match", 304."""
        if (
            self.generation not in (None, generation)
            or self.metageneration not in (None, metageneration)
            or not (self.etag is None or _names(self.etag, etag))
        ):
            raise _not_met("If-Match")
        if (
            self.not_generation == generation
            or self.not_metageneration == metageneration
            or (self.not_etag is not None and _names(self.not_etag, etag))
        ):
            raise _not_modified() if reading else _not_met("If-None-Match")


def whole_number(query: Mapping[str, str], name: str) -> int | None:
    """A parameter of format int64, or None if it is missing; 400 if it is no number."""
    text = query.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise bad_parameter(name, f"Invalid long value: '{text}'.") from error


def _names(header: str, etag: str) -> bool:
    """Whether an If-Match header contains this etag; "*" matches any that exists."""
    if not etag:
        return False
    tags = {tag.strip().strip('"') for tag in header.split(",")}
    return "*" in tags or etag in tags


def _not_met(header: str) -> StorageError:
    return StorageError(
        "FAILED_PRECONDITION",
        "At least one of the pre-conditions you specified did not hold.",
        http=412,
        locationType="header",
        location=header,
    )


def _not_modified() -> StorageError:
    return StorageError("FAILED_PRECONDITION", "Not Modified", http=304)
