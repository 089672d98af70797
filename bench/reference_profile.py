"""The reference profile as docs/method.md states it: whole file, full rate, masks; plain and slow.

It is the yardstick of `make bench` and the twin that the tests compare the engine with. It reads
well-formed files only, and departs from the reference where that page says so of the signal: angles
are unwrapped, no press loses its last sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal
from scipy.spatial.transform import Rotation

RATE = 1024
SENSORS = ("sensor_1", "sensor_2", "sensor_3", "sensor_4", "sensor_5", "sensor_6")
VOLTS = 3.3 / 65535
Mask = NDArray[np.bool_]
Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Loaded:
    """A recording on the 1024 Hz grid, untrimmed and unfiltered."""

    sensors: dict[str, Samples]  # V
    acceleration: Samples  # counts/1000
    angles: Samples  # (n, 3) degrees
    pressed: Mask


@dataclass(frozen=True)
class ReferenceProfile:
    """Maps on the trimmed axis."""

    sensors: dict[str, Samples]
    acceleration: Samples
    angles: Samples
    thresholds: dict[str, float]
    body_movement: Mask
    sensor_detections: dict[str, Mask]
    detections: Mask
    sensation: Mask
    presses: Mask


def runs(mask: Mask) -> NDArray[np.int64]:
    """Return the half-open runs of true samples, shape (n, 2)."""
    padded = np.concatenate(([False], mask, [False]))
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)


def load(path: Path) -> Loaded:
    """Read a well-formed recording of either format."""
    content = path.read_bytes()
    return _load_v2(content) if content[:4] in (b"HAAH", b"\x5e\xa5") else _load_v1(content)


def _load_v1(content: bytes) -> Loaded:
    blocks = ((0x80, 8), (0x40, 12), (0x20, 20), (0x10, 2), (0x08, 6))
    sizes = [1 + sum(size for bit, size in blocks if d & bit) for d in range(256)]
    positions, position = [], 20
    while position < len(content) and position + sizes[content[position]] <= len(content):
        positions.append(position)
        position += sizes[content[position]]
    raw = np.frombuffer(content, dtype=np.uint8)
    at = np.array(positions)
    kind = raw[at]

    def block(bit: int, before: int, width: int, dtype: str) -> tuple[NDArray[np.int64], Samples]:
        offset = 1 + sum(((kind & b) > 0) * s for b, s in blocks if b & before)
        ticks = np.flatnonzero(kind & bit)
        bytes_ = raw[(at + offset)[ticks][:, None] + np.arange(2 * width)]
        return ticks, bytes_.view(dtype).astype(float)

    total = len(at)
    piezo, accelerometer = np.zeros((total, 4)), np.zeros((total, 6))
    ticks, values = block(0x80, 0x00, 4, "<u2")
    piezo[ticks] = values * VOLTS
    ticks, values = block(0x40, 0x80, 6, "<u2")
    for axis in range(6 if len(ticks) else 0):
        accelerometer[:, axis] = np.interp(np.arange(total), ticks, values[:, axis] * VOLTS)
    sensors = {
        "sensor_1": np.linalg.norm(accelerometer[:, :3], axis=1),
        "sensor_2": np.linalg.norm(accelerometer[:, 3:], axis=1),
        **{f"sensor_{3 + i}": piezo[:, i] for i in range(4)},
    }
    return _with_motion(sensors, *block(0x20, 0xC0, 10, "<i2"), (kind & 1) > 0)


def _load_v2(content: bytes) -> Loaded:
    if content[:2] == b"\x5e\xa5":
        content = content[15:]
    packet = np.dtype(
        [
            ("signature", "<u2"),
            ("sequence", "u1"),
            ("time", "<u4"),
            ("flags", "u1"),
            ("piezo", "<u2", (64, 2)),
            ("imu", "<i2", (8, 10)),
        ]
    )
    packets = np.frombuffer(content[48:], dtype=packet, count=(len(content) - 48) // 424)
    piezo = packets["piezo"].reshape(-1, 2) * VOLTS
    silent = np.zeros(len(piezo))
    sensors = dict.fromkeys(SENSORS, silent) | {
        "sensor_3": piezo[:, 0],
        "sensor_6": piezo[:, 1],
    }
    imu = packets["imu"].reshape(-1, 10).astype(float)
    pressed = np.repeat((packets["flags"] & 1) > 0, 64)
    return _with_motion(sensors, np.arange(len(imu)) * 8, imu, pressed)


def _with_motion(
    sensors: dict[str, Samples], ticks: NDArray[np.int64], imu: Samples, pressed: Mask
) -> Loaded:
    grid = np.arange(len(pressed))
    columns = [np.interp(grid, ticks, imu[:, i]) for i in range(10)] if len(ticks) else None
    if columns is None:
        return Loaded(sensors, np.zeros(len(grid)), np.zeros((len(grid), 3)), pressed)
    acceleration = np.linalg.norm(np.array(columns[7:]) / 1000, axis=0)
    quaternion = np.array(columns[:4]).T / 10000
    valid = np.linalg.norm(quaternion, axis=1) > 0
    angles = np.zeros((len(grid), 3))
    if valid.any():
        real_last = quaternion[valid][:, [1, 2, 3, 0]]
        angles[valid] = Rotation.from_quat(real_last).as_euler("xyz", degrees=True)
        nearest = np.maximum.accumulate(np.where(valid, grid, 0))
        nearest = np.where(valid[nearest], nearest, np.argmax(valid))
        angles = np.unwrap(angles[nearest], period=360, axis=0)
    return Loaded(sensors, acceleration, angles, pressed)


def dilate(mask: Mask, size: int) -> Mask:
    """Dilate as docs/method.md defines it."""
    out = np.zeros_like(mask)
    for start, end in runs(mask):
        out[max(start - size // 2, 0) : end + size - size // 2 - 1] = True
    return out


def clear_ends(mask: Mask) -> Mask:
    """Make the first and the last sample false."""
    mask = mask.copy()
    mask[:1] = mask[-1:] = False
    return mask


def bandpass(samples: Samples, low: float, high: float) -> Samples:
    """Filter forward and backward, order 5 per edge."""
    sections = signal.butter(5, [low, high], btype="bandpass", fs=RATE, output="sos")
    return signal.sosfiltfilt(sections, samples, axis=0)


LEVELS = {"sensor_3": 1.5440, "sensor_6": 1.6106}  # V


def body_movement(sensors: dict[str, Samples], acceleration: Samples, angles: Samples) -> Mask:
    """Return the union of the three maps of body movement."""
    size = round(5.5 * RATE)
    moving = dilate(np.abs(acceleration) >= 0.675, size)
    moving |= dilate((np.abs(angles[:, 0]) > 1.75) | (np.abs(angles[:, 2]) > 1.75), size)
    agreeing = sum(
        dilate(np.abs(sensors[n]) >= level, size).astype(int) for n, level in LEVELS.items()
    )
    return clear_ends(moving | (agreeing >= 2))


def profile(loaded: Loaded) -> ReferenceProfile:
    """Compute the reference profile of a loaded recording."""
    total = len(loaded.pressed)
    trim = (30 if total > 300 * RATE else 5) * RATE
    kept = slice(trim, total - trim)
    sensors = {n: bandpass(x, 1, 30)[kept] for n, x in loaded.sensors.items()}
    acceleration = bandpass(loaded.acceleration, 1, 10)[kept]
    angles = bandpass(loaded.angles, 1, 10)[kept]

    presses = loaded.pressed[kept].copy()
    down = np.flatnonzero(presses)
    for left, right in pairwise(down):
        if right - left - 1 < 100:
            presses[left:right] = True

    moving = body_movement(sensors, acceleration, angles)
    thresholds, maps = {}, {}
    for name in LEVELS:
        strength = np.abs(sensors[name])
        noise = np.median(strength[strength <= np.quantile(strength, 0.25)])
        thresholds[name] = 40 * noise if 40 * noise >= 0.0001 else float("inf")
        segment = dilate((strength >= thresholds[name]) & ~moving, 3 * RATE + 1)
        for start, end in runs(segment | moving):
            if (segment & moving)[start:end].any():
                segment[start:end] = False
        maps[name] = clear_ends(segment)
    detections = np.logical_or.reduce(list(maps.values()))

    sensation = np.zeros_like(moving)
    movements_before = np.concatenate(([0], np.cumsum(moving)))
    for sample in np.flatnonzero(presses):
        start, end = max(sample - 5 * RATE, 0), min(sample + 5 * RATE + 1, len(moving))
        sensation[start:end] = movements_before[end] == movements_before[start]
    return ReferenceProfile(
        sensors,
        acceleration,
        angles,
        thresholds,
        moving,
        maps,
        detections,
        sensation,
        presses,
    )
