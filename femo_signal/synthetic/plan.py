"""What happens in a recording, and when: the ground truth, drawn before any sample is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from femo_signal.synthetic.subjects import SubjectTraits
from femo_signal.synthetic.waveforms import (
    RATE,
    BodyMovement,
    Waveform,
    hiccup_waveforms,
    kick_waveform,
)

__all__ = ["DEFAULT_START", "KICK_FIELDS", "RecordingFormat", "RecordingPlan", "draw_plan"]

RecordingFormat = Literal["v1", "v2"]

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
    waveforms = [kick_waveform(kick, traits, rng) for kick in kicks]
    for pulses in bouts:
        waveforms += hiccup_waveforms(pulses, traits, rng)
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
    for attempt in range(wanted * 8):
        if len(bouts) == wanted:
            break
        length = float(rng.uniform(84.0, min(600.0, max(0.45 * seconds / wanted, 100.0))))
        begin = float(rng.uniform(10.0, seconds - length - 10.0))
        crowded = any(begin - 60 < b[-1] and b[0] < begin + length + 60 for b in bouts)
        # Redrawn mostly, not always: some bouts contain a body movement.
        moved = any(begin - 5 < m.end and m.start < begin + length + 5 for m in movements)
        if crowded or (moved and attempt < wanted * 6 and rng.random() < 0.8):
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
            clock = np.arange(int(0.06 * RATE)) / RATE
            shape = rng.uniform(0.3, 1.2) * np.exp(-clock / rng.uniform(0.002, 0.006))
            events.append((time, time + 0.02, "click"))
        else:
            length = float(rng.uniform(0.4, 2.5))
            clock = np.arange(int(length * RATE)) / RATE
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
