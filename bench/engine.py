"""`make bench`: time and memory from a file on disk to the finished response, by length.

The unit U is what `scipy.signal.sosfiltfilt` (order 5, 1-30 Hz, float64) takes for ten full-rate
channels of 20 minutes, scaled to the recording's length; the twin is the same for the channels that
the recording has. Both are processor time, measured in turn with the analyses in the same process:
a check compares the engine with its twin, never with another machine or another day.
`--threads 1` measures what an hour costs on one core.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from bench import reference_profile
from bench.engine_worker import unit_seconds
from femo_signal.errors import ModelError
from femo_signal.learning.model import MovementModel

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench"
PICTURE = ROOT / "docs" / "engine.png"
FEMO = Path(sys.executable).with_name("femo")
USUAL_UNIT_SECONDS = 0.56  # an hour of U on a quiet core
TWIN_SHARE = 2.1
"""Most that an analysis may take of its twin's time: a third more than the 1.6 that it takes from
20 minutes on, in both formats."""
STEADY_SECONDS = 0.03
"""... and of a quiet core beside that, at any length: five minutes take 2.2 to 2.5 of the twin."""
MOST_MEGABYTES = 400.0  # of eight hours
REFERENCE_MINUTES = 60


@dataclass(frozen=True)
class Row:
    """One recording's measurements."""

    format: str
    minutes: int
    file_megabytes: float
    seconds: float
    ratio: float  # U, of the processor
    channels: int
    twin_share: float  # of the twin's time for these channels
    megabytes_per_second: float
    peak_megabytes: float
    repeatable: bool
    stages: dict[str, float]  # s


def recording(kind: str, minutes: int) -> Path:
    """Return a synthetic recording of that format and length; made once and kept."""
    folder = WORK / f"{kind}-{minutes}"
    if not (folder / "manifest.json").exists():
        _femo(
            "synthesize",
            folder,
            "--recordings",
            1,
            "--minutes",
            minutes,
            "--format",
            kind,
            "--kind",
            "rich",
            "--overwrite",
        )
    return max(folder.iterdir(), key=lambda path: path.stat().st_size)


def trained_model() -> Path:
    """Return a small model; trained once and kept while the engine takes it."""
    folder = WORK / "model"
    cohort = WORK / "cohort"
    try:
        MovementModel.load(folder)
    except ModelError:
        options = ("--recordings", 6, "--minutes", 10, "--kind", "rich", "--overwrite")
        _femo("synthesize", cohort, *options)
        _femo("train", cohort / "manifest.json", "--output", folder, "--overwrite")
    return folder


def measure(kind: str, minutes: int, repeats: int, threads: int) -> Row:
    """Measure one length in a process of its own; by 0 threads as many as there are cores."""
    path = recording(kind, minutes)
    command = [sys.executable, "-m", "bench.engine_worker", path, trained_model()]
    command += [recording(kind, 5), recording(kind, 20)]
    # What takes a tenth of a second is as easily delayed as what takes ten
    often = repeats * max(1, REFERENCE_MINUTES // minutes)
    command += ["--minutes", minutes, "--repeats", often]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)} if threads else None
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    size = path.stat().st_size / 1e6
    return Row(
        format=kind,
        minutes=minutes,
        file_megabytes=size,
        seconds=found["seconds"],
        ratio=found["ratio"],
        channels=found["channels"],
        twin_share=found["twin_share"],
        megabytes_per_second=size / found["seconds"],
        peak_megabytes=found["peak_megabytes"],
        repeatable=len(found["answers"]) == 1,
        stages=found["stages"],
    )


def growth(rows: list[Row]) -> float:
    """Return the exponent k of time ~ length^k, by least squares over lengths from 20 min."""
    points = [(math.log(r.minutes), math.log(r.ratio * r.minutes)) for r in rows if r.minutes >= 20]
    if len(points) < 2:
        return math.nan
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum(
        (x - mean_x) ** 2 for x, _ in points
    )


def reference_ratio(minutes: int) -> float:
    """Return what a plain full-rate scipy implementation of the profile takes, in U."""
    path = recording("v1", minutes)
    unit = unit_seconds(minutes)
    began = time.process_time()
    reference_profile.profile(reference_profile.load(path))
    return (time.process_time() - began) / unit


