"""Another generator of belt recordings, with nothing in common with `femo_signal.synthetic`.

Plain on purpose: movements are bursts of one frequency in noise. A model that was trained on our
own cohorts meets here what it was not made for. Written as v1 by the writer of `femo convert`, as
v2 by the few lines at the end.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from femo_signal.formats.v1_writer import Stretch, V1Writer

__all__ = ["Scene", "make"]

RATE, IMU_RATE = 1024, 128
COUNTS_PER_VOLT = 65535 / 3.3
START = datetime(2026, 1, 5, 22, tzinfo=UTC)
PIEZOS = ("sensor_3", "sensor_4", "sensor_5", "sensor_6")
PIEZO, ACOUSTIC = (0, 3), (1, 2)
SITES = {"piezo": PIEZO, "acoustic": ACOUSTIC, "all": (0, 1, 2, 3), "left": (0, 1), "right": (2, 3)}
SITE_SHARES = (0.3, 0.15, 0.3, 0.125, 0.125)

Floats = NDArray[np.float32]
Span = tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """What a recording is to hold."""

    seed: int
    minutes: int = 20
    format: Literal["v1", "v2"] = "v1"
    lifelike: bool = False
    """Noise, strengths (10-58 sigma) and rates (30-110 an hour) as measured on real belts; else
    clear events (20-120 sigma, 160 an hour) in white noise."""
    nuisances: bool = False
    """Blips on one sensor, coughs, small turns of hers, her pulse on one sensor."""
    movements: bool = True
    close_pairs: float = 0.0
    """Share of movements with another one 1.8-3.5 s after them."""
    hiccup_variation: float | None = None
    """Standard deviation of the pulses' strength; None: no hiccups."""
    missed_pulses: float = 0.15
    breath_clicks: bool = False
    gain: tuple[float, float] = (0.0, 1.0)
    """From which share of the recording on all piezos have which gain."""
    off: tuple[tuple[str, float, float], ...] = ()
    """Sensor, and the shares of the recording between which it is constant."""


@dataclass
class _Belt:
    """Signals in the making, and what was put into them."""

    scene: Scene
    rng: np.random.Generator
    piezo: Floats  # (4, n) V
    axes: Floats  # (6, n) V
    acceleration: NDArray[np.float64]  # (n / 8, 3) m/s2, of the IMU
    angles: NDArray[np.float64]  # (n / 8, 3) degrees
    sigma: Floats  # (4,) V, of each piezo's noise in its band
    axis_sigma: float
    axis_directions: NDArray[np.float64]  # (2, 3)
    breath: Floats  # (n,) -1 to 1
    heart_hertz: float
    pressed: NDArray[np.bool_]
    kicks: list[Span] = field(default_factory=list)
    body: list[Span] = field(default_factory=list)
    bouts: list[Span] = field(default_factory=list)
    nuisances: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        return self.piezo.shape[1] // RATE

    def add(
        self,
        at: float,
        wave: Floats,
        piezo: Iterable[float],
        axes: Iterable[float] = (),
        lags: Iterable[float] = (0.0,) * 4,
    ) -> None:
        """Add a wave to each piezo, V a unit of it, and along each accelerometer's direction."""
        for row, gain, lag in zip(self.piezo, piezo, lags, strict=True):
            part = row[max(round((at + lag) * RATE), 0) :][: len(wave)]
            part += np.float32(gain) * wave[: len(part)]
        for number, gain in enumerate(axes):
            for axis, share in enumerate(np.sqrt(self.axis_directions[number])):
                part = self.axes[3 * number + axis, round(at * RATE) :][: len(wave)]
                part += np.float32(gain * share) * wave[: len(part)]

    def turn(
        self, start: float, end: float, acceleration: float, degrees: float, hertz: float
    ) -> None:
        """Have the IMU move for a while."""
        first, past = (min(round(x * IMU_RATE), len(self.angles)) for x in (start, end))
        clock = np.arange(past - first)[:, None] / IMU_RATE
        shape = np.hanning(past - first)[:, None]
        sizes = self.rng.uniform(0.4, 1, (2, 3)) * self.rng.choice([-1, 1], (2, 3))
        wave = np.sin(2 * np.pi * hertz * clock)
        self.acceleration[first:past] += shape * wave * acceleration * sizes[0]
        self.angles[first:past] += (
            shape * np.sin(2 * np.pi * 0.7 * hertz * clock) * degrees * sizes[1]
        )

    def free(self, start: float, end: float, spans: list[Span], margin: float) -> bool:
        return all(end + margin < a or start - margin > b for a, b in spans)


