"""What bodies of requests share, and the one shape of an error."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field

from femo_result.errors import ApiCode


class Body(BaseModel):
    """A request body: unknown fields are refused and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: ApiCode = Field(description="Stable, for programs")
    message: str = Field(description="For people")
    field: str | None = Field(default=None, description="The field at fault, where it is one")


class ErrorView(BaseModel):
    """The body of every error."""

    error: ErrorDetail


def is_field_name(text: str) -> bool:
    """Tell whether a text looks like a field's name."""
    return re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text) is not None
