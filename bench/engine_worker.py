"""Analyse one recording repeatedly in one warm process, in turn with its plain twin.

The twin filters each channel that the recording has at the full rate, one after the other, as the
first step of an analysis plainly would: half of the channels before an analysis and half after it,
so that what slows the machine meets both. Time is the processor's, of all threads: other work on
the machine counts for no more than the memory that all wait for.

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
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from bench import reference_profile
from femo_signal.learning.model import MovementModel
from femo_signal.reporting import analysis, judging

UNIT_MINUTES = 20
UNIT_CHANNELS = 10
SAMPLE_RATE = 1024


def unit_seconds(minutes: float) -> float:
    """Return U for a recording of that length, in processor seconds: ten channels, `sosfiltfilt`.

    Measured on 20 minutes and scaled, so that the unit itself needs little memory.
    """
    samples = np.random.default_rng(0).standard_normal(UNIT_MINUTES * 60 * SAMPLE_RATE)
    sections = signal.butter(5, [1, 30], "bandpass", fs=SAMPLE_RATE, output="sos")
    began = time.process_time()
    for _ in range(UNIT_CHANNELS):
        signal.sosfiltfilt(sections, samples)
    return (time.process_time() - began) * minutes / UNIT_MINUTES


def twin_channels(path: Path) -> list[NDArray[np.float64]]:
    """Return what a recording has of live channels: sensors, acceleration and angles, (n,) each."""
    loaded = reference_profile.load(path)
    channels = [*loaded.sensors.values(), loaded.acceleration, *loaded.angles.T]
    return [np.ascontiguousarray(channel) for channel in channels if np.ptp(channel)]


def twin_seconds(channels: list[NDArray[np.float64]]) -> list[float]:
    """Return what filtering takes of each channel, in processor seconds."""
    found = []
    for channel in channels:
        began = time.process_time()
        reference_profile.bandpass(channel, 1, 30)
        found.append(time.process_time() - began)
    return found


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


@dataclass(frozen=True)
class Rounds:
    """Analyses in turn with the twin; the quickest of each counts, for noise only adds."""

    seconds: list[float]  # of the analyses, by the clock
    processor: list[float]  # s, of the analyses
    twin: list[float]  # s, of the twin's channels
    answers: list[str]  # digests of the results

    def facts(self, *, channels: int, scale: float) -> dict[str, Any]:
        """Return what `bench.engine` prints; a channel of the twin is ``scale`` times as long."""
        channel = statistics.median(self.twin) * scale
        quickest = min(self.processor)
        return {
            "seconds": min(self.seconds),
            "ratio": quickest / (UNIT_CHANNELS * channel),
            "channels": channels,
            "twin_share": quickest / (channels * channel),
            "answers": sorted(set(self.answers)),
        }


def in_turn(
    analyse: Callable[[], bytes], channels: list[NDArray[np.float64]], repeats: int
) -> Rounds:
    """Analyse repeatedly, each time between one half of the twin's channels and the other."""
    rounds = Rounds([], [], [], [])
    half = len(channels) // 2
    for _ in range(repeats):
        rounds.twin.extend(twin_seconds(channels[:half]))
        began, used = time.perf_counter(), time.process_time()
        answer = analyse()
        rounds.processor.append(time.process_time() - used)
        rounds.seconds.append(time.perf_counter() - began)
        rounds.answers.append(hashlib.sha256(answer).hexdigest())
        rounds.twin.extend(twin_seconds(channels[half:]))
    return rounds


def main() -> None:
    """Print one JSON object with the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("warm_up", type=Path)
    parser.add_argument("twin", type=Path, help="of the same format, 20 minutes long")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    model = MovementModel.load(arguments.model)

    def analyse(path: Path) -> bytes:
        response = analysis.analyze_recording(path, model, remove_hiccups=True)
        return json.dumps(response, sort_keys=True).encode()

    analyse(arguments.warm_up)
    stages: dict[str, float] = {}
    with timed(stages):
        began = time.perf_counter()
        analyse(arguments.recording)
        whole = time.perf_counter() - began
    stages["classifier and response"] = whole - sum(stages.values())
    peak = peak_megabytes()  # the twin is not frugal
    channels = twin_channels(arguments.twin)
    rounds = in_turn(lambda: analyse(arguments.recording), channels, arguments.repeats)
    facts = rounds.facts(channels=len(channels), scale=arguments.minutes / UNIT_MINUTES)
    print(json.dumps(facts | {"peak_megabytes": peak, "stages": stages}))


if __name__ == "__main__":
    main()
