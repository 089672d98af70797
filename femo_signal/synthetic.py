"""A synthetic cohort with ground truth: belt recordings of invented subjects, in both formats.

No person was measured. Rates and bounds follow what is published about fetal movement (about 30
to 75 movements an hour asleep and far more in busy spells, mothers feel about half of them,
hiccups every 2-4 s for 1.4 minutes and longer); amplitudes follow what the belt's channels show.
A recording is drawn in two steps: a plan (what happens when, which is the ground truth) and its
rendering to samples, chunk by chunk, so that a whole night needs no more memory than a minute.
"""

from __future__ import annotations

import csv
import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DEFAULT_START",
    "KICK_FIELDS",
    "RecordingPlan",
    "SubjectTraits",
    "draw_plan",
    "draw_subject",
    "ground_truth",
    "synthesize_cohort",
    "write_recording",
]

RecordingFormat = Literal["v1", "v2"]
Floats = NDArray[np.float32]

DEFAULT_START = datetime(2025, 1, 6, 21, 0, 0, 250_000, tzinfo=UTC)
KICK_FIELDS = (
    "start_s",
    "end_s",
    "amp_V",
    "freq_Hz",
    "weak",
    "gain_piezo1",
    "gain_piezo2",
    "gain_piezo3",
    "gain_piezo4",
)

_RATE = 1024  # samples a second of piezo and accelerometer channels
_IMU_STEP = 8  # samples between two IMU blocks
_FORCE_STEP = 16
_CHUNK_SECONDS = 60
_FULL_SCALE_VOLTS = 3.3
_FULL_SCALE_COUNTS = 65535
_GRAVITY = 9.81
# Seconds after the start of a waveform beyond which it has died away.
_PULSE_SECONDS = 0.8


@dataclass(frozen=True)
class SubjectTraits:
    """What stays the same in all recordings of one subject and her belt."""

    subject_id: str
    adc_bits: int
    noise_volts: float  # standard deviation of the piezos' white noise
    piezo_gain: tuple[float, float, float, float]  # of breathing and heart
    piezo_offset_volts: tuple[float, float, float, float]
    spread: tuple[float, float]  # gain on the piezos far from a kick, bounds
    accelerometer_gain: float  # V of accelerometer per V of piezo
    accelerometer_noise_volts: float
    breathing_hz: float
    breathing_volts: float
    heart_hz: float
    heart_volts: float
    mains_hz: float
    mains_volts: float
    kick_gap_seconds: float  # mean time between kicks
    kick_amplitude_volts: float  # median
    weak_share: float  # of kicks near the noise floor
    felt_share: float  # of kicks that she presses for
    false_presses_per_hour: float
    body_movements_per_hour: float
    small_movements_per_hour: float  # too small for the body-movement mask
    artefacts_per_hour: float  # clicks and rubbing of the belt


@dataclass(frozen=True)
class Waveform:
    """One event as it appears on the channels; added to whichever chunk it falls in."""

    start: float  # s
    piezo: Floats  # (n, 4) V at 1024 Hz
    accelerometer: Floats  # (n, 6) V at 1024 Hz


@dataclass(frozen=True)
class BodyMovement:
    """The mother moves: IMU, accelerometers and piezos swing together."""

    start: float  # s
    end: float
    frequency: float  # Hz
    piezo_volts: float
    acceleration: tuple[float, float, float]  # peak, m/s^2
    sway_degrees: tuple[float, float, float]
    turn_degrees: tuple[float, float, float]  # lasting change of orientation


@dataclass(frozen=True)
class RecordingPlan:
    """What happens in a recording, and when; seconds from its start."""

    traits: SubjectTraits
    format: RecordingFormat
    seed: int
    seconds: int
    start: datetime
    kicks: list[tuple[float, ...]]  # rows of KICK_FIELDS
    hiccup_pulses: list[list[float]]  # one list a bout
    body_movements: list[BodyMovement]
    small_movements: list[BodyMovement]
    artefacts: list[tuple[float, float, str]]
    presses: list[tuple[float, float, str]]  # start, end, kind
    gaps: list[tuple[float, float]]  # lost packets (v2)
    waveforms: list[Waveform] = field(repr=False)


