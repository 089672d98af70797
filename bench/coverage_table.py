"""The table of how often the count's interval holds the true count, in docs/method.md.

`python -m bench.coverage_table` trains as `make bench-truth` does and measures larger sets of
other women and of the other generator; `--write` puts the table into the document. Recordings are
made where they are analysed and deleted after it.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
from tqdm import tqdm

from bench.coverage import HEADING, coverage_row
from bench.other_generator import Scene
from bench.truth import ROOT, WORK, pool, train
from bench.truth_sets import Drawn, Other, evaluation_sets
from femo_signal.learning.dataset import RecordingFeatures
from femo_signal.learning.labels import extract_recording
from femo_signal.learning.model import MovementModel
from femo_signal.settings import AnalysisSettings

DOCUMENT = ROOT / "docs" / "method.md"
BEGIN, END = "<!-- bench.coverage_table -->", "<!-- end -->"
FIRST, SEED_STEP = 1000, 10_000  # keep these women and scenes apart from the table of truth's
OF_OURS = {"lifelike v1": 16, "lifelike v2": 16, "rich v1": 8, "rich v2": 8}
OF_OTHERS = 8


def coverage_sets(share: float) -> dict[str, list[Drawn | Other]]:
    """Return the table of truth's sets with recordings of their own, and more of them.

    Parameters
    ----------
    share : float
        Of the recordings of each set, 0 to 1; at least two.
    """
    sets: dict[str, list[Drawn | Other]] = {}
    for name, given in evaluation_sets().items():
        count = max(2, round(share * OF_OURS.get(name, OF_OTHERS)))
        rows: list[Drawn | Other] = []
        for index in range(count):
            one = given[index % len(given)]
            if isinstance(one, Drawn):
                rows.append(replace(one, number=FIRST + index))
            else:
                rows.append(Other(_another(one.scene, index // len(given) + 1)))
        sets[name] = rows
    return sets


def _another(scene: Scene, turn: int) -> Scene:
    return replace(scene, seed=scene.seed + turn * SEED_STEP)


def extracted(recording: Drawn | Other, name: str, folder: Path) -> RecordingFeatures:
    """Make a recording, and return its features with the truth as annotations."""
    path = folder / f"{name.replace('/', ' of ')}.dat"
    truth, table = path.with_suffix(".truth.json"), path.with_suffix(".csv")
    recording.make(path)
    try:
        kicks: Sequence[tuple[float, float]] = json.loads(truth.read_text())["kicks"]
        with table.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["start_seconds", "end_seconds"])
            rows.writerows(kick[:2] for kick in kicks)
        return extract_recording(
            path,
            labels_csv=table,
            recording_id=name,
            subject_id=name,
            settings=AnalysisSettings(),
        )
    finally:
        for file_made in (path, truth, table):
            file_made.unlink(missing_ok=True)


def measured(model: MovementModel, folder: Path, *, share: float, workers: int) -> list[str]:
    """Return the table's lines."""
    sets = coverage_sets(share)
    lines = list(HEADING)
    with pool(workers) as processes, tqdm(total=sum(map(len, sets.values()))) as bar:
        for name, recordings in sets.items():
            lines.append(coverage_row(name, _features(processes, recordings, name, folder), model))
            bar.update(len(recordings))
    return lines


def _features(
    processes: ProcessPoolExecutor, recordings: Sequence[Drawn | Other], name: str, folder: Path
) -> list[RecordingFeatures]:
    names = [f"{name} {index}" for index in range(len(recordings))]
    return list(processes.map(partial(extracted, folder=folder), recordings, names))


def written_into(text: str, lines: Sequence[str]) -> str:
    """Return a document with the table between its two marks replaced.

    Raises
    ------
    ValueError
        If the marks are not there, once each and in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after:
        raise ValueError(f"the document needs {BEGIN} and {END} around the table, once")
    return "\n".join((before + BEGIN, *lines, END + after))


@click.command()
@click.option("--model", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Measure this model in place of training one.")  # fmt: skip
@click.option("--share", default=1.0, show_default=True, type=click.FloatRange(0, 1),
              help="Of each set's recordings.")  # fmt: skip
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, type=click.IntRange(1))
@click.option("--write", is_flag=True, help=f"Put the table into {DOCUMENT.name}.")
def main(model: Path | None, share: float, workers: int, write: bool) -> None:
    """Train, measure, print the table, and write it down."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK, prefix="coverage-") as scratch:
        trained = MovementModel.load(model or train(Path(scratch), workers))
        lines = measured(trained, Path(scratch), share=share, workers=workers)
    card = trained.card
    click.echo(f"Model {trained.version}, decided by {card.classifier}; {card.count}", err=True)
    for line in lines:
        click.echo(line)
    if write:
        try:
            DOCUMENT.write_text(written_into(DOCUMENT.read_text(), lines))
        except ValueError as error:
            sys.exit(f"bench: error: {error}")


if __name__ == "__main__":
    main()
