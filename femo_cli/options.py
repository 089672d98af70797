"""Options and kinds of argument that commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

__all__ = [
    "METHODS",
    "METHOD_HELP",
    "FiniteRange",
    "RecordingPath",
    "overwrite_option",
    "strict_option",
]

RecordingPath = click.Path(path_type=Path)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what is there already.")
strict_option = click.option(
    "--strict", is_flag=True, help="Refuse a manifest with an item that cannot be used."
)


METHODS = ("adaptive", "reference")
METHOD_HELP = (
    "Candidates by agreement of all sensors, each against its own level; or by fixed thresholds "
    "of two sensors."
)


class FiniteRange(click.FloatRange):
    """Like FloatRange, without NaN, which no bound keeps out."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number