def make(path: Path, scene: Scene) -> None:
    """Write a recording, and beside it what is in it (``.truth.json``, s); seeded."""
    belt = _quiet_belt(scene)
    _body_movements(belt)
    if scene.hiccup_variation is not None:
        _hiccups(belt, scene.hiccup_variation)
    if scene.movements:
        _movements(belt)
    if scene.nuisances:
        _nuisances(belt)
    if scene.breath_clicks:
        _breath_clicks(belt)
    _presses(belt)
    _faults(belt)
    (_write_v1 if scene.format == "v1" else _write_v2)(path, belt)
    truth = {
        "scene": asdict(scene),
        "seconds": belt.seconds,
        "kicks": belt.kicks,
        "body_movements": belt.body,
        "hiccup_bouts": belt.bouts,
        "nuisances": belt.nuisances,
    }
    path.with_suffix(".truth.json").write_text(json.dumps(truth, indent=1) + "\n")


def _quiet_belt(scene: Scene) -> _Belt:
    """Return a sleeping mother: noise, breath and heart."""
    rng = np.random.default_rng([scene.seed, 77])
    n = scene.minutes * 60 * RATE
    large, small = rng.uniform(0.0020, 0.0063), rng.uniform(0.00023, 0.00043)
    sigma = np.array([large, small, small * rng.uniform(0.8, 1.3), large * rng.uniform(0.7, 1.3)])
    axis_sigma = rng.uniform(0.0008, 0.0016)
    noise = _rumbling if scene.lifelike else _white
    clock = np.arange(n) / RATE
    breath = np.sin(
        2 * np.pi * rng.uniform(0.2, 0.3) * clock + 0.7 * np.sin(2 * np.pi * clock / 41)
    )
    heart = rng.uniform(1.05, 1.5)
    beat = np.sin(2 * np.pi * heart * clock) + 0.5 * np.sin(4 * np.pi * heart * clock)
    piezo = np.stack([noise(rng, n, s) for s in sigma])
    piezo += np.outer(sigma * rng.uniform(2, 8, 4), breath).astype(np.float32)
    piezo += np.outer(sigma * rng.uniform(0.1, 0.5, 4), beat).astype(np.float32)
    axes = np.stack([_white(rng, n, axis_sigma / 4) for _ in range(6)])
    axes += np.float32(0.004) * breath.astype(np.float32)
    return _Belt(
        scene, rng, piezo, axes, np.zeros((n // 8, 3)), np.zeros((n // 8, 3)),
        sigma.astype(np.float32), axis_sigma, rng.dirichlet([2, 2, 2], 2),
        breath.astype(np.float32), heart, np.zeros(n, dtype=bool),
    )  # fmt: skip


def _white(rng: np.random.Generator, n: int, sigma: float) -> Floats:
    """Return white noise; a sixteenth of its power lies in 1-30 Hz."""
    return rng.standard_normal(n, dtype=np.float32) * np.float32(4 * sigma)


def _rumbling(rng: np.random.Generator, n: int, sigma: float) -> Floats:
    """Return noise with 77 % of its power below 4 Hz, whose size wanders: heavy tails."""

    def band(low: float, high: float) -> NDArray[np.float64]:
        sections = signal.butter(2, [low, high], "bandpass", fs=RATE, output="sos")
        rows = signal.sosfilt(sections, rng.standard_normal(n + 2 * RATE))[2 * RATE :]
        return np.asarray(rows / rows.std())

    knots = np.arange(0, n + 4 * RATE, 4 * RATE)
    size = np.exp(0.55 * np.interp(np.arange(n), knots, rng.standard_normal(len(knots))))
    low = band(0.8, 4) * size
    mixed = np.sqrt(0.77) * low / low.std() + np.sqrt(0.23) * band(4, 30)
    return (sigma * (mixed + 0.3 * rng.standard_normal(n))).astype(np.float32)


def _burst(
    rng: np.random.Generator, seconds: float, hertz: float, shape: Literal["bell", "damped", "sine"]
) -> Floats:
    """Return a burst of one wandering frequency, of size 1."""
    clock = np.arange(int(max(seconds, 0.15) * RATE * 1.6)) / RATE
    envelope = {
        "bell": np.exp(-0.5 * ((clock - 0.5 * seconds) / (seconds / 4)) ** 2),
        "damped": (1 - np.exp(-clock / 0.02)) * np.exp(-clock / (seconds / 3)),
        "sine": np.sin(np.pi * np.clip(clock / seconds, 0, 1)) ** 2,
    }[shape]
    wander = rng.uniform(-0.2, 0.2) * np.sin(2 * np.pi * clock * rng.uniform(0.3, 1))
    phase = 2 * np.pi * np.cumsum(hertz * (1 + wander)) / RATE + rng.uniform(0, 2 * np.pi)
    return (envelope * np.sin(phase)).astype(np.float32)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _body_movements(belt: _Belt) -> None:
    """Have her move 8 to 25 times an hour, for seconds, on everything."""
    rng, at = belt.rng, 0.0
    rate = rng.uniform(8, 25)
    while True:
        at += rng.exponential(3600 / rate) + 6
        if at > belt.seconds - 12:
            return
        length, hertz = rng.uniform(2, 9), rng.uniform(0.8, 4)
        clock = np.arange(int(length * RATE)) / RATE
        wave = (np.hanning(len(clock)) * np.sin(2 * np.pi * hertz * clock)).astype(np.float32)
        belt.add(at, wave, rng.uniform(0.3, 2) * rng.uniform(0.5, 1.2, 4), (0.2, 0.2))
        belt.turn(at, at + length, 4.0, 14.0, hertz)
        belt.body.append((at, at + length))


def _hiccups(belt: _Belt, variation: float) -> None:
    """Add one bout of uneven pulses, 2.2 to 3.6 s apart, some of them missed."""
    rng = belt.rng
    length = rng.uniform(100, min(420, belt.seconds * 0.4))
    at = start = rng.uniform(40, belt.seconds - length - 40)
    period, strength = rng.uniform(2.2, 3.6), rng.uniform(12, 45)
    wave = _burst(rng, 2 * rng.uniform(0.15, 0.4), rng.uniform(4, 10), "damped")
    piezo = rng.uniform(0.3, 1, 4) * belt.sigma
    axes = rng.uniform(0.3, 1, 2) * belt.axis_sigma * 0.8
    pulses = []
    while at < start + length:
        if rng.random() >= belt.scene.missed_pulses and belt.free(at, at + 0.5, belt.body, 1):
            size = strength * np.clip(1 + variation * rng.standard_normal(), 0.2, 2.5)
            belt.add(at, wave, piezo * size, axes * size)
            pulses.append(at)
        at += float(np.clip(rng.normal(period, 0.25), 1.9, 4.1))
    belt.bouts.append((pulses[0], pulses[-1] + 0.5))


def _movements(belt: _Belt) -> None:
    """Add the baby's movements, each seen best at one site, never while she moves or in a bout."""
    rng, scene = belt.rng, belt.scene
    rate = rng.uniform(30, 110) if scene.lifelike else 160
    at = rng.uniform(3, 20)
    while at < belt.seconds - 5:
        length = float(np.clip(np.exp(rng.normal(np.log(0.7), 0.5)), 0.25, 4))
        hertz = _log_uniform(rng, 2.5, 18) if length < 1.5 else _log_uniform(rng, 2, 8)
        strength = _log_uniform(rng, *((10, 58) if scene.lifelike else (20, 120)))
        shape = rng.choice(["bell", "damped", "sine"])
        piezo, axes = _sight(belt)
        if _place(belt, at, length, 4.0):
            lags = rng.uniform(-0.05, 0.05, 4)
            belt.add(at, _burst(rng, length, hertz, shape), piezo * strength, axes * strength, lags)
            if rng.random() < scene.close_pairs:
                apart, length = rng.uniform(1.8, 3.5), rng.uniform(0.3, 0.7)
                if _place(belt, at + apart, length, 0.0):
                    at += apart
                    strength *= rng.uniform(0.5, 1.2)
                    wave = _burst(rng, length, hertz, shape)
                    belt.add(at, wave, piezo * strength, axes * strength)
        at += length + rng.uniform(5, 8) + rng.exponential(max(3600 / rate - 8, 1))


def _place(belt: _Belt, at: float, length: float, margin: float) -> bool:
    """Note a movement if there is room for it."""
    end = at + length
    if not (belt.free(at, end, belt.body, 2) and belt.free(at, end, belt.bouts, margin)):
        return False
    belt.kicks.append((at, end))
    return True


def _sight(belt: _Belt) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw how well each piezo and each accelerometer sees a movement, V for one sigma."""
    rng = belt.rng
    site = rng.choice(list(SITES), p=SITE_SHARES)
    hot = list(SITES[site])
    piezo, axes = rng.uniform(0.03, 0.2, 4), rng.uniform(0.03, 0.2, 2)
    piezo[hot] = rng.uniform(0.35, 1, len(hot))
    piezo[hot[0]] = 1
    if site != "acoustic":
        axes += rng.uniform(0.1, 0.6)
    if belt.scene.format == "v2":  # the two large piezos are all there is
        piezo[list(PIEZO)] = np.maximum(piezo[list(PIEZO)], rng.uniform(0.3, 1, 2))
    return piezo * belt.sigma, axes * belt.axis_sigma * 0.5


def _nuisances(belt: _Belt) -> None:
    rng = belt.rng

    def times(rate: float) -> NDArray[np.float64]:
        count = rng.poisson(rate * belt.seconds / 3600)
        return np.sort(rng.uniform(3, belt.seconds - 4, count))

    for at in times(25):
        gains = np.zeros(4)
        sensor = rng.integers(4)
        gains[sensor] = belt.sigma[sensor] * rng.uniform(5, 30)
        belt.add(at, _burst(rng, rng.uniform(0.05, 0.6), rng.uniform(3, 30), "damped"), gains)
        belt.nuisances.append((at, at + 0.5, "blip"))
    for at in times(4):
        for number in range(rng.integers(1, 4)):
            moment, size = at + number * rng.uniform(0.4, 0.8), rng.uniform(15, 60)
            wave = _burst(rng, 0.3, rng.uniform(8, 25), "damped")
            axes = rng.uniform(0.8, 1.5, 2) * belt.axis_sigma * 1.2
            belt.add(moment, wave, rng.uniform(0.6, 1.2, 4) * belt.sigma * size, axes * size)
            belt.turn(moment, moment + 0.3, 0.5, 0.7, 3.0)
        belt.nuisances.append((at, at + 2, "cough"))
    for at in times(6):
        length, hertz = rng.uniform(1, 4), rng.uniform(1, 3)
        clock = np.arange(int(length * RATE)) / RATE
        wave = (np.hanning(len(clock)) * np.sin(2 * np.pi * hertz * clock)).astype(np.float32)
        belt.add(at, wave, belt.sigma * rng.uniform(5, 30, 4), (0.004, 0.004))
        belt.turn(at, at + length, 0.4, 0.9, hertz)
        belt.nuisances.append((at, at + length, "small turn"))
    if rng.random() < 0.5:
        _pulse_train(belt)


def _pulse_train(belt: _Belt) -> None:
    """Add her own pulse to one sensor, for minutes."""
    rng = belt.rng
    start, length = rng.uniform(0, belt.seconds * 0.5), rng.uniform(120, 400)
    end = min(start + length, belt.seconds - 3)
    gains = np.zeros(4)
    sensor = rng.integers(4)
    gains[sensor] = belt.sigma[sensor] * rng.uniform(5, 15)
    wave = _burst(rng, 0.25, 7, "damped")
    for at in np.arange(start + 1, end, 1 / belt.heart_hertz):
        belt.add(at + rng.normal(0, 0.02), wave, gains)
    belt.nuisances.append((start, end, "pulse"))


def _breath_clicks(belt: _Belt) -> None:
    """Add a click at each breath, on the large piezos."""
    wave = _burst(belt.rng, 0.2, 8, "damped")
    gains = belt.sigma * np.array([20, 0, 0, 0])
    gains[3] = gains[0] / 2
    for at in np.flatnonzero(np.diff(np.sign(belt.breath)) > 0) / RATE:
        belt.add(max(at + belt.rng.normal(0, 0.05), 0.0), wave, gains)
    belt.nuisances.append((0.0, float(belt.seconds), "clicks at breath"))


def _presses(belt: _Belt) -> None:
    """Have her press for 45 % of what there is, late, and sometimes for nothing."""
    rng = belt.rng
    felt = [start + rng.uniform(0.4, 2.5) for start, _ in belt.kicks if rng.random() < 0.45]
    nothing = rng.uniform(5, belt.seconds - 5, rng.poisson(0.135 * len(belt.kicks)))
    for at in [*felt, *nothing.tolist()]:
        belt.pressed[int(at * RATE) : int((at + 0.3) * RATE)] = True


def _faults(belt: _Belt) -> None:
    """Change the gain and switch sensors off."""
    n = belt.piezo.shape[1]
    share, gain = belt.scene.gain
    belt.piezo[:, int(share * n) :] *= np.float32(gain)
    belt.piezo += np.array([[1.65], [1.63], [1.66], [1.64]], dtype=np.float32)
    for name, start, end in belt.scene.off:
        row = belt.piezo[PIEZOS.index(name)]
        row[int(start * n) : int(end * n)] = row[int(start * n)]


def _counts(volts: Floats) -> NDArray[np.uint16]:
    return np.clip(np.rint(volts.T * np.float32(COUNTS_PER_VOLT)), 0, 65535).astype(np.uint16)


def _imu_counts(belt: _Belt) -> NDArray[np.int16]:
    """Return quaternion, magnetometer and acceleration, breathing included."""
    rng, m = belt.rng, len(belt.angles)
    sway = np.array([1.2, 0.6, 0.2]) * belt.breath[::8, None]
    half = np.radians(belt.angles + sway + rng.uniform(-30, 30, 3)) / 2
    (cr, cp, cy), (sr, sp, sy) = np.cos(half).T, np.sin(half).T
    quaternion = np.stack(
        [
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ],
        axis=1,
    )
    rows = np.concatenate(
        [
            10000 * quaternion + 2 * rng.standard_normal((m, 4)),
            300 + rng.standard_normal((m, 3)),
            1000 * (belt.acceleration + np.array([0, 0, 9.81])) + 20 * rng.standard_normal((m, 3)),
        ],
        axis=1,
    )
    return np.clip(np.rint(rows), -32768, 32767).astype(np.int16)


def _write_v1(path: Path, belt: _Belt) -> None:
    ticks = len(belt.pressed)
    with path.open("wb") as file:
        writer = V1Writer(file, start=START, ticks=ticks, imu_step=8, accelerometer=True)
        writer.write(
            Stretch(
                piezo=_counts(belt.piezo),
                accelerometer=_counts(belt.axes + np.float32(1.65)),
                imu=_imu_counts(belt),
                force=None,
                pressed=belt.pressed,
            )
        )


def _write_v2(path: Path, belt: _Belt) -> None:
    packet = np.dtype(
        [
            ("signature", "<u2"), ("sequence", "u1"), ("time", "<u4"), ("flags", "u1"),
            ("piezo", "<u2", (64, 2)), ("imu", "<i2", (8, 10)),
        ]
    )  # fmt: skip
    number = np.arange(len(belt.pressed) // 64)
    packets = np.zeros(len(number), packet)
    packets["signature"], packets["sequence"] = 0x504B, number % 256
    packets["time"] = number * 125 // 2
    packets["flags"] = belt.pressed.reshape(-1, 64).any(axis=1)
    packets["piezo"] = _counts(belt.piezo[list(PIEZO)]).reshape(-1, 64, 2)
    packets["imu"] = _imu_counts(belt).reshape(-1, 8, 10)
    start, end = int(START.timestamp()), int((START + timedelta(seconds=belt.seconds)).timestamp())
    header = struct.pack(
        "<IIHIH4HIHI4s6sI", 0x48414148, start, 0, end, 0, RATE, 0, IMU_RATE, 0, start - 3600, 0,
        packets.nbytes, b"OTH\0", b"\x02OTHER", 0x485A5A48,
    )  # fmt: skip
    path.write_bytes(header + packets.tobytes() + struct.pack("<I", 0x445A5A44))
