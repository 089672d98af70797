"""How often the interval of the count holds the true count, and how wide it is.

`python -m bench.coverage --train MANIFEST [--train MANIFEST ...] MANIFEST ...` trains on the first
and prints a line for each of the others: recordings they were trained on say nothing. The folders
of `femo synthesize` hold such manifests. Scored as a reader would: an interval that is withheld
holds nothing. `python -m bench.coverage_table` does it with sets of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from femo_signal.learning.count_fit import count_coverage, count_intervals
from femo_signal.learning.dataset import RecordingFeatures, prepare_dataset
from femo_signal.learning.extraction import extract_manifest
from femo_signal.learning.model import MovementModel
from femo_signal.learning.training import model_outcomes, train_model
from femo_signal.manifest import load_manifest
from femo_signal.settings import AnalysisSettings, Method


def recordings_of(manifest: Path, *, method: Method, cache: Path | None) -> list[RecordingFeatures]:
    """Extract a manifest's recordings; its subjects are none of another manifest's."""
    found = extract_manifest(
        load_manifest(manifest),
        folder=manifest.parent,
        settings=AnalysisSettings(method=method),
        cache=cache,
    )
    place = str(manifest.resolve())
    return [
        replace(
            one,
            recording_id=f"{place} {one.recording_id}",
            subject_id=None if one.subject_id is None else f"{place} {one.subject_id}",
        )
        for one in found.recordings
    ]


HEADING = (
    "| set | recordings | withheld | holds the true count | true, median | width |",
    "|---|---|---|---|---|---|",
)


def coverage_row(name: str, recordings: Sequence[RecordingFeatures], model: MovementModel) -> str:
    """Return a set's line of the table, below `HEADING`."""
    outcomes = model_outcomes(prepare_dataset(recordings), model)
    intervals = count_intervals(outcomes, model.card.count, model.card.domain)
    found = count_coverage(outcomes, intervals)
    if found is None:
        return f"| {name} | {len(outcomes)} | no annotations | | | |"
    width = "" if found.median_width is None else f"{found.median_width:.0f}"
    return (
        f"| {name} | {found.recordings} | {found.withheld} | {found.share:.0%} "
        f"| {found.median_count:.0f} | {width} |"
    )


_Manifest = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("manifests", nargs=-1, type=_Manifest)
@click.option("--train", "training", multiple=True, required=True, type=_Manifest)
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False))
@click.option("--method", type=click.Choice(["adaptive", "reference"]), default="adaptive")
def main(
    manifests: tuple[Path, ...], training: tuple[Path, ...], cache: Path | None, method: Method
) -> None:
    """Train, and print how often the interval of each set's recordings holds the true count."""
    learnt = prepare_dataset(
        [one for path in training for one in recordings_of(path, method=method, cache=cache)]
    )
    model = train_model(learnt)
    card = model.card
    click.echo(f"{card.classifier}; {card.count}; limit {card.domain and card.domain.limit}")
    for line in HEADING:
        click.echo(line)
    for path in manifests:
        name = path.parent.name if path.stem == "manifest" else path.stem
        found = recordings_of(path, method=method, cache=cache)
        click.echo(coverage_row(name, found, model))


if __name__ == "__main__":
    main()
