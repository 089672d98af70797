"""`femo compare`: which of two models does better on the same labelled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from femo_cli.dataset import extract_dataset, tell_no_items
from femo_cli.options import (
    RecordingPath,
    json_option,
    labelled_recordings,
    output_option,
    overwrite_option,
)
from femo_cli.output import print_json, share_bar

if TYPE_CHECKING:
    from femo_signal.learning.training import Dataset

__all__ = ["compare"]

_FILE = "comparison.json"


@click.command()
@click.argument("first", type=RecordingPath)
@click.argument("second", type=RecordingPath)
@labelled_recordings
@output_option(f"Folder for {_FILE}.")
@overwrite_option
@json_option("Print the comparison as JSON.")
def compare(
    first: Path,
    second: Path,
    manifest: Path,
    output: Path | None,
    force_extract: bool,
    cache: Path | None,
    strict: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compare the models in the folders FIRST and SECOND on the labelled recordings of MANIFEST.

    Only recordings of subjects that neither model was trained on count. A model that was trained on
    exactly these recordings is tested out of fold. Each model sees the recordings through its own
    settings; both are scored on the time that both judge. Differences are first less second.
    """
    from femo_signal.learning.model import MovementModel
    from femo_signal.writing import check_target

    models = [MovementModel.load(folder).warm_up() for folder in (first, second)]
    if output is not None:
        check_target(output, (_FILE,), overwrite=overwrite)
    datasets: dict[str, Dataset | None] = {}
    for model in models:
        if (digest := model.card.settings_digest) not in datasets:
            datasets[digest] = extract_dataset(
                manifest, settings=model.settings, cache=cache, force=force_extract, strict=strict
            )
    ours, theirs = (datasets[model.card.settings_digest] for model in models)
    if ours is None or theirs is None:
        tell_no_items("NotCompared", "compare", as_json=as_json)
        return
    from femo_signal.learning.comparison import compare_models
    from femo_signal.writing import whole_files

    with share_bar("Comparing") as tell:
        comparison = compare_models(ours, models[0], theirs, models[1], progress=tell)
    if output is not None:
        with whole_files(output, last=_FILE) as partial:
            (partial / _FILE).write_text(comparison.to_json())
    if as_json:
        print_json(comparison.to_dict())
        return
    for line in comparison_lines(comparison.to_dict()):
        click.echo(line)
    if output is not None:
        click.echo(f"Written: {output}")


_ROWS = {
    "f1": "F1",
    "sensitivity": "sensitivity",
    "precision": "precision",
    "count_bias": "count bias",
    "false_detections_per_hour": "false/h",
}


def comparison_lines(comparison: dict[str, Any]) -> list[str]:
    """Return a comparison as lines of text."""
    sides = [comparison["first"], comparison["second"]]
    count, subjects = len(comparison["recordings"]), comparison["subjects"]
    lines = [
        f"{name}: model {side['version']}, {side['method']}, decided by {side['classifier']}, "
        f"tested {side['tested']}, judges {side['judged_hours']:.2f} h"
        for name, side in zip(("First", "Second"), sides, strict=True)
    ]
    lines += [
        f"Compared on {count} recordings of {subjects} subjects (recordings where none is named), "
        f"{comparison['judged_hours']:.2f} h that both judge",
        f"{'':<12}{'first':>9}{'second':>9}{'difference':>12}  95 %",
    ]
    for name, heading in _ROWS.items():
        row = comparison["differences"][name]
        cells = [_shown(side["metrics"][name]) for side in sides]
        sure = "-"
        if row["low"] is not None:
            sure = f"{row['low']:+.3f} to {row['high']:+.3f}"
        difference = _shown(row["difference"], "+.3f")
        lines.append(f"{heading:<12}{cells[0]:>9}{cells[1]:>9}{difference:>12}  {sure}")
        if (chance := f"chance_{name}") in sides[0]["metrics"]:
            cells = [_shown(side["metrics"][chance]) for side in sides]
            lines.append(f"{'  by chance':<12}{cells[0]:>9}{cells[1]:>9}")
    lines.append(_verdict(comparison["differences"]["f1"]))
    for row in comparison["left_out"]:
        lines.append(f"Left out {row['recording']}: {row['reason']}")
    lines += [f"Note: {notice}" for notice in comparison["notices"]]
    return lines


def _shown(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)


def _verdict(gain: dict[str, float | None]) -> str:
    low, high = gain["low"], gain["high"]
    if low is None or high is None:
        return "Which is better cannot be said: too few subjects, or nothing to find."
    if low > 0:
        return "The first is better in F1, beyond what other subjects would change."
    if high < 0:
        return "The second is better in F1, beyond what other subjects would change."
    return "Neither is better in F1 beyond what other subjects would change."
