"""The adaptive method as docs/method.md states it: masks, loops, float64; plain and slow.

The twin that the tests compare the engine with, and the place to read the method in one go. It
begins where signals are band-passed and it is known where each sensor is off; `load` makes these
of a well-formed file by a plain filter at full rate. Time is counted in frames of half a second, a
new one every eighth of a second; ticks are 1/1024 s, samples 1/128 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from bench import reference_profile

TICKS, RATE = 1024, 128  # a second
STEP = TICKS // RATE  # ticks of a sample
WINDOW, HOP = 64, 16  # samples of a frame, and from frame to frame
FRAMES = RATE / HOP  # a second
TAPER = np.hanning(WINDOW + 1)[:WINDOW]
SHORT_GAP = TICKS // 4  # only gaps that are shorter may lie in a frame of a sensor
LEAST_PRESENT = 0.5  # of such a frame, by the energy of its taper

SENSOR_BANDS = ((2, 4), (6, 12), (14, 30))  # Hz, edges included
MOTION_BANDS = ((2, 4), (4, 10))
LEVEL_SECONDS, LEVEL_STEP, LEVEL_LEAST = 180, 20, 30
LEAST_SPREAD = 0.25
CAP = 10.0  # of a sensor's z in the sum
SEEN = 3.0  # z from which on a sensor sees a candidate

CHANCE_PER_HOUR, CHANCE_BLOCK, CHANCE_DRAWS = 20, 2.0, 4000
CHANCE_LEAST_BLOCKS, CHANCE_APART, TRUE_APART = 20, 5.0, 1.0
LEVEL_BOUNDS, UNKNOWN_LEVEL = (3.0, 8.5), 7.0
SOLO = 4.0  # z that makes one sensor a candidate where at most two are on
LOWER_SHARE, JOIN, SPLIT, VALLEY = 0.6, 0.4, 0.9, 0.6

MOVING_HIGH, MOVING_LOW, MOVING_MARGIN = 9.0, 5.0, 1.0
HERS, HERS_NEAR = 5.0, 0.25

SMOOTH, EDGE_SHARE, PAUSE = 16, 0.08, 51  # samples, share of the peak's energy, samples

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Belt:
    """Band-passed signals on the trimmed axis, and where they tell nothing."""

    sensors: dict[str, Values]  # (samples,) V, 1-30 Hz; live ones only
    motion: dict[str, Values]  # (samples,) of the IMU, 1-10 Hz; live ones only
    off: dict[str, Mask]  # (ticks,) by channel; absent: never off
    gaps: Mask  # (ticks,) no samples of any channel


@dataclass(frozen=True)
class AdaptiveProfile:
    """What is found; ticks of the trimmed axis."""

    body_movement: Mask  # (ticks,)
    candidates: NDArray[np.int64]  # (n, 2) true edges
    strength: Values  # (n,) highest rise
    seen: Mask  # (n, sensors)
    agreement: Values  # (frames,)
    rise: Values  # (frames,) 1 makes a candidate


def load(path: Path) -> Belt:
    """Read a well-formed recording, filter it at 1024 Hz and keep every eighth sample."""
    loaded = reference_profile.load(path)
    total = len(loaded.pressed)
    trim = (30 if total > 300 * TICKS else 5) * TICKS

    def filtered(samples: Values, high: float) -> Values:
        return reference_profile.bandpass(samples, 1, high)[trim : total - trim : STEP]

    angles = dict(zip(("roll", "pitch", "yaw"), loaded.angles.T, strict=True))
    motion = {"acceleration": loaded.acceleration} | angles
    gaps = np.zeros(total - 2 * trim, bool)
    return Belt(
        {name: filtered(x, 30) for name, x in sorted(loaded.sensors.items()) if np.ptp(x)},
        {name: filtered(x, 10) for name, x in motion.items() if np.ptp(x)},
        {},
        gaps,
    )


def profile(belt: Belt) -> AdaptiveProfile:
    """Find the mother's movements and the candidates for the baby's."""
    any_signal = next(iter((belt.sensors | belt.motion).values()))
    ticks = len(any_signal) * STEP
    off = {name: belt.off.get(name, np.zeros(ticks, bool)) for name in belt.sensors | belt.motion}

    shown = {name: ~touched(off[name] | belt.gaps, any_signal) for name in belt.motion}
    motion = np.zeros(frame_count(any_signal))
    if belt.motion:
        motion = np.max(
            [channel_z(x, shown[n], shown[n], MOTION_BANDS) for n, x in belt.motion.items()], axis=0
        )
    moving = body_movement(motion, ticks)

    short = short_gaps(belt.gaps)
    held = present_share(short, any_signal) >= LEAST_PRESENT * (1 - 1e-5)
    on = np.array([held & ~touched(off[name] | (belt.gaps & ~short), any_signal)
                   for name in belt.sensors])  # fmt: skip
    still = ~touched(moving, any_signal)
    z = np.array([channel_z(x, mine, mine & still, SENSOR_BANDS)
                  for x, mine in zip(belt.sensors.values(), on, strict=True)])  # fmt: skip

    quiet = ~moving[centres(any_signal)] & on.any(axis=0)
    agreed = agreement(z, on)
    alone = np.where(on.sum(axis=0) > 2, 0, z.max(axis=0))  # more would have seen it too
    rise = np.maximum(agreed / chance_levels(z, on, quiet), alone / SOLO)
    found, peaks = candidates(np.where(quiet, rise, 0))
    hers = [
        motion[max(a - round(HERS_NEAR * FRAMES), 0) : b + round(HERS_NEAR * FRAMES)].max() >= HERS
        and any(mask[peak] for mask in shown.values())
        for (a, b), peak in zip(found, peaks, strict=True)
    ]
    found = [run for run, is_hers in zip(found, hers, strict=True) if not is_hers]
    seen = np.array([sees(z[:, a:b].max(axis=1)) for a, b in found]).reshape(-1, len(z))
    return AdaptiveProfile(
        moving,
        edges(list(belt.sensors.values()), found, seen),
        np.array([rise[a:b].max() for a, b in found]),
        seen,
        agreed,
        rise,
    )


def frame_count(samples: Values) -> int:
    return max((len(samples) - WINDOW) // HOP + 1, 0)


def centres(samples: Values) -> NDArray[np.int64]:
    """Return the tick in the middle of each frame."""
    return (np.arange(frame_count(samples)) * HOP + WINDOW // 2) * STEP


def touched(mask: Mask, samples: Values) -> Mask:
    """Tell which frames have a masked tick within half a window of their middle."""
    half = WINDOW // 2 * STEP
    before = np.concatenate(([0], np.cumsum(mask)))
    return np.array([before[min(c + half + 1, len(mask))] > before[c - half]
                     for c in centres(samples)], dtype=bool)  # fmt: skip


def short_gaps(gaps: Mask) -> Mask:
    """Keep the gaps that may lie in a frame."""
    short = np.zeros(len(gaps), bool)
    for a, b in reference_profile.runs(gaps):
        short[a:b] = b - a < SHORT_GAP
    return short


def present_share(gaps: Mask, samples: Values) -> Values:
    """Return which share of each frame's taper, by energy, falls on samples outside the gaps."""
    present = ~gaps[::STEP]
    starts = np.arange(frame_count(samples)) * HOP
    return np.array([(TAPER**2)[present[s : s + WINDOW]].sum() for s in starts]) / sum(TAPER**2)