def draw_subject(subject_id: str, *, seed: int) -> SubjectTraits:
    """Draw the traits of one subject; the same arguments always give the same subject."""
    rng = np.random.default_rng([seed, *subject_id.encode()])
    gains = rng.uniform(0.6, 1.4, 4)
    offsets = 1.65 + rng.uniform(-0.06, 0.06, 4)
    low = rng.uniform(0.003, 0.012)
    return SubjectTraits(
        subject_id=subject_id,
        adc_bits=int(rng.choice([12, 13, 13, 14])),
        noise_volts=float(rng.uniform(0.0028, 0.0048)),
        piezo_gain=_four(gains),
        piezo_offset_volts=_four(offsets),
        spread=(float(low), float(rng.uniform(0.04, 0.12))),
        accelerometer_gain=float(rng.uniform(0.015, 0.032)),
        accelerometer_noise_volts=float(rng.uniform(0.0007, 0.0014)),
        breathing_hz=float(rng.uniform(0.2, 0.3)),
        breathing_volts=float(rng.uniform(0.012, 0.04)),
        heart_hz=float(rng.uniform(1.05, 1.55)),
        heart_volts=float(rng.uniform(0.0006, 0.0016)),
        mains_hz=float(rng.choice([50.0, 60.0])),
        mains_volts=float(rng.uniform(0.001, 0.006)),
        kick_gap_seconds=float(np.exp(rng.uniform(np.log(10), np.log(32)))),
        kick_amplitude_volts=float(rng.uniform(0.07, 0.16)),
        weak_share=float(rng.uniform(0.08, 0.22)),
        felt_share=float(rng.uniform(0.4, 0.9)),
        false_presses_per_hour=float(rng.uniform(4, 30)),
        body_movements_per_hour=float(rng.uniform(6, 28)),
        small_movements_per_hour=float(rng.uniform(2, 10)),
        artefacts_per_hour=float(rng.uniform(2, 10)),
    )


def draw_plan(
    traits: SubjectTraits,
    *,
    seconds: int,
    seed: int,
    recording_format: RecordingFormat = "v1",
    start: datetime = DEFAULT_START,
    hiccups: bool = True,
) -> RecordingPlan:
    """Draw what happens in one recording.

    Parameters
    ----------
    traits : SubjectTraits
    seconds : int
        Length of the recording, whole seconds.
    seed : int
        The same seed gives the same plan.
    recording_format : {"v1", "v2"}
        v2 recordings sometimes lose packets.
    start : datetime
        Aware.
    hiccups : bool
        Whether the fetus hiccups at all (a bout needs four minutes of recording).
    """
    rng = np.random.default_rng([seed, 1])
    movements = _draw_body_movements(traits, seconds, rng)
    bouts = _draw_hiccups(movements, seconds, rng) if hiccups and seconds >= 240 else []
    kicks = _draw_kicks(traits, seconds, movements, bouts, rng)
    small = _draw_small_movements(traits, seconds, rng)
    artefacts, artefact_waves = _draw_artefacts(traits, seconds, rng)
    waveforms = [_kick_waveform(kick, traits, rng) for kick in kicks]
    for pulses in bouts:
        waveforms += _hiccup_waveforms(pulses, traits, rng)
    waveforms += artefact_waves
    return RecordingPlan(
        traits=traits,
        format=recording_format,
        seed=seed,
        seconds=seconds,
        start=start.astimezone(UTC),
        kicks=kicks,
        hiccup_pulses=bouts,
        body_movements=movements,
        small_movements=small,
        artefacts=artefacts,
        presses=_draw_presses(traits, seconds, kicks, movements, rng),
        gaps=_draw_gaps(seconds, rng) if recording_format == "v2" else [],
        waveforms=waveforms,
    )


def ground_truth(plan: RecordingPlan) -> dict[str, Any]:
    """Return what is in a recording, JSON-ready, in seconds from its start."""
    return {
        "format": plan.format,
        "minutes": plan.seconds / 60,
        "seed": plan.seed,
        "fs": _RATE,
        "start": plan.start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "options": asdict(plan.traits),
        "seconds": float(plan.seconds),
        "kicks": [list(kick) for kick in plan.kicks],
        "kick_fields": list(KICK_FIELDS),
        "hiccup_bouts": [[pulses[0], pulses[-1] + 0.4] for pulses in plan.hiccup_pulses],
        "hiccup_pulses": plan.hiccup_pulses,
        "body_movements": [[move.start, move.end] for move in plan.body_movements],
        "small_movements": [[move.start, move.end] for move in plan.small_movements],
        "artefacts": [list(artefact) for artefact in plan.artefacts],
        "presses": [list(press) for press in plan.presses],
        "gaps": [list(gap) for gap in plan.gaps],
    }


def write_recording(
    path: Path, plan: RecordingPlan, *, progress: Callable[[float], None] | None = None
) -> None:
    """Render a plan and write it as a v1 or v2 file.

    Parameters
    ----------
    path : Path
        Overwritten if it exists.
    plan : RecordingPlan
    progress : callable, optional
        Called with the seconds of recording written since its last call.
    """
    writer = _V1Writer if plan.format == "v1" else _V2Writer
    with path.open("wb") as file:
        sink = writer(file, plan)
        for chunk in _render(plan):
            sink.write(chunk)
            if progress is not None:
                progress(len(chunk.piezo) / _RATE)
        sink.close()


