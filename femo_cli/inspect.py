"""`femo inspect`: the profile of a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from femo_cli.options import METHOD_HELP, METHODS, RecordingPath, json_option
from femo_cli.output import print_json, share_bar

if TYPE_CHECKING:
    from femo_signal.settings import Method

__all__ = ["inspect"]


@click.command()
@click.argument("recording", type=RecordingPath)
@click.option("--profile", "method", type=click.Choice(METHODS), default="adaptive",
              show_default=True, help=METHOD_HELP)  # fmt: skip
@json_option("JSON; this is what is printed anyway.")
def inspect(recording: Path, method: Method, as_json: bool) -> None:  # noqa: ARG001
    """Print the profile of RECORDING, before any classifier, as JSON."""
    from femo_signal.reporting.inspection import inspect_recording
    from femo_signal.settings import AnalysisSettings

    with share_bar("Reading") as tell:
        facts = inspect_recording(
            recording, settings=AnalysisSettings(method=method), progress=tell
        )
    print_json(facts)
