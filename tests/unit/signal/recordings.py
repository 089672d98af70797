"""Writes small recordings, sound or damaged, byte by byte as docs/method.md defines them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.chunk import Chunk, Header
from femo_signal.intervals import from_mask
from femo_signal.notices import Notice
from femo_signal.recording import Clock, Gap
from femo_signal.settings import AnalysisSettings

REFERENCE = AnalysisSettings(method="reference")
RATE = 1024
START = 1_718_000_000  # 2024-06-10T06:13:20Z
START_MS = 437


@dataclass
class Belt:
    """What the belt measures, on the 1024 Hz grid; counts."""

    piezo: NDArray[np.int64]  # (n, 4)
    accelerometer: NDArray[np.int64]  # (n, 6)
    imu: NDArray[np.int64]  # (n / 8, 10)
    pressed: NDArray[np.bool_]  # (n,)
    kicks: list[float] = field(default_factory=list)  # s

    @property
    def ticks(self) -> int:
        return len(self.pressed)


def make_belt(seconds: float, *, seed: int = 0, moves: tuple[float, ...] = ()) -> Belt:
    """Simulate kicks every 7 s, a press after each, and body movement at ``moves`` (s)."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    piezo = 32768 + 400 * np.sin(2 * np.pi * 0.25 * t)[:, None] + rng.normal(0, 60, (n, 4))
    accelerometer = 33000 + rng.normal(0, 8, (n, 6))
    angles = np.zeros((len(t[::8]), 3)) + 0.02 * np.sin(2 * np.pi * 0.25 * t[::8])[:, None]
    strength = np.zeros(len(angles))
    pressed = np.zeros(n, dtype=bool)
    kicks = np.arange(8.0, seconds - 8, 7).tolist()
    for number, kick in enumerate(kicks):
        envelope = np.exp(-(((t - kick) / 0.25) ** 2))
        wave = envelope * np.sin(2 * np.pi * (3 + 2 * (number % 8)) * t)
        piezo += (rng.uniform(150, 3000, 4) * wave[:, None]).round()
        accelerometer += 400 * wave[:, None]
        press = int((kick + 0.8) * RATE)
        pressed[press : press + 150] = True
        pressed[press + 210 : press + 300] = True
    for move in moves:
        envelope = np.exp(-(((t - move) / 1.0) ** 2))
        piezo += 60000 * (envelope * np.sin(2 * np.pi * 2 * t))[:, None]
        low = envelope[::8] * np.sin(2 * np.pi * 2 * t[::8])
        angles += 0.3 * low[:, None]
        strength += 2000 * low
    imu = np.zeros((len(angles), 10))
    imu[:, :4] = 10000 * _quaternions(angles)
    imu[:, 9] = 9810 + strength + rng.normal(0, 20, len(angles))
    return Belt(
        np.clip(piezo.round(), 0, 65535).astype(np.int64),
        np.clip(accelerometer.round(), 0, 65535).astype(np.int64),
        imu.round().astype(np.int64),
        pressed,
        kicks,
    )