def synthesize_cohort(
    folder: Path,
    *,
    recordings: int,
    minutes: float,
    recording_format: RecordingFormat = "v1",
    seed: int = 0,
    start: datetime = DEFAULT_START,
    annotations: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Write a cohort: recordings, ground truth, annotations and a manifest.

    Subjects differ; from four recordings on each has two or more. Two recordings of three have
    hiccups if they are long enough. The same arguments give the same bytes.

    Parameters
    ----------
    folder : Path
        Created if need be.
    recordings : int
    minutes : float
        Length of each recording; at least 20 s, since shorter ones cannot be analysed.
    recording_format : {"v1", "v2"}
    seed : int
    start : datetime
        When the first recording starts; each further one starts a day later.
    annotations : bool
        Whether the manifest names the reference annotations. Without them the presses label
        the detections in training, as with recordings of real wearers.
    progress : callable, optional
        Called with the seconds of recording written since its last call.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    ValueError
        If there is nothing to write or the recordings are too short.
    """
    seconds = round(minutes * 60)
    if recordings < 0 or seconds < 20:
        raise ValueError("a cohort needs 0 or more recordings of at least 20 seconds")
    folder.mkdir(parents=True, exist_ok=True)
    items: list[dict[str, str]] = []
    for index in range(recordings):
        number = index if recordings < 4 else min(index // 2, recordings // 2 - 1)
        traits = draw_subject(f"subject-{number + 1:02d}", seed=seed)
        plan = draw_plan(
            traits,
            seconds=seconds,
            seed=seed * 100_003 + index,
            recording_format=recording_format,
            start=start + timedelta(days=index),
            hiccups=index % 3 != 0 or recordings == 1,
        )
        name = f"recording-{index + 1:03d}"
        recording = folder / f"{name}{'.dat' if recording_format == 'v1' else '.bin'}"
        write_recording(recording, plan, progress=progress)
        (folder / f"{name}.truth.json").write_text(json.dumps(ground_truth(plan), indent=1) + "\n")
        _write_annotations(folder / f"{name}.annotations.csv", plan)
        item = {"datFileKey": recording.name, "subjectId": traits.subject_id}
        if annotations:
            item["csvFileKey"] = f"{name}.annotations.csv"
        items.append(item)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"version": "1", "items": items}, indent=2) + "\n")
    return manifest


def _write_annotations(path: Path, plan: RecordingPlan) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["start_seconds", "end_seconds", "label"])
        table.writerows((f"{kick[0]:.3f}", f"{kick[1]:.3f}", "kick") for kick in plan.kicks)


# What happens, and when.


def _four(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    a, b, c, d = (float(value) for value in values)
    return a, b, c, d


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    a, b, c = (float(value) for value in values)
    return a, b, c


def _poisson_times(rate_per_hour: float, seconds: float, rng: np.random.Generator) -> list[float]:
    count = rng.poisson(rate_per_hour * seconds / 3600)
    return sorted(float(time) for time in rng.uniform(0, seconds, count))


def _draw_body_movements(
    traits: SubjectTraits, seconds: int, rng: np.random.Generator
) -> list[BodyMovement]:
    movements: list[BodyMovement] = []
    posture = np.zeros(3)
    for time in _poisson_times(traits.body_movements_per_hour, seconds, rng):
        end = time + float(rng.uniform(2.5, 8.0))
        if end > seconds - 1 or (movements and time < movements[-1].end + 10):
            continue
        direction = rng.dirichlet([1.0, 1.0, 1.0])
        # She turns between postures; a random walk would end upside down.
        settled = np.clip(rng.normal(0, [30, 15, 30]), -60, 60)
        movements.append(
            BodyMovement(
                start=time,
                end=end,
                frequency=float(rng.uniform(1.5, 4.5)),
                piezo_volts=float(rng.uniform(0.8, 4.0)),
                acceleration=_three(rng.uniform(1.5, 5.0) * np.sqrt(direction)),
                sway_degrees=_three(rng.uniform(3, 14, 3)),
                turn_degrees=_three(settled - posture),
            )
        )
        posture = settled
    return movements


def _draw_small_movements(
    traits: SubjectTraits, seconds: int, rng: np.random.Generator
) -> list[BodyMovement]:
    movements = []
    for time in _poisson_times(traits.small_movements_per_hour, seconds, rng):
        direction = rng.dirichlet([1.0, 1.0, 1.0])
        movements.append(
            BodyMovement(
                start=time,
                end=time + float(rng.uniform(1.2, 4.0)),
                frequency=float(rng.uniform(1.0, 2.5)),
                piezo_volts=float(np.exp(rng.uniform(np.log(0.015), np.log(0.12)))),
                acceleration=_three(rng.uniform(0.15, 0.45) * np.sqrt(direction)),
                sway_degrees=_three(rng.uniform(0.2, 0.9, 3)),
                turn_degrees=(0.0, 0.0, 0.0),
            )
        )
    return movements


def _draw_hiccups(
    movements: list[BodyMovement], seconds: int, rng: np.random.Generator
) -> list[list[float]]:
    """Bouts of 1.4 minutes and longer, more often than in life: a cohort is to learn from."""
    bouts: list[list[float]] = []
    wanted = 1 + seconds // 900
    for _ in range(wanted * 8):
        if len(bouts) == wanted:
            break
        length = float(rng.uniform(84.0, min(600.0, max(0.45 * seconds / wanted, 100.0))))
        begin = float(rng.uniform(10.0, seconds - length - 10.0))
        crowded = any(begin - 60 < b[-1] and b[0] < begin + length + 60 for b in bouts)
        # Redrawing is the rule, not a certainty: some bouts contain a body movement.
        moved = any(begin - 5 < m.end and m.start < begin + length + 5 for m in movements)
        if crowded or (moved and rng.random() < 0.8):
            continue
        period = float(rng.uniform(2.4, 3.6))
        low, high = max(2.0, period - 1.0), min(4.0, period + 1.0)
        steps = rng.uniform(low, high, math.ceil(length / low))
        times = begin + np.concatenate(([0.0], np.cumsum(steps)))
        missed = rng.random(len(times)) < 0.02
        missed[0] = False
        bouts.append([float(t) for t in times[(times < begin + length) & ~missed]])
    return sorted(bouts)


def _draw_kicks(
    traits: SubjectTraits,
    seconds: int,
    movements: list[BodyMovement],
    bouts: list[list[float]],
    rng: np.random.Generator,
) -> list[tuple[float, ...]]:
    kicks: list[tuple[float, ...]] = []
    pauses = [rng.random() < 0.6 for _ in bouts]  # many a fetus does not kick while hiccuping
    calm, change = False, float(rng.uniform(8, 20) * 60)
    time = float(rng.uniform(3, 3 + traits.kick_gap_seconds))
    while time < seconds - 3:
        length = float(rng.uniform(0.2, 1.5))
        weak = bool(rng.random() < traits.weak_share)
        if weak:
            amplitude = float(np.exp(rng.uniform(np.log(0.0035), np.log(0.012))))
        else:
            spread = rng.normal(0, 0.75)
            amplitude = float(np.clip(traits.kick_amplitude_volts * np.exp(spread), 0.012, 0.6))
        gains = rng.uniform(*traits.spread, 4)
        near = rng.permutation(4)[: int(rng.choice([1, 2, 2, 3]))]
        gains[near] = rng.uniform(0.5, 1.0, len(near))
        gains[near[0]] = 1.0
        in_movement = any(m.start - 1.5 < time < m.end + 1.5 for m in movements)
        hushed = any(
            quiet and pulses[0] - 6 < time < pulses[-1] + 6
            for quiet, pulses in zip(pauses, bouts, strict=True)
        )
        frequency = float(np.exp(rng.uniform(np.log(2.0), np.log(25.0))))
        if not in_movement and not hushed:
            row = (time, time + length, amplitude, frequency, int(weak))
            kicks.append((*row, *(float(gain) for gain in gains)))
        # A short dead time and an exponential tail, with bursts of two now and then.
        gap = 2.0 if rng.random() < 0.08 else 5.0 + rng.exponential(traits.kick_gap_seconds - 5.0)
        if time > change:  # spells of sleep, in which it hardly moves
            calm = not calm
            change = time + float(rng.uniform(4, 14) * 60)
        time += length + float(gap) * (8.0 if calm else 1.0)
    return kicks


def _draw_artefacts(
    traits: SubjectTraits, seconds: int, rng: np.random.Generator
) -> tuple[list[tuple[float, float, str]], list[Waveform]]:
    """Clicks of a connector (one sensor, a few ms) and rubbing of the belt (broad-band noise)."""
    events: list[tuple[float, float, str]] = []
    waves: list[Waveform] = []
    for time in _poisson_times(traits.artefacts_per_hour, seconds - 4, rng):
        piezo = int(rng.integers(4))
        if rng.random() < 0.5:
            clock = np.arange(int(0.06 * _RATE)) / _RATE
            shape = rng.uniform(0.3, 1.2) * np.exp(-clock / rng.uniform(0.002, 0.006))
            events.append((time, time + 0.02, "click"))
        else:
            length = float(rng.uniform(0.4, 2.5))
            clock = np.arange(int(length * _RATE)) / _RATE
            hiss = rng.standard_normal(len(clock)) * np.sin(np.pi * clock / length)
            shape = rng.uniform(0.1, 0.5) * hiss
            events.append((time, time + length, "rubbing"))
        wave = np.zeros((len(clock), 4), np.float32)
        wave[:, piezo] = shape
        waves.append(Waveform(time, wave, np.zeros((len(clock), 6), np.float32)))
    return events, waves


def _draw_presses(
    traits: SubjectTraits,
    seconds: int,
    kicks: list[tuple[float, ...]],
    movements: list[BodyMovement],
    rng: np.random.Generator,
) -> list[tuple[float, float, str]]:
    """Presses as mothers press: after the kick, sometimes late, some missing, some false."""
    times: list[tuple[float, str]] = []
    for kick in kicks:
        strength = np.clip(kick[2] / 0.05, 0.02, 1.0)
        if rng.random() < traits.felt_share * np.sqrt(strength):
            late = rng.random() < 0.08
            delay = rng.uniform(2.5, 4.5) if late else rng.uniform(0.5, 2.0)
            times.append((kick[0] + float(delay), "kick"))
    false = _poisson_times(traits.false_presses_per_hour, seconds, rng)
    times += [(time, "false") for time in false]
    for move in movements:
        if rng.random() < 0.35:
            times.append((move.start + float(rng.uniform(-0.5, 2.0)), "movement"))
    presses: list[tuple[float, float, str]] = []
    for time, kind in sorted(times):
        end = time + float(rng.uniform(0.1, 0.6))
        if time > 0.5 and end < seconds - 0.5 and (not presses or time > presses[-1][1] + 0.3):
            presses.append((time, end, kind))
    return presses


def _draw_gaps(seconds: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Now and then packets are lost; a gap starts and ends between two packets."""
    packets = seconds * 16
    if packets < 3200 or rng.random() > 0.4:
        return []
    first = int(rng.integers(packets // 8, packets * 7 // 8))
    return [(first / 16, (first + int(rng.integers(2, 160))) / 16)]


# How it looks on the channels.

# Direction of a kick on an accelerometer's axes, and how much each piezo's site reaches it.
_KICK_AXES = np.array([0.5, 0.4, 0.77])
_SITE_REACH = np.array([[0.85, 0.15, 0.05, 0.0], [0.0, 0.15, 0.1, 0.8]])


def _kick_waveform(
    kick: tuple[float, ...], traits: SubjectTraits, rng: np.random.Generator
) -> Waveform:
    start, end, amplitude, frequency = kick[:4]
    gains = np.array(kick[5:9])
    length = end - start
    clock = np.arange(1, int(length * _RATE)) / _RATE
    x = clock / length
    if rng.random() < 0.6:
        envelope = np.sin(np.pi * x) ** 2
    else:  # quick rise, slow decay
        rise = rng.uniform(0.1, 0.35)
        envelope = (
            np.where(
                x < rise, np.sin(np.pi * x / rise / 2), np.cos(np.pi * (x - rise) / (1 - rise) / 2)
            )
            ** 2
        )
    chirp = rng.uniform(-0.15, 0.15)
    phase = 2 * np.pi * frequency * clock * (1 + chirp * (x - 0.5)) + rng.uniform(0, 2 * np.pi)
    shape = (amplitude * envelope * np.sin(phase)).astype(np.float32)
    reach = traits.accelerometer_gain * (_SITE_REACH @ gains)
    axes = np.outer(reach, _KICK_AXES).ravel()
    return Waveform(start, *_on_channels(shape, gains, axes))


def _hiccup_waveforms(
    pulses: list[float], traits: SubjectTraits, rng: np.random.Generator
) -> list[Waveform]:
    """Sharp damped pulses, of one shape and nearly one strength throughout a bout."""
    amplitude = float(np.exp(rng.uniform(np.log(0.05), np.log(0.3))))
    frequency = float(rng.uniform(4.0, 11.0))
    decay = float(rng.uniform(0.05, 0.13))
    jitter = float(rng.uniform(0.02, 0.08))
    gains = rng.uniform(0.25, 1.0, 4)
    gains[int(rng.integers(4))] = 1.0
    axes = np.outer(
        traits.accelerometer_gain * rng.uniform(1.5, 4.0) * rng.uniform(0.7, 1.0, 2), _KICK_AXES
    ).ravel()
    clock = np.arange(1, int(_PULSE_SECONDS * _RATE)) / _RATE
    shape = np.exp(-clock / decay) * np.sin(2 * np.pi * frequency * clock)
    return [
        Waveform(
            time,
            *_on_channels(
                (shape * amplitude * (1 + jitter * rng.standard_normal())).astype(np.float32),
                gains,
                axes,
            ),
        )
        for time in pulses
    ]


def _on_channels(
    shape: Floats, gains: NDArray[np.float64], axes: NDArray[np.float64]
) -> tuple[Floats, Floats]:
    return np.outer(shape, gains).astype(np.float32), np.outer(shape, axes).astype(np.float32)


@dataclass(frozen=True)
class _Chunk:
    """Raw counts of some whole seconds."""

    first_second: int
    piezo: NDArray[np.uint16]  # (n, 4)
    accelerometer: NDArray[np.uint16]  # (n, 6)
    imu: NDArray[np.int16]  # (n / 8, 10)
    force: NDArray[np.uint16]  # (n / 16,)
    button: NDArray[np.bool_]  # (n,)


def _render(plan: RecordingPlan) -> Iterator[_Chunk]:
    traits = plan.traits
    rng = np.random.default_rng([plan.seed, 2])
    phases = rng.uniform(0, 2 * np.pi, 6)
    rest = 1.65 + rng.uniform(-0.05, 0.05, 6) + np.array([0, -0.05, 0.33, 0, 0.33, -0.03])
    orientation = rng.uniform(-1, 1, 3) * np.array([40, 20, 180])
    pressed = _press_mask(plan)
    waves = sorted(plan.waveforms, key=lambda wave: wave.start)
    slowness = traits.piezo_gain
    for first in range(0, plan.seconds, _CHUNK_SECONDS):
        last = min(first + _CHUNK_SECONDS, plan.seconds)
        n = (last - first) * _RATE
        # Everything slower than the IMU's rate is computed there and interpolated.
        fine = np.arange(n, dtype=np.float64) / _RATE + first
        coarse = np.arange(n // _IMU_STEP + 1, dtype=np.float64) * (_IMU_STEP / _RATE) + first
        breath = np.sin(
            2 * np.pi * traits.breathing_hz * coarse
            + 0.8 * np.sin(2 * np.pi * coarse / 47.0 + phases[0])
            + phases[1]
        )
        heart = _heart_pulses(coarse, traits.heart_hz, phases[2])
        drift = 0.02 * np.sin(2 * np.pi * coarse / 610.0 + phases[3])
        hum = np.sin(2 * np.pi * traits.mains_hz * fine + phases[4]).astype(np.float32)

        piezo = rng.standard_normal((4, n), dtype=np.float32)
        piezo *= traits.noise_volts
        for site in range(4):
            slow = (
                traits.piezo_offset_volts[site]
                + drift * (0.5 + 0.3 * site)
                + slowness[site] * (traits.breathing_volts * breath + traits.heart_volts * heart)
            )
            piezo[site] += np.interp(fine, coarse, slow).astype(np.float32)
            piezo[site] += traits.mains_volts * hum
        accelerometer = np.zeros((6, n), np.float32)
        if plan.format == "v1":
            accelerometer = rng.standard_normal((6, n), dtype=np.float32)
            accelerometer *= traits.accelerometer_noise_volts
            for axis in range(6):
                slow = rest[axis] + 0.0045 * breath + 0.0004 * heart
                accelerometer[axis] += np.interp(fine, coarse, slow).astype(np.float32)
                accelerometer[axis] += 0.1 * traits.mains_volts * hum
        motion = _Motion.at(coarse[:-1])
        for move in (*plan.body_movements, *plan.small_movements):
            if move.start < last and move.end > first:
                _add_swing(move, fine, piezo, accelerometer)
            motion.add(move)
        for wave in waves:
            if wave.start < last and wave.start + len(wave.piezo) / _RATE > first:
                _add_wave(wave, first, piezo, accelerometer)
        yield _Chunk(
            first_second=first,
            piezo=_digitise(piezo, traits.adc_bits),
            accelerometer=_digitise(accelerometer, traits.adc_bits)
            if plan.format == "v1"
            else np.empty((0, 6), np.uint16),
            imu=motion.samples(orientation, breath[:-1], heart[:-1], rng),
            force=np.clip(
                30000 + 900 * breath[:-1:2] + 90 * rng.standard_normal(n // _FORCE_STEP), 0, 65535
            ).astype(np.uint16),
            button=pressed[first * _RATE : last * _RATE],
        )


def _heart_pulses(time: NDArray[np.float64], rate_hz: float, phase: float) -> NDArray[np.float64]:
    angle = 2 * np.pi * rate_hz * time + 0.6 * np.sin(2 * np.pi * time / 11.0) + phase
    return np.sin(angle) + 0.5 * np.sin(2 * angle + 0.7) + 0.25 * np.sin(3 * angle + 1.9)


def _add_swing(
    move: BodyMovement,
    fine: NDArray[np.float64],
    piezo: Floats,
    accelerometer: Floats,
) -> None:
    a, b = np.searchsorted(fine, [move.start, move.end])
    clock = fine[a:b] - move.start
    envelope = np.sin(np.pi * clock / (move.end - move.start))
    for site in range(4):
        angle = 2 * np.pi * move.frequency * clock * (1 + 0.03 * site) + 0.4 * site
        piezo[site, a:b] += move.piezo_volts * envelope * np.sin(angle)
    level = 0.05 * float(np.linalg.norm(move.acceleration))
    accelerometer[:, a:b] += level * envelope * np.sin(2 * np.pi * move.frequency * clock)


def _add_wave(wave: Waveform, first: int, piezo: Floats, accelerometer: Floats) -> None:
    begin = round((wave.start - first) * _RATE)
    a, b = max(begin, 0), min(begin + len(wave.piezo), piezo.shape[1])
    piezo[:, a:b] += wave.piezo[a - begin : b - begin].T
    accelerometer[:, a:b] += wave.accelerometer[a - begin : b - begin].T


@dataclass
class _Motion:
    """The IMU's view at its own rate: angles and linear acceleration, summed over movements."""

    time: NDArray[np.float64]
    angles: NDArray[np.float64]  # (3, n) degrees
    acceleration: NDArray[np.float64]  # (3, n) m/s^2

    @classmethod
    def at(cls, time: NDArray[np.float64]) -> _Motion:
        return cls(time, np.zeros((3, len(time))), np.zeros((3, len(time))))

    def add(self, move: BodyMovement) -> None:
        if move.start > self.time[-1]:
            return
        if move.end <= self.time[0]:
            self.angles += np.array(move.turn_degrees)[:, None]
            return
        done = np.clip((self.time - move.start) / (move.end - move.start), 0.0, 1.0)
        turn = 0.5 - 0.5 * np.cos(np.pi * done)
        swing = np.sin(np.pi * done) * np.sin(2 * np.pi * move.frequency * (self.time - move.start))
        for axis in range(3):
            if move.turn_degrees[axis]:
                self.angles[axis] += move.turn_degrees[axis] * turn
            self.angles[axis] += move.sway_degrees[axis] * swing
            self.acceleration[axis] += move.acceleration[axis] * swing

    def samples(
        self,
        orientation: NDArray[np.float64],
        breath: NDArray[np.float64],
        heart: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> NDArray[np.int16]:
        half = (
            np.radians(
                orientation[:, None] + self.angles + np.array([[1.5], [0.8], [0.2]]) * breath
            )
            / 2
        )
        (cr, cp, cy), (sr, sp, sy) = np.cos(half), np.sin(half)
        quaternion = np.stack(
            [
                cr * cp * cy + sr * sp * sy,
                sr * cp * cy - cr * sp * sy,
                cr * sp * cy + sr * cp * sy,
                cr * cp * sy - sr * sp * cy,
            ]
        )
        w, x, y, z = quaternion
        gravity = _GRAVITY * np.stack(
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x**2 + y**2)]
        )
        acceleration = gravity + self.acceleration
        acceleration[2] += 0.02 * heart
        north = np.stack([1 - 2 * (y**2 + z**2), 2 * (x * y - w * z), 2 * (x * z + w * y)])
        n = len(self.time)
        counts = np.concatenate(
            [
                quaternion * 10000 + 2.0 * rng.standard_normal((4, n)),
                north * 640 + 1.0 * rng.standard_normal((3, n)),
                acceleration * 1000 + 22.0 * rng.standard_normal((3, n)),
            ]
        )
        clipped: NDArray[np.int16] = np.clip(np.rint(counts), -32768, 32767).astype(np.int16)
        return clipped.T


def _digitise(volts: Floats, bits: int) -> NDArray[np.uint16]:
    step = 1 << (16 - bits)
    counts = np.rint(volts * np.float32(_FULL_SCALE_COUNTS / _FULL_SCALE_VOLTS / step))
    counts *= step
    np.clip(counts, 0, _FULL_SCALE_COUNTS // step * step, out=counts)
    return np.ascontiguousarray(counts.astype(np.uint16).T)


def _press_mask(plan: RecordingPlan) -> NDArray[np.bool_]:
    """Button samples; the contact bounces in about half of the presses."""
    rng = np.random.default_rng([plan.seed, 3])
    mask = np.zeros(plan.seconds * _RATE, bool)
    for start, end, _ in plan.presses:
        a, b = round(start * _RATE), round(end * _RATE)
        mask[a:b] = True
        if b - a > 60 and rng.random() < 0.5:
            hole = int(rng.integers(a + 10, b - 30))
            mask[hole : hole + int(rng.integers(3, 25))] = False
    return mask


# Files.


def _epoch(moment: datetime) -> tuple[int, int]:
    milliseconds = round(moment.timestamp() * 1000)
    return milliseconds // 1000, milliseconds % 1000


class _V1Writer:
    """Records with a piezo and an accelerometer block each; every 8th adds the IMU, every 16th
    the force, every 1024th a time stamp."""

    _PLAIN = 1 + 8 + 12
    _GROUP = 16 * _PLAIN + 2 * 20 + 2  # 16 records
    _TIME = _PLAIN + 20 + 2  # where the time stamp goes in a second's first group

    def __init__(self, file: BinaryIO, plan: RecordingPlan) -> None:
        self._file, self._start = file, _epoch(plan.start)
        end = _epoch(plan.start + timedelta(seconds=plan.seconds))
        file.write(
            struct.pack("<IHIH4H", *self._start, *end, _RATE, _RATE, _RATE // 8, _RATE // 16)
        )

    def write(self, chunk: _Chunk) -> None:
        groups = len(chunk.button) // 16
        body = np.empty((groups, self._GROUP), np.uint8)
        piezo = chunk.piezo.view(np.uint8).reshape(groups, 16, 8)
        accelerometer = chunk.accelerometer.view(np.uint8).reshape(groups, 16, 12)
        imu = chunk.imu.astype("<i2").reshape(groups, 2, 10)
        button = chunk.button.reshape(groups, 16).astype(np.uint8)
        # The plain records 1-7 and 9-15 of a group lie in one block each.
        for first, at in ((1, self._TIME), (9, self._TIME + 8 * self._PLAIN + 20)):
            plain = body[:, at : at + 7 * self._PLAIN].reshape(groups, 7, self._PLAIN)
            plain[:, :, 0] = 0xC0 | button[:, first : first + 7]
            plain[:, :, 1:9] = piezo[:, first : first + 7]
            plain[:, :, 9:] = accelerometer[:, first : first + 7]
            body[:, at : at + 7 * self._PLAIN] = plain.reshape(groups, -1)
        for index, (record, at) in enumerate(((0, 0), (8, self._TIME + 7 * self._PLAIN))):
            body[:, at] = 0xE0 | button[:, record]
            body[:, at + 1 : at + 9] = piezo[:, record]
            body[:, at + 9 : at + 21] = accelerometer[:, record]
            body[:, at + 21 : at + 41] = np.ascontiguousarray(imu[:, index]).view(np.uint8)
        body[:, 0] |= 0x10
        body[:, 41:43] = chunk.force.astype("<u2").view(np.uint8).reshape(groups, 2)
        seconds = groups // 64
        body = body.reshape(seconds, 64 * self._GROUP)
        stamps = np.zeros(seconds, np.dtype([("s", "<u4"), ("ms", "<u2")]))
        stamps["s"] = self._start[0] + chunk.first_second + np.arange(seconds)
        stamps["ms"] = self._start[1]
        body[:, 0] |= 0x08
        whole = np.empty((seconds, body.shape[1] + 6), np.uint8)
        whole[:, : self._TIME] = body[:, : self._TIME]
        whole[:, self._TIME : self._TIME + 6] = stamps.view(np.uint8).reshape(seconds, 6)
        whole[:, self._TIME + 6 :] = body[:, self._TIME :]
        self._file.write(whole.tobytes())

    def close(self) -> None:
        """Nothing follows the last record."""


class _V2Writer:
    """Packets of 64 samples; a lost packet is simply not there."""

    _PACKET = np.dtype(
        [
            ("signature", "<u2"),
            ("sequence", "u1"),
            ("time", "<u4"),
            ("flags", "u1"),
            ("piezo", "<u2", (64, 2)),
            ("imu", "<i2", (8, 10)),
        ]
    )

    def __init__(self, file: BinaryIO, plan: RecordingPlan) -> None:
        self._file, self._gaps = file, plan.gaps
        lost = sum(round((end - start) * 16) for start, end in plan.gaps)
        packets = plan.seconds * 16 - lost
        start, end = plan.start, plan.start + timedelta(seconds=plan.seconds)
        file.write(
            struct.pack(
                "<IIHIH4HIHI4s6sI",
                0x48414148,
                *_epoch(start),
                *_epoch(end),
                *(_RATE, 0, _RATE // 8, 0),
                *_epoch(start - timedelta(hours=1)),
                packets * self._PACKET.itemsize,
                b"SYN\0",
                b"\x02SYNTH",
                0x485A5A48,
            )
        )

    def write(self, chunk: _Chunk) -> None:
        count = len(chunk.button) // 64
        number = chunk.first_second * 16 + np.arange(count)
        packets = np.zeros(count, self._PACKET)
        packets["signature"] = 0x504B
        packets["sequence"] = number % 256
        packets["time"] = number * 125 // 2
        packets["flags"] = chunk.button.reshape(count, 64).any(axis=1)
        packets["piezo"] = chunk.piezo[:, [0, 3]].reshape(count, 64, 2)
        packets["imu"] = chunk.imu.reshape(count, 8, 10)
        kept = np.ones(count, bool)
        for start, end in self._gaps:
            kept &= (number < start * 16) | (number >= end * 16)
        self._file.write(packets[kept].tobytes())

    def close(self) -> None:
        self._file.write(struct.pack("<I", 0x445A5A44))
