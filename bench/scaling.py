"""`make bench-scaling`: feature extraction over cores and hosts, and training on many detections.

Hosts are measured one after another, each with the machine to itself: a run lasts as long as its
slowest host.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from bench.engine import FEMO, WORK
from femo_signal.learning.dataset import RecordingFeatures, prepare_dataset
from femo_signal.learning.labels import extract_recording
from femo_signal.learning.training import train_model
from femo_signal.settings import AnalysisSettings

RECORDINGS = 16
MINUTES = 60
DETECTIONS_PER_RECORDING = 500
SUBJECT_SIZE = 4  # recordings
LIMIT_SECONDS = 60.0


def recordings() -> list[Path]:
    """Return the recordings to extract; made once and kept."""
    folder = WORK / "scaling"
    if not (folder / "manifest.json").exists():
        subprocess.run(
            [
                str(FEMO),
                "synthesize",
                str(folder),
                *("--recordings", str(RECORDINGS)),
                *("--minutes", str(MINUTES)),
                *("--kind", "rich"),
                "--overwrite",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return sorted(folder.glob("*.dat"))


def extract(path: Path) -> RecordingFeatures:
    """Extract one recording, as a worker of a processing job does."""
    number = int("".join(filter(str.isdigit, path.stem)) or 0)
    return extract_recording(
        path,
        settings=AnalysisSettings(),
        labels_csv=path.with_name(f"{path.stem}.annotations.csv"),
        recording_id=path.stem,
        subject_id=f"subject-{number // 2}",
    )


def seconds_with(workers: int, paths: list[Path]) -> tuple[float, list[RecordingFeatures]]:
    """Return the time that warm workers take for all recordings, and the features."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(extract, paths[:workers] * 2))
        began = time.perf_counter()
        features = list(pool.map(extract, paths))
        return time.perf_counter() - began, features


def many_detections(features: list[RecordingFeatures], count: int) -> list[RecordingFeatures]:
    """Return recordings with `count` detections in all, drawn with jitter from real ones."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([recording.features for recording in features])
    labels = np.concatenate([recording.labels for recording in features])
    made = []
    for number in range(math.ceil(count / DETECTIONS_PER_RECORDING)):
        chosen = rng.integers(len(rows), size=DETECTIONS_PER_RECORDING)
        spread = 0.05 * np.nanstd(rows, axis=0)
        starts = np.arange(DETECTIONS_PER_RECORDING, dtype=np.int64) * 8192
        detections = np.column_stack((starts, starts + 3584))
        mine = labels[chosen]
        made.append(
            replace(
                features[0],
                recording_id=f"recording-{number}",
                subject_id=f"subject-{number // SUBJECT_SIZE}",
                features=rows[chosen] + rng.normal(size=(len(chosen), rows.shape[1])) * spread,
                detections=detections,
                labels=mine,
                reference=detections[mine == 1],
                judged=np.array([[0, int(detections[-1, 1])]], dtype=np.int64),
                length_ticks=int(detections[-1, 1]) + 1024,
            )
        )
    return made


@click.command()
@click.option("--detections", default=100_000, show_default=True)
def main(detections: int) -> None:
    """Measure and print."""
    paths = recordings()
    hours = len(paths) * MINUTES / 60
    cores = sorted({1, os.cpu_count() or 1})
    alone, features = seconds_with(1, paths)
    print("| cores | s | recorded hours a second | efficiency |\n|---|---|---|---|")
    for number in cores:
        seconds = alone if number == 1 else seconds_with(number, paths)[0]
        print(
            f"| {number} | {seconds:.2f} | {hours / seconds:.1f} | {alone / seconds / number:.2f} |"
        )
    print("\n| hosts (one core each) | s of the slowest | efficiency |\n|---|---|---|")
    for hosts in (1, 2, 4):
        slowest = max(seconds_with(1, paths[host::hosts])[0] for host in range(hosts))
        print(f"| {hosts} | {slowest:.2f} | {alone / slowest / hosts:.2f} |")

    dataset = prepare_dataset(many_detections(features, detections))
    began = time.perf_counter()
    with tqdm(
        total=1.0, desc="Training", leave=False, bar_format="{desc} {percentage:.0f} %"
    ) as bar:
        train_model(dataset, progress=lambda share: bar.update(share - bar.n))
    seconds = time.perf_counter() - began
    print(f"\nTraining on {len(dataset.labels)} detections, cross-validated: {seconds:.1f} s")
    if seconds > LIMIT_SECONDS:
        sys.exit(f"bench: error: training took more than {LIMIT_SECONDS:.0f} s")


if __name__ == "__main__":
    main()