def _quaternions(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Real part first, from extrinsic x-y-z angles in radians, shape (n, 3)."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(angles / 2).T, np.sin(angles / 2).T
    return np.stack(
        (
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ),
        axis=1,
    )


def v1_header(ticks: int) -> bytes:
    end = START * 1000 + START_MS + round(ticks * 1000 / RATE)
    return struct.pack("<IHIH4H", START, START_MS, end // 1000, end % 1000, 1024, 1024, 128, 64)


def v1_records(belt: Belt, *, accelerometer_every: int = 1) -> list[bytes]:
    """Return the records, so that a test can leave out or damage some."""
    piezo, accelerometer = belt.piezo.astype("<u2"), belt.accelerometer.astype("<u2")
    imu = belt.imu.astype("<i2")
    records = []
    for tick in range(belt.ticks):
        kind, blocks = 0x80 | bool(belt.pressed[tick]), [piezo[tick].tobytes()]
        if tick % accelerometer_every == 0:
            kind |= 0x40
            blocks.append(accelerometer[tick].tobytes())
        if tick % 8 == 0:
            kind |= 0x20
            blocks.append(imu[tick // 8].tobytes())
        if tick % 16 == 0:
            kind |= 0x10
            blocks.append(b"\x10\x20")
        if tick % 1024 == 0:
            kind |= 0x08
            blocks.append(struct.pack("<IH", START + tick // 1024, START_MS))
        records.append(bytes([kind]) + b"".join(blocks))
    return records


def write_v1(path: Path, belt: Belt, **options: int) -> Path:
    path.write_bytes(v1_header(belt.ticks) + b"".join(v1_records(belt, **options)))
    return path


def v2_header(ticks: int) -> bytes:
    end = START * 1000 + START_MS + round(ticks * 1000 / RATE)
    return (
        b"HAAH"
        + struct.pack("<IHIH", START, START_MS, end // 1000, end % 1000)
        + struct.pack("<4H", 1024, 0, 128, 0)
        + struct.pack("<IHI", START, 0, 0)
        + b"SYN\x00\x02SYNTHHZZH"
    )


V2_END = b"DZZD"


def v2_packets(belt: Belt) -> list[bytes]:
    """Return the packets, so that a test can leave out or damage some."""
    piezo, imu = belt.piezo[:, [0, 3]].astype("<u2"), belt.imu.astype("<i2")
    return [
        struct.pack(
            "<HBIB", 0x504B, k % 256, int(k * 62.5), bool(belt.pressed[64 * k : 64 * k + 64].any())
        )
        + piezo[64 * k : 64 * k + 64].tobytes()
        + imu[8 * k : 8 * k + 8].tobytes()
        for k in range(belt.ticks // 64)
    ]


def write_v2(path: Path, belt: Belt) -> Path:
    path.write_bytes(v2_header(belt.ticks) + b"".join(v2_packets(belt)) + V2_END)
    return path


@dataclass
class BeltReader:
    """Hands on a belt's samples as a reader does, in chunks of any length.

    ``without`` names a kind ("piezo", "accelerometer", "imu") and the seconds in which it has no
    blocks; ``gaps`` the seconds for which there is nothing at all.
    """

    belt: Belt
    chunk_ticks: int = 30_000
    without: tuple[tuple[str, float, float], ...] = ()
    gaps: list[Gap] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    clock: Clock | None = None
    bytes_read: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        start = datetime.fromtimestamp(START, UTC)
        self.header = Header(
            "v1",
            start,
            start + timedelta(seconds=self.belt.ticks / RATE),
            ("sensor_3", "sensor_4", "sensor_5", "sensor_6"),
            ("sensor_1", "sensor_2"),
        )

    def chunks(self) -> Iterator[Chunk]:
        edges = {0, self.belt.ticks, *range(0, self.belt.ticks, self.chunk_ticks)}
        missing = [(round(g.start_seconds * RATE), round(g.end_seconds * RATE)) for g in self.gaps]
        edges |= {tick for gap in missing for tick in gap}
        for start, end in pairwise(sorted(edges)):
            if not any(a <= start < b for a, b in missing):
                yield self._chunk(start, end)

    def _chunk(self, start: int, end: int) -> Chunk:
        ticks = np.arange(start, end)
        piezo, accelerometer = (self._present(kind, ticks) for kind in ("piezo", "accelerometer"))
        imu = self._present("imu", ticks[ticks % 8 == 0])
        return Chunk(
            start_tick=start,
            length=end - start,
            piezo=self.belt.piezo[piezo].astype(np.uint16),
            piezo_ticks=None if len(piezo) == len(ticks) else piezo,
            accelerometer=self.belt.accelerometer[accelerometer].astype(np.uint16),
            accelerometer_ticks=None if len(accelerometer) == len(ticks) else accelerometer,
            imu=self.belt.imu[imu // 8].astype(np.int16),
            imu_ticks=imu,
            presses=from_mask(self.belt.pressed[start:end]) + start,
        )

    def _present(self, kind: str, ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        kept = np.ones(len(ticks), dtype=bool)
        for name, first, last in self.without:
            kept &= (name != kind) | (ticks < first * RATE) | (ticks >= last * RATE)
        return ticks[kept]


def make_calm_belt(
    seconds: float,
    *,
    kicks: tuple[float, ...] = (),
    noise_counts: float = 70.0,
    breath_counts: float = 400.0,
    seed: int = 0,
) -> Belt:
    """Simulate a belt on a sleeping mother: breathing, noise, and equal kicks (s) of 6 Hz."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    piezo = 32768 + breath_counts * np.sin(2 * np.pi * 0.25 * t)[:, None]
    piezo = piezo + rng.normal(0, noise_counts, (n, 4))
    for kick in kicks:
        wave = np.exp(-(((t - kick) / 0.25) ** 2)) * np.sin(2 * np.pi * 6 * (t - kick))
        piezo += 2500 * wave[:, None]
    imu = np.zeros((len(t[::8]), 10))
    imu[:, :4] = 10000 * _quaternions(
        np.full((len(imu), 3), 0.02) * np.sin(2 * np.pi * 0.25 * t[::8])[:, None]
    )
    imu[:, 9] = 9810 + rng.normal(0, 20, len(imu))
    return Belt(
        np.clip(piezo.round(), 0, 65535).astype(np.int64),
        (33000 + rng.normal(0, 8, (n, 6))).round().astype(np.int64),
        imu.round().astype(np.int64),
        np.zeros(n, dtype=bool),
        list(kicks),
    )
