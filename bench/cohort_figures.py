"""How true to life the synthetic cohorts are: figures measured on them, beside published targets.

`python -m bench.cohort_figures` draws plans and renders recordings (nothing is written to disk),
measures them as one would measure a real recording, and prints a table.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats

from femo_signal.synthetic import (
    DEFAULT_START,
    RecordingPlan,
    draw_plan,
    draw_subject,
    movements_per_hour,
    render,
)
from femo_signal.synthetic.movements import draw_movements

__all__ = [
    "CohortFigures",
    "SensorFigures",
    "measure_plans",
    "measure_sensors",
    "rate_at",
]

RATE = 1024
_VOLTS = 3.3 / 65535
_GUARD_SECONDS = 1.0  # around what is left out of a noise measurement
_EDGE_SECONDS = 5.0
_LASTING = ("clock_drift", "loose_belt")
_NO_SIGNAL = ("lost_packets", "lost_samples", "railed_samples", "sensor_constant", "sensor_railed")


@dataclass(frozen=True)
class SensorFigures:
    """One sensor of one recording, in the band of 1-30 Hz."""

    sensor: str
    sigma_volts: float  # robust spread where nothing happens
    below_4_hz: float  # share of the power, there
    kurtosis: float  # of everything that a detector would have to judge; 3 for a Gaussian
    peaks_per_minute: float  # above 5 sigma, where no nuisance and no hiccup is
    movement_sigmas: NDArray[np.float64]  # peak of each movement
    best: NDArray[np.bool_]  # whether the movement is strongest here


@dataclass(frozen=True)
class CohortFigures:
    """What plans alone tell."""

    hours: float
    movements_per_hour: float
    moving_epochs: float  # share of epochs of 10 s
    longest_quiet_minutes: float  # median over recordings
    bouts_per_hour: float
    hiccup_time: float  # share
    bout_minutes: float  # median
    close_pairs: float  # share of movements whose onset follows another's within 3.5 s
    felt: float  # share of movements that are pressed for
    presses_without_movement: float
    presses_close: float  # share of presses within 3 s of another


def band_pass(volts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (channels, n) at 1024 Hz filtered as the analysis does: 1-30 Hz, zero-phase."""
    sos = signal.butter(5, [1, 30], btype="bandpass", fs=RATE, output="sos")
    filtered: NDArray[np.float64] = signal.sosfiltfilt(sos, volts, axis=-1)
    return filtered


def sensor_volts(plan: RecordingPlan) -> dict[str, NDArray[np.float64]]:
    """Render a recording and return each sensor's samples in V, unfiltered."""
    chunks = list(render(plan))
    piezo = np.concatenate([chunk.piezo for chunk in chunks]).astype(np.float64).T * _VOLTS
    if plan.format == "v2":
        return {"sensor_3": piezo[0], "sensor_6": piezo[3]}
    axes = np.concatenate([chunk.accelerometer for chunk in chunks]).astype(np.float64).T * _VOLTS
    norms = {"sensor_1": np.linalg.norm(axes[:3], axis=0),
             "sensor_2": np.linalg.norm(axes[3:], axis=0)}  # fmt: skip
    return norms | {f"sensor_{site + 3}": piezo[site] for site in range(4)}


def measure_sensors(plan: RecordingPlan) -> list[SensorFigures]:
    """Render a recording and measure each of its sensors."""
    volts = sensor_volts(plan)
    names = sorted(volts)
    filtered = band_pass(np.stack([volts[name] for name in names]))
    edges = [(0.0, _EDGE_SECONDS), (plan.seconds - _EDGE_SECONDS, float(plan.seconds))]
    body = [(move.start, move.end) for move in plan.body_movements]
    kicks = [(kick.start, kick.end) for kick in plan.kicks]
    bouts = [(pulses[0], pulses[-1]) for pulses in plan.hiccup_pulses]
    rows = []
    spreads, peaks = [], []
    for name, row in zip(names, filtered, strict=True):
        # A clock that drifts or a belt that is loose leaves a sensor's noise what it is.
        mine = [label for label in plan.nuisances if name in label.sensors]
        labels = [(label.start, label.end) for label in mine if label.kind not in _LASTING]
        faults = [(label.start, label.end) for label in mine if label.kind in _NO_SIGNAL]
        judged = _outside(len(row), [*edges, *body, *faults])
        quiet = _outside(len(row), [*edges, *body, *labels, *kicks, *bouts])
        plain = _outside(len(row), [*edges, *body, *labels, *bouts])
        sigma = 1.4826 * float(np.median(np.abs(row[quiet])))
        spreads.append(sigma)
        peaks.append([_peak(row, start, end) / sigma for start, end in kicks])
        rows.append((name, row, judged, quiet, plain))
    strongest = np.argmax(np.array(peaks), axis=0) if kicks else np.zeros(0, int)
    return [
        SensorFigures(
            sensor=name,
            sigma_volts=sigma,
            below_4_hz=_below_4_hz(row, quiet),
            kurtosis=float(stats.kurtosis(row[judged], fisher=False)),
            peaks_per_minute=_peaks(row, plain, 5 * sigma) / (plain.sum() / RATE / 60),
            movement_sigmas=np.array(peaks[index]),
            best=strongest == index,
        )
        for index, ((name, row, judged, quiet, plain), sigma) in enumerate(
            zip(rows, spreads, strict=True)
        )
    ]


