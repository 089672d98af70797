"""`make bench`: time and memory from a file on disk to the finished response, by length.

The unit U is what `scipy.signal.sosfiltfilt` (order 5, 1-30 Hz, float64) takes for ten full-rate
channels of 20 minutes, scaled to the recording's length and measured in the same process.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
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
BASELINE = ROOT / "bench" / "baseline.json"
PICTURE = ROOT / "docs" / "engine.png"
FEMO = Path(sys.executable).with_name("femo")
SLOWER_IS_WORSE = 1.3  # a ratio above the baseline's by more than this fails the check
REFERENCE_MINUTES = 60


@dataclass(frozen=True)
class Row:
    """One recording's measurements."""

    format: str
    minutes: int
    file_megabytes: float
    seconds: float
    ratio: float  # U
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


def measure(kind: str, minutes: int, repeats: int) -> Row:
    """Measure one length in a process of its own."""
    path = recording(kind, minutes)
    command = [sys.executable, "-m", "bench.engine_worker", path, trained_model()]
    command += [recording(kind, 5), "--minutes", minutes, "--repeats", repeats]
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    size = path.stat().st_size / 1e6
    return Row(
        format=kind,
        minutes=minutes,
        file_megabytes=size,
        seconds=found["seconds"],
        ratio=found["ratio"],
        megabytes_per_second=size / found["seconds"],
        peak_megabytes=found["peak_megabytes"],
        repeatable=len(found["answers"]) == 1,
        stages=found["stages"],
    )


def growth(rows: list[Row]) -> float:
    """Return the exponent k of seconds ~ length^k, by least squares over lengths from 20 min."""
    points = [(math.log(r.minutes), math.log(r.seconds)) for r in rows if r.minutes >= 20]
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
    began = time.perf_counter()
    reference_profile.profile(reference_profile.load(path))
    return (time.perf_counter() - began) / unit


def table(rows: list[Row], reference: float | None) -> str:
    """Return the measurements as a Markdown table."""
    lines = [
        "| format | minutes | file MB | s | U | MB/s | peak MB | profile s | features s "
        "| hiccups s | rest s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        stages = [
            f"{row.stages.get(name, 0.0):.2f}"
            for name in ("profile", "features", "hiccups", "classifier and response")
        ]
        lines.append(
            f"| {row.format} | {row.minutes} | {row.file_megabytes:.0f} | {row.seconds:.2f} "
            f"| {row.ratio:.2f} | {row.megabytes_per_second:.0f} | {row.peak_megabytes:.0f} | "
            + " | ".join(stages)
            + " |"
        )
    for kind in sorted({row.format for row in rows}):
        lines.append(
            f"\n{kind}: seconds grow with length to the power of "
            f"{growth([row for row in rows if row.format == kind]):.2f}"
        )
    if reference is not None:
        lines.append(
            f"\nA plain full-rate scipy implementation of the reference profile alone "
            f"({REFERENCE_MINUTES} min, v1): {reference:.1f} U"
        )
    return "\n".join(lines)


def worse_than_baseline(rows: list[Row]) -> list[str]:
    """Return a sentence for each length whose ratio is worse than the stored one."""
    stored = {(row["format"], row["minutes"]): row for row in json.loads(BASELINE.read_text())}
    found = []
    for row in rows:
        before = stored.get((row.format, row.minutes))
        if before and row.ratio > SLOWER_IS_WORSE * before["ratio"]:
            found.append(
                f"{row.format}, {row.minutes} min: {row.ratio:.2f} U, "
                f"the baseline has {before['ratio']:.2f} U"
            )
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
        left.plot(hours, [row.seconds for row in mine], "o-", color=colour, label=kind)
        right.plot(hours, [row.peak_megabytes for row in mine], "o-", color=colour, label=kind)
    left.set(xlabel="length of the recording (h)", ylabel="analysis (s)", ylim=(0, None))
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
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(1))
@click.option("--reference/--no-reference", default=True, help="Measure the plain one too.")
@click.option("--check", is_flag=True, help="Fail where a ratio is worse than the baseline's.")
@click.option("--store", is_flag=True, help="Make these measurements the baseline.")
@click.option("--plot", is_flag=True, help="Draw the README's picture.")
def main(
    minutes: str,
    formats: str,
    repeats: int,
    reference: bool,
    check: bool,
    store: bool,
    plot: bool,
) -> None:
    """Measure, print the table, and compare."""
    lengths = [int(word) for word in minutes.split(",")]
    cases = [(kind, length) for kind in formats.split(",") for length in lengths]
    rows = [measure(*case, repeats) for case in tqdm(cases, desc="Measuring", unit="recording")]
    plain = reference_ratio(REFERENCE_MINUTES) if reference else None
    print(table(rows, plain))
    if not all(row.repeatable for row in rows):
        sys.exit("bench: error: the same file gave different results")
    if store:
        BASELINE.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    if plot:
        draw(rows)
    slower = worse_than_baseline(rows) if check else []
    if slower:
        sys.exit("bench: error: slower than the baseline:\n  " + "\n  ".join(slower))


if __name__ == "__main__":
    main()
