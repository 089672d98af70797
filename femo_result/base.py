"""What all parts of a result share: how they are checked, and the units of their numbers."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

__all__ = [
    "NAME_PATTERN",
    "Count",
    "Hertz",
    "Instant",
    "Millionths",
    "Minutes",
    "Part",
    "PerHour",
    "Seconds",
    "Share",
    "one_of",
]

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""Of the id of a job, and of the pseudonym of a subject."""

TOLERANT = {"tolerant": True}
"""Context of a validation that takes codes which only a newer service knows."""

Seconds = Annotated[float, Field(json_schema_extra={"x-unit": "s"})]
Minutes = Annotated[float, Field(ge=0, json_schema_extra={"x-unit": "min"})]
PerHour = Annotated[float, Field(ge=0, json_schema_extra={"x-unit": "1/h"})]
Hertz = Annotated[float, Field(gt=0, json_schema_extra={"x-unit": "Hz"})]
Millionths = Annotated[float, Field(json_schema_extra={"x-unit": "ppm"})]
Share = Annotated[float, Field(ge=0, le=1, json_schema_extra={"x-unit": "share"})]
Count = Annotated[int, Field(ge=0, json_schema_extra={"x-unit": "count"})]
Instant = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        json_schema_extra={"format": "date-time", "x-unit": "UTC"},
    ),
]


class Part(BaseModel):
    """A part of a result.

    What is built must hold exactly the fields that are described; a reader that is older than the
    service passes over those that it does not know (`femo_result.read_response`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


def one_of(codes: type[StrEnum]) -> tuple[AfterValidator, object]:
    """Return the annotations of a code: one of those known, for a tolerant reader any."""
    known = [str(code) for code in codes]
    return AfterValidator(_checked(known)), Field(json_schema_extra={"examples": [*known]})


def _checked(known: list[str]) -> Callable[[str, ValidationInfo], str]:
    def check(code: str, info: ValidationInfo) -> str:
        if code not in known and not (info.context or {}).get("tolerant"):
            raise ValueError(f"is none of {', '.join(known)}")
        return code

    return check