def measure_plans(plans: Sequence[RecordingPlan]) -> CohortFigures:
    """Measure rates, hiccups and presses of plans, without rendering them."""
    seconds = sum(plan.seconds for plan in plans)
    onsets = [np.array([kick.start for kick in plan.kicks]) for plan in plans]
    count = sum(map(len, onsets))
    bouts = [(p[0], p[-1]) for plan in plans for p in plan.hiccup_pulses]
    presses = [press for plan in plans for press in plan.presses]
    close = sum(
        int(_near(np.array([start for start, _, _ in plan.presses]), 3.0).sum()) for plan in plans
    )
    felt = sum(kind == "kick" for _, _, kind in presses)
    without = sum(kind in ("false", "movement") for _, _, kind in presses)
    epochs = [np.unique(np.concatenate([np.arange(k.start // 10, k.end // 10 + 1)
                                        for k in plan.kicks])).size
              for plan in plans if plan.kicks]  # fmt: skip
    nothing = float("nan")
    return CohortFigures(
        hours=seconds / 3600,
        movements_per_hour=count / seconds * 3600,
        moving_epochs=sum(epochs) / (seconds / 10),
        longest_quiet_minutes=float(np.median([
            np.diff([0.0, *times, plan.seconds]).max() / 60
            for plan, times in zip(plans, onsets, strict=True)
        ])),
        bouts_per_hour=len(bouts) / seconds * 3600,
        hiccup_time=sum(b - a for a, b in bouts) / seconds,
        bout_minutes=float(np.median([b - a for a, b in bouts]) / 60) if bouts else nothing,
        close_pairs=sum(int((np.diff(times) <= 3.5).sum()) for times in onsets) / max(count, 1),
        felt=felt / count if count else nothing,
        presses_without_movement=without / len(presses) if presses else nothing,
        presses_close=close / len(presses) if presses else nothing,
    )  # fmt: skip


def rate_at(week: float, *, nights: int, seed: int = 0) -> float:
    """Return the movements an hour of so many nights of different women in that week.

    No time is taken out for what she does herself, which plans do (some per cent).
    """
    hours = 8
    count = 0
    for night in range(nights):
        woman = draw_subject(f"w{night}", seed=seed, kind="lifelike", gestational_week=week)
        count += len(
            draw_movements(
                woman,
                seconds=hours * 3600,
                start=DEFAULT_START,
                recording_format="v2",
                body_movements=[],
                bouts=[],
                rng=np.random.default_rng([seed, night]),
            )
        )
    return count / (nights * hours)


def _outside(length: int, spans: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Return the samples that lie in none of the spans (s), nor near them."""
    kept = np.ones(length, bool)
    for start, end in spans:
        first = max(round((start - _GUARD_SECONDS) * RATE), 0)
        kept[first : round((end + _GUARD_SECONDS) * RATE)] = False
    return kept


def _peak(row: NDArray[np.float64], start: float, end: float) -> float:
    return float(np.abs(row[round(start * RATE) : round((end + 0.1) * RATE)]).max())


def _below_4_hz(row: NDArray[np.float64], quiet: NDArray[np.bool_]) -> float:
    """Return the share of power below 4 Hz: mean spectrum of whole quiet windows of 4 s."""
    size = 4 * RATE
    whole = len(row) // size
    windows = row[: whole * size].reshape(whole, size)
    chosen = windows[quiet[: whole * size].reshape(whole, size).all(axis=1)]
    frequency, power = signal.periodogram(chosen, RATE, window="hann", axis=-1)
    mean = power.mean(axis=0)
    return float(mean[frequency < 4].sum() / mean.sum())


def _peaks(row: NDArray[np.float64], kept: NDArray[np.bool_], level: float) -> int:
    """Return how often |x| passes a level; what lies within a second of a peak belongs to it."""
    found, _ = signal.find_peaks(np.where(kept, np.abs(row), 0.0), height=level, distance=RATE)
    return len(found)


def _near(times: NDArray[np.float64], seconds: float) -> NDArray[np.bool_]:
    """Return which of the times have a neighbour within so many seconds."""
    near = np.zeros(len(times), bool)
    close = np.diff(times) <= seconds
    near[1:] |= close
    near[:-1] |= close
    return near


def _group(sensor: str) -> Literal["piezo", "acoustic", "accelerometer"]:
    if sensor in ("sensor_3", "sensor_6"):
        return "piezo"
    return "acoustic" if sensor in ("sensor_4", "sensor_5") else "accelerometer"


def _span(values: Sequence[float] | NDArray[np.float64], digits: int = 2) -> str:
    low, middle, high = np.quantile(np.asarray(values), [0.1, 0.5, 0.9])
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(kind: Literal["lifelike", "rich"], recordings: int, minutes: int, nights: int) -> str:
    """Return the figures of a cohort as a Markdown table: median (10 % to 90 %)."""
    women = [draw_subject(f"subject-{n}", seed=11, kind=kind) for n in range(nights)]
    plans = [draw_plan(woman, seconds=8 * 3600, seed=n) for n, woman in enumerate(women)]
    figures = measure_plans(plans)
    sensors = [
        found
        for n in range(recordings)
        for found in measure_sensors(draw_plan(women[n], seconds=minutes * 60, seed=500 + n))
    ]
    piezo = [s for s in sensors if _group(s.sensor) == "piezo"]
    acoustic = [s for s in sensors if _group(s.sensor) == "acoustic"]
    best = np.concatenate([s.movement_sigmas[s.best] for s in sensors])
    weeks = ", ".join(f"{rate_at(w, nights=nights):.0f} at {w}" for w in (28, 34, 40))
    published = ", ".join(f"{movements_per_hour(w):.0f} at {w}" for w in (28, 34, 40))
    rows = [
        ("movements an hour", f"{figures.movements_per_hour:.0f}", "29 to 74"),
        ("... by week" if kind == "lifelike" else "... (lifelike) by week", weeks, published),
        ("epochs of 10 s with movement, %", f"{100 * figures.moving_epochs:.0f}", "6 to 17"),
        ("longest quiet, min", f"{figures.longest_quiet_minutes:.0f}", "14 to 20"),
        ("hiccup bouts an hour", f"{figures.bouts_per_hour:.2f}", "0.15 to 0.19"),
        ("time in hiccups, %", f"{100 * figures.hiccup_time:.1f}", "2"),
        ("bout, min (median)", f"{figures.bout_minutes:.1f}", "about 8, 1.4 to 21"),
        ("onsets within 3.5 s of the last, %", f"{100 * figures.close_pairs:.0f}", ""),
        ("movements pressed for, %", f"{100 * figures.felt:.0f}", "45"),
        ("presses without movement, %", f"{100 * figures.presses_without_movement:.0f}", "30"),
        ("presses within 3 s of another, %", f"{100 * figures.presses_close:.0f}", "25"),
        ("movement on its best sensor, sigma", _span(best, 0), "10 to 58"),
        ("piezo noise, mV", _span([1e3 * s.sigma_volts for s in piezo]), "2.0 to 6.3"),
        ("piezo power below 4 Hz, %", _span([100 * s.below_4_hz for s in piezo], 0), "76 to 79"),
        ("piezo kurtosis", _span([s.kurtosis for s in piezo], 0), "27 to 50"),
        ("acoustic noise, mV", _span([1e3 * s.sigma_volts for s in acoustic]), "0.23 to 0.43"),
        ("peaks above 5 sigma a minute", _span([s.peaks_per_minute for s in sensors]), "0 to 0.8"),
    ]
    lines = [f"| {kind} | measured | published |", "|---|---|---|"]
    lines += [f"| {name} | {value} | {target} |" for name, value, target in rows]
    return "\n".join(lines)


@click.command()
@click.option("--kind", type=click.Choice(["lifelike", "rich"]), default="lifelike")
@click.option("--recordings", default=8, show_default=True, help="To render and measure.")
@click.option("--minutes", default=20, show_default=True, help="Length of each of these.")
@click.option("--nights", default=60, show_default=True, help="Plans of 8 hours, for the rates.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the table here.")
def main(
    kind: Literal["lifelike", "rich"],
    recordings: int,
    minutes: int,
    nights: int,
    output: Path | None,
) -> None:
    """Print what was measured beside what is published."""
    text = table(kind, recordings, minutes, max(nights, recordings))
    print(text)
    if output is not None:
        output.write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