def table(rows: list[Row], reference: float | None) -> str:
    """Return the measurements as a Markdown table."""
    lines = [
        "| format | minutes | file MB | s | U | of its twin | MB/s | peak MB | profile s "
        "| features s | hiccups s | rest s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        stages = [
            f"{row.stages.get(name, 0.0):.2f}"
            for name in ("profile", "features", "hiccups", "classifier and response")
        ]
        lines.append(
            f"| {row.format} | {row.minutes} | {row.file_megabytes:.0f} | {row.seconds:.2f} "
            f"| {row.ratio:.2f} | {row.twin_share:.2f} | {row.megabytes_per_second:.0f} "
            f"| {row.peak_megabytes:.0f} | " + " | ".join(stages) + " |"
        )
    for kind in sorted({row.format for row in rows}):
        lines.append(
            f"\n{kind}: time grows with length to the power of "
            f"{growth([row for row in rows if row.format == kind]):.2f}"
        )
    if reference is not None:
        lines.append(
            f"\nA plain full-rate scipy implementation of the reference profile alone "
            f"({REFERENCE_MINUTES} min, v1): {reference:.1f} U"
        )
    return "\n".join(lines)


def allowed_share(row: Row) -> float:
    """Return the most that an analysis of that length and those channels may take of its twin."""
    twin_hours = row.minutes / 60 * row.channels / 10
    return TWIN_SHARE + STEADY_SECONDS / USUAL_UNIT_SECONDS / twin_hours


def faults(rows: list[Row]) -> list[str]:
    """Return a sentence for each length that takes too much of its twin's time, or of memory."""
    found = []
    for row in rows:
        where = f"{row.format}, {row.minutes} min"
        if row.twin_share > allowed_share(row):
            found.append(
                f"{where}: {row.twin_share:.2f} of its plain twin's time in this run, "
                f"at most {allowed_share(row):.2f} is expected"
            )
        if row.peak_megabytes > MOST_MEGABYTES:
            found.append(f"{where}: {row.peak_megabytes:.0f} MB, at most {MOST_MEGABYTES:.0f}")
        if not row.repeatable:
            found.append(f"{where}: the same file gave different results")
    return found


def draw(rows: list[Row]) -> None:
    """Draw time and memory over length into the picture that the README shows."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for kind, colour in (("v1", "tab:blue"), ("v2", "tab:orange")):
        mine = [row for row in rows if row.format == kind]
        hours = [row.minutes / 60 for row in mine]
        quiet = [row.ratio * row.minutes / 60 * USUAL_UNIT_SECONDS for row in mine]
        left.plot(hours, quiet, "o-", color=colour, label=kind)
        right.plot(hours, [row.peak_megabytes for row in mine], "o-", color=colour, label=kind)
    left.set(
        xlabel="length of the recording (h)",
        ylabel="analysis (s of one quiet core)",
        ylim=(0, None),
    )
    right.set(xlabel="length of the recording (h)", ylabel="peak memory (MB)", ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


def _femo(*words: object) -> None:
    subprocess.run([str(FEMO), *map(str, words)], check=True, stdout=subprocess.DEVNULL)


@click.command()
@click.option("--minutes", default="5,20,60,240,480", show_default=True, help="Lengths.")
@click.option("--formats", default="v1,v2", show_default=True)
@click.option(
    "--repeats",
    default=3,
    show_default=True,
    type=click.IntRange(1),
    help="From an hour on; more of what is shorter.",
)
@click.option("--threads", default=0, help="Of an analysis; without it one a core.")
@click.option("--reference/--no-reference", default=True, help="Measure the plain one too.")
@click.option("--check", is_flag=True, help="Fail where the engine is slow for its twin.")
@click.option("--plot", is_flag=True, help="Draw the README's picture.")
def main(
    minutes: str,
    formats: str,
    repeats: int,
    threads: int,
    reference: bool,
    check: bool,
    plot: bool,
) -> None:
    """Measure, print the table, and compare."""
    lengths = [int(word) for word in minutes.split(",")]
    cases = [(kind, length) for kind in formats.split(",") for length in lengths]
    shown = tqdm(cases, desc="Measuring", unit="recording")
    rows = [measure(*case, repeats, threads) for case in shown]
    plain = reference_ratio(REFERENCE_MINUTES) if reference else None
    print(table(rows, plain))
    if plot:
        draw(rows)
    found = faults(rows) if check else []
    if found:
        sys.exit("bench: error: " + "\n  ".join(found))


if __name__ == "__main__":
    main()
