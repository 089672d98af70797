"""`femo synthesize`: a cohort of synthetic subjects."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from femo_cli.options import FiniteRange, json_option, overwrite_option
from femo_cli.output import bar, print_json

__all__ = ["synthesize"]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--recordings", type=click.IntRange(0, 100_000), required=True, help="How many.")
@click.option(
    "--minutes",
    type=FiniteRange(min=0.34, max=48 * 60),
    required=True,
    help="Length of each.",
)
@click.option(
    "--format",
    "recording_format",
    type=click.Choice(["v1", "v2"]),
    default="v1",
    show_default=True,
    help="Format of the files.",
)
@click.option(
    "--kind",
    type=click.Choice(["lifelike", "rich"]),
    default="lifelike",
    show_default=True,
    help="Published rates, real noise and every nuisance; or many clear events to learn from.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Same seed, same bytes.",
)
@click.option("--start", help="When the first one starts, ISO 8601; default 2025-01-06T21:00Z.")
@click.option(
    "--labels",
    type=click.Choice(["annotations", "presses"]),
    default="annotations",
    show_default=True,
    help="What the manifest gives to train on: reference annotations, or the presses alone.",
)
@overwrite_option
@json_option("Print what was written as JSON.")
def synthesize(
    directory: Path,
    recordings: int,
    minutes: float,
    recording_format: str,
    kind: str,
    seed: int,
    start: str | None,
    labels: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write a cohort of synthetic subjects into DIRECTORY, with manifest and ground truth.

    No person was measured: kicks, hiccups, maternal movement, presses and noise are drawn.
    """
    from femo_signal.synthetic import DEFAULT_START, synthesize_cohort

    moment = DEFAULT_START if start is None else _moment(start)
    with bar("Synthesizing", recordings * minutes * 60, "s of recording") as update:
        manifest = synthesize_cohort(
            directory,
            recordings=recordings,
            minutes=minutes,
            recording_format="v2" if recording_format == "v2" else "v1",
            seed=seed,
            kind="rich" if kind == "rich" else "lifelike",
            start=moment,
            annotations=labels == "annotations",
            overwrite=overwrite,
            progress=update,
        )
    if as_json:
        print_json(
            {"manifest": str(manifest), "recordings": recordings, "kind": kind, "seed": seed}
        )
    else:
        click.echo(f"{recordings} {kind} synthetic recordings of {minutes:g} min: {manifest}")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is not an ISO 8601 time", param_hint="--start"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not 0 < moment.timestamp() < 2**32 - 2 * 86400:
        raise click.BadParameter("must lie between 1970 and 2106", param_hint="--start")
    return moment
