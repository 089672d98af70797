"""Analyse one recording repeatedly in one warm process, interleaved with the unit of time.

Run by `bench.engine`, one process a recording, so that the peak memory is that recording's own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from scipy import signal

from femo_signal.learning.model import MovementModel
from femo_signal.reporting import analysis, judging

UNIT_MINUTES = 20
UNIT_CHANNELS = 10
SAMPLE_RATE = 1024


def unit_seconds(minutes: float) -> float:
    """Return U for a recording of that length: ten channels through `sosfiltfilt`, in seconds.

    Measured on 20 minutes and scaled, so that the unit itself needs little memory.
    """
    samples = np.random.default_rng(0).standard_normal(UNIT_MINUTES * 60 * SAMPLE_RATE)
    sections = signal.butter(5, [1, 30], "bandpass", fs=SAMPLE_RATE, output="sos")
    began = time.perf_counter()
    for _ in range(UNIT_CHANNELS):
        signal.sosfiltfilt(sections, samples)
    return (time.perf_counter() - began) * minutes / UNIT_MINUTES


def peak_megabytes() -> float:
    """Return the most memory that this process held; `getrusage` may tell its parent's.

    Raises
    ------
    FileNotFoundError
        On a system without ``/proc``: only Linux tells it so.
    """
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in status if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


# Where the function that does it is called from, and what it does.
STAGES = (
    (analysis, "build_profile", "profile"),
    (judging, "extract_features", "features"),
    (judging, "find_hiccups", "hiccups"),
)


@contextmanager
def timed(stages: dict[str, float]) -> Iterator[None]:
    """Add up the time spent in the analysis' functions, by stage."""
    originals: dict[tuple[ModuleType, str], Callable[..., Any]] = {
        (module, name): getattr(module, name) for module, name, _ in STAGES
    }

    def wrap(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def measured(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                stages[stage] = stages.get(stage, 0.0) + time.perf_counter() - began

        return measured

    for module, name, stage in STAGES:
        setattr(module, name, wrap(originals[module, name], stage))
    try:
        yield
    finally:
        for (module, name), original in originals.items():
            setattr(module, name, original)


def main() -> None:
    """Print one JSON object with the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("warm_up", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()

    model = MovementModel.load(arguments.model)

    def analyse(path: Path) -> bytes:
        response = analysis.analyze_recording(path, model, remove_hiccups=True)
        return json.dumps(response, sort_keys=True).encode()

    analyse(arguments.warm_up)
    seconds, units, answers = [], [], set()
    for _ in range(arguments.repeats):
        units.append(unit_seconds(arguments.minutes))
        began = time.perf_counter()
        answers.add(hashlib.sha256(analyse(arguments.recording)).hexdigest())
        seconds.append(time.perf_counter() - began)
    peak = peak_megabytes()
    stages: dict[str, float] = {}
    with timed(stages):
        began = time.perf_counter()
        analyse(arguments.recording)
        whole = time.perf_counter() - began
    stages["classifier and response"] = whole - sum(stages.values())
    print(
        json.dumps(
            {
                "seconds": statistics.median(seconds),
                "unit_seconds": statistics.median(units),
                "ratio": statistics.median(a / b for a, b in zip(seconds, units, strict=True)),
                "peak_megabytes": peak,
                "answers": sorted(answers),
                "stages": stages,
            }
        )
    )


if __name__ == "__main__":
    main()