def channel_z(samples: Values, on: Mask, quiet: Mask, bands: tuple[tuple[int, int], ...]) -> Values:
    """Return how far a channel rises above its own level in the band that rises most."""
    starts = np.arange(frame_count(samples)) * HOP
    power = np.abs(np.fft.rfft([samples[s : s + WINDOW] * TAPER for s in starts], axis=1)) ** 2
    hertz = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    rises = []
    for low, high in bands:
        energy = np.log(power[:, (hertz >= low) & (hertz <= high)].sum(axis=1) + 1e-14)
        level, spread = rolling_level(energy, quiet)
        rises.append((energy - level) / spread)
    return np.where(on, np.max(rises, axis=0), 0.0)


def rolling_level(energy: Values, quiet: Mask) -> tuple[Values, Values]:
    """Return median and spread (1.4826 MAD) of three minutes, of quiet frames two a second."""
    if not quiet[::4].any():
        return np.zeros(len(energy)), np.ones(len(energy))
    thin, use = energy[::4], quiet[::4]
    width = min(2 * LEVEL_SECONDS, len(thin))
    firsts = sorted({*range(0, len(thin) - width, 2 * LEVEL_STEP), len(thin) - width})
    firsts = [first for first in firsts if use[first : first + width].sum() >= 2 * LEVEL_LEAST]
    if not firsts:  # too little for a window: one level for all of it
        firsts, width = [0], len(thin)
    medians, spreads = [], []
    for first in firsts:
        inside = thin[first : first + width][use[first : first + width]]
        medians.append(np.median(inside))
        spreads.append(1.4826 * np.median(np.abs(inside - medians[-1])))
    middle = (np.array(firsts) + (width - 1) / 2) * 4
    every = np.arange(len(energy))
    spread = np.maximum(np.interp(every, middle, spreads), LEAST_SPREAD)
    return np.interp(every, middle, medians), spread


