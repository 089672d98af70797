"""`femo analyze`: the movements in a recording."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from femo_cli.options import RecordingPath, json_option, model_option, overwrite_option
from femo_cli.output import print_json, share_bar
from femo_cli.report import check_page, page_kind, write_page, zone_option

if TYPE_CHECKING:
    from femo_signal.reporting.analysis import Analysis

__all__ = ["analyze", "check_picture"]


@click.command()
@click.argument("recording", type=RecordingPath)
@model_option
@click.option("--remove-hiccups", is_flag=True, help="Take hiccup bouts out of the movements.")
@click.option("--metadata", is_flag=True, help="A summary in place of the events.")
@click.option("--include-full-intervals", is_flag=True, help="List the onset intervals too.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False),
              help="Draw the analysis into this file.")  # fmt: skip
@click.option("--report", "page", type=page_kind, help="Write the night as an HTML file, too.")
@zone_option
@overwrite_option
@json_option("Nothing but the JSON response.")
def analyze(
    recording: Path,
    model_folder: Path,
    remove_hiccups: bool,
    metadata: bool,
    include_full_intervals: bool,
    plot: Path | None,
    page: Path | None,
    zone: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Find the movements in RECORDING and print the service's own response as JSON.

    A short summary for people goes to standard error.
    """
    from femo_client.summary import summary_lines
    from femo_signal.detection.building import build_profile
    from femo_signal.learning.model import MovementModel
    from femo_signal.reporting.analysis import analyze_profile, report
    from femo_signal.reporting.events import timestamp

    if plot is not None:
        check_picture(plot, overwrite=overwrite)
    if page is not None:
        check_page(page, "--report", overwrite=overwrite)
    began = time.monotonic()
    model = MovementModel.load(model_folder)
    with share_bar("Analysing") as tell:
        profile = build_profile(recording, settings=model.settings, progress=tell)
        analysis = analyze_profile(profile, model, hiccups_removed=remove_hiccups)
    result = report(
        analysis, include_full_intervals=include_full_intervals, extract_events=not metadata
    )
    response = {
        "status": "Completed",
        "processing_time_seconds": round(time.monotonic() - began, 3),
        **result,
        "completedTimeStamp": timestamp(datetime.now(UTC)),
    }
    try:  # files come first, as whoever reads the JSON may have gone; it is told whatever they do
        if plot is not None:
            _draw(plot, analysis)
        if page is not None:
            _write(page, response, recording, zone)
    finally:
        print_json(response)
    if not as_json:
        for line in summary_lines(response):
            click.echo(line, err=True)
        if plot is not None:
            click.echo(f"Picture: {plot}", err=True)
        if page is not None:
            click.echo(f"Report: {page}", err=True)


def _write(path: Path, response: dict[str, Any], recording: Path, zone: str | None) -> None:
    from femo_cli.viewing import Shown

    write_page(path, Shown(responses=[response], zone=zone, recording=recording.name))


def _draw(path: Path, analysis: Analysis) -> None:
    from femo_signal.reporting.plots import plot_analysis
    from femo_signal.writing import whole_file

    with whole_file(path) as partial:
        plot_analysis(analysis, partial)


def check_picture(path: Path, *, overwrite: bool) -> None:
    """Tell before any work whether a picture could be written."""
    from femo_signal.writing import check_target

    known = (".png", ".pdf", ".svg")
    if path.suffix.lower() not in known:
        raise click.BadParameter(f"{path.name} must end in {', '.join(known)}", param_hint="--plot")
    check_target(path.parent, [path.name], overwrite=overwrite)
