"""Options and kinds of argument that commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "METHODS",
    "METHOD_HELP",
    "FiniteRange",
    "RecordingPath",
    "json_option",
    "labelled_recordings",
    "model_option",
    "output_option",
    "overwrite_option",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Decorator = Callable[[_Command], _Command]

RecordingPath = click.Path(path_type=Path)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what is there already.")
model_option = click.option(
    "--model", "model_folder", type=RecordingPath, required=True, help="Folder of the model."
)


def json_option(text: str) -> _Decorator[Any]:
    """Return ``--json``; what it prints differs from command to command."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def output_option(text: str, *, required: bool = False) -> _Decorator[Any]:
    """Return ``--output``, a folder for what the text says."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option("--output", type=kind, required=required, help=text)


def labelled_recordings(command: _Command) -> _Command:
    """Add a manifest and how its recordings are extracted, as `extract_dataset` takes them."""
    for decorate in reversed(
        (
            click.argument("manifest", type=RecordingPath),
            click.option("--force-extract", is_flag=True, help="Ignore cached features."),
            click.option("--cache", type=click.Path(path_type=Path, file_okay=False),
                         help="Feature cache; default $XDG_CACHE_HOME/femo."),
            click.option("--strict", is_flag=True,
                         help="Refuse a manifest with an item that cannot be used."),
        )
    ):  # fmt: skip
        command = decorate(command)
    return command


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