def body_movement(motion: Values, ticks: int) -> Mask:
    """Return where the IMU stays above the lower level and somewhere passes the upper one."""
    moving = np.zeros(ticks, bool)
    for a, b in reference_profile.runs(motion >= MOVING_LOW):
        if motion[a:b].max() >= MOVING_HIGH:
            start, end = ((i * HOP + WINDOW // 2) * STEP for i in (a, b))
            moving[max(start - TICKS, 0) : end + round(MOVING_MARGIN * TICKS)] = True
    for (_, end), (start, _) in pairwise(reference_profile.runs(moving)):
        if start - end < round(MOVING_MARGIN * TICKS):
            moving[end:start] = True
    return moving


def agreement(z: Values, on: Mask) -> Values:
    """Add up what the sensors show, the strongest counting no more than the second."""
    capped = np.clip(z, 0, CAP)
    padded = np.pad(capped, ((0, 0), (1, 1)), mode="edge")  # they may peak a frame apart
    near = np.max([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], axis=0)
    near[~on] = 0
    ranked = -np.sort(-near, axis=0)
    voters = on.sum(axis=0)
    if len(z) > 1:
        ranked[0] = np.where(voters > 1, ranked[1], ranked[0])
    return np.asarray(ranked.sum(axis=0) / np.sqrt(np.maximum(voters, 1)))


def chance_levels(z: Values, on: Mask, quiet: Mask) -> Values:
    """Return what the sensors that are on at each frame reach by chance 20 times an hour."""
    level = np.full(z.shape[1], np.nan)
    for members in np.unique(on, axis=1).T:
        if members.any():
            here = (on == members[:, None]).all(axis=0)
            level[here] = chance_level(z[members], on[members], on[members].all(axis=0) & quiet)
    known = np.isfinite(level)
    level[~known] = level[known].max() if known.any() else UNKNOWN_LEVEL
    return np.clip(level, *LEVEL_BOUNDS)


def chance_level(z: Values, on: Mask, fit: Mask) -> float:
    """Shift the sensors against each other; true agreement is left out in the second go."""
    first = shifted_level(z[:, fit])
    if not np.isfinite(first):
        return first
    near = np.zeros(z.shape[1], bool)
    reach = round(TRUE_APART * FRAMES)
    for frame in np.flatnonzero(agreement(z, on) >= first):
        near[max(frame - reach, 0) : frame + reach + 1] = True
    second = shifted_level(z[:, fit & ~near])
    return second if np.isfinite(second) else first


def shifted_level(z: Values) -> float:
    sensors, frames = z.shape
    block, apart = round(CHANCE_BLOCK * FRAMES), round(CHANCE_APART * FRAMES)
    blocks = frames // block
    if blocks < CHANCE_LEAST_BLOCKS or frames < 2 * apart * sensors:
        return float("nan")
    random = np.random.default_rng(1)
    highest = []
    for _ in range(-(-CHANCE_DRAWS // blocks) if sensors > 1 else 1):
        slot = (frames - apart) // sensors
        shifts = random.permutation(sensors) * slot + random.integers(0, slot - apart, sensors)
        moved = np.array([np.roll(row, by) for row, by in zip(z, shifts, strict=True)])
        moved = moved[:, : blocks * block]
        highest += (
            agreement(moved, np.ones(moved.shape, bool)).reshape(blocks, block).max(1).tolist()
        )
    return float(np.quantile(highest, 1 - CHANCE_PER_HOUR * CHANCE_BLOCK / 3600))


def candidates(strength: Values) -> tuple[list[tuple[int, int]], list[int]]:
    """Return runs of frames above the lower share that somewhere reach 1, and their peaks."""
    joined: list[list[int]] = []
    for a, b in reference_profile.runs(strength >= LOWER_SHARE):
        if joined and a - joined[-1][1] < JOIN * FRAMES:
            joined[-1][1] = int(b)
        else:
            joined.append([int(a), int(b)])
    parts = [part for a, b in joined for part in split(strength, a, b)]
    peaks = [a + int(strength[a:b].argmax()) for a, b in parts]
    high = [strength[peak] >= 1 for peak in peaks]
    return (
        [part for part, keep in zip(parts, high, strict=True) if keep],
        [peak for peak, keep in zip(peaks, high, strict=True) if keep],
    )


def split(strength: Values, a: int, b: int) -> list[tuple[int, int]]:
    """Part a run at deep valleys between peaks that are far enough apart."""
    apart = round(SPLIT * FRAMES)
    if b - a < apart:
        return [(a, b)]
    peaks, _ = find_peaks(np.pad(strength[a:b], 1), height=1, distance=apart)
    parts, start = [], a
    for left, right in pairwise(a + peaks - 1):
        valley = left + int(strength[left:right].argmin())
        if strength[valley] <= VALLEY * min(strength[left], strength[right]):
            parts.append((start, valley))
            start = valley
    return [*parts, (start, b)]


def sees(highest: Values) -> Mask:
    """Tell which sensors see a candidate: those above 3, the strongest in any case."""
    return (highest >= SEEN) | (np.arange(len(highest)) == highest.argmax())


def edges(sensors: list[Values], found: list[tuple[int, int]], seen: Mask) -> NDArray[np.int64]:
    """Follow the energy of the sensors that see a candidate outwards from its peak."""
    rows, bound = [], 0
    for number, (a, b) in enumerate(found):
        last = len(sensors[0])
        low = min(max(a * HOP, bound), last - 1)
        high = min((b - 1) * HOP + WINDOW, last)
        if number + 1 < len(found):
            high = min(high, found[number + 1][0] * HOP + WINDOW // 2)
        high = max(high, low + 1)
        energy = np.zeros(high - low)
        for row, sensor in enumerate(sensors):
            if seen[number, row]:
                width = min(SMOOTH, high - low)
                part = np.convolve(sensor[low:high] ** 2, np.full(width, 1 / width), "same")
                energy += part / max(part.max(), 1e-20)
        start = end = int(energy.argmax())
        loud = np.flatnonzero(energy >= EDGE_SHARE * energy.max())
        for i in loud[loud > end]:  # a longer pause ends it
            if i - end > PAUSE:
                break
            end = int(i)
        for i in loud[loud < start][::-1]:
            if start - i > PAUSE:
                break
            start = int(i)
        bound = low + end + 2  # two candidates never touch
        rows.append((low + start, low + end + 1))
    return np.array(rows, dtype=np.int64).reshape(-1, 2) * STEP
