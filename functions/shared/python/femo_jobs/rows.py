"""How values stand in a row of the table, in DynamoDB's notation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from femo_jobs.errors import UnreadableRowError
from femo_jobs.keys import TABLE_KEY, job_id_of

_Value = TypeVar("_Value")


class Row:
    """Reads the values of a row, each of the type that it must have.

    Each method raises UnreadableRowError where a value is not what it says.
    """

    def __init__(self, item: Mapping[str, Any]) -> None:
        self._values = {name: _unmarshal_value(value) for name, value in item.items()}

    def text(self, name: str) -> str:
        return self._needed(name, self.optional_text(name))

    def optional_text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self.unreadable(f"{name} is not a text")

    def flag(self, name: str) -> bool:
        value = self._needed(name, self._values.get(name))
        if isinstance(value, bool):
            return value
        raise self.unreadable(f"{name} is not true or false")

    def optional_number(self, name: str) -> float | None:
        value = self._values.get(name)
        if value is None or (isinstance(value, float) and math.isfinite(value)):
            return value
        raise self.unreadable(f"{name} is not a number")

    def optional_whole(self, name: str) -> int | None:
        value = self.optional_number(name)
        if value is None or value.is_integer():
            return None if value is None else int(value)
        raise self.unreadable(f"{name} is not a whole number")

    def whole(self, name: str) -> int:
        return self._needed(name, self.optional_whole(name))

    def _needed(self, name: str, value: _Value | None) -> _Value:
        if value is None:
            raise self.unreadable(f"{name} is missing")
        return value

    def unreadable(self, why: str) -> UnreadableRowError:
        """Return the error of a row of which something is not as it must be."""
        return UnreadableRowError(job_id_of(str(self._values.get(TABLE_KEY, ""))), why)


def marshal(values: Mapping[str, str | int | float | bool]) -> dict[str, Any]:
    """Return values in DynamoDB's notation.

    boto3's own serializer would do, but takes Decimals for numbers and costs its import.
    """
    return {name: _marshal_value(value) for name, value in values.items()}


def _marshal_value(value: str | int | float | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    return {"S": value}


def _unmarshal_value(value: Mapping[str, Any]) -> Any:
    """Return a value of the types that our rows have; None for NULL, and others as they are."""
    if "N" in value:
        return float(value["N"])
    for kind in ("S", "BOOL"):
        if kind in value:
            return value[kind]
    return None if "NULL" in value else value
