"""What looks like a movement and is none, or hides one: drawn with a label for each.

None of it is measured: kinds and sizes follow what such recordings are known to hold, the share of
each is a choice, so that a cohort of some hours holds every kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from femo_signal.synthetic.maternal import BodyMovement, poisson_times, three
from femo_signal.synthetic.physiology import Physiology
from femo_signal.synthetic.sensors import (
    ACCELEROMETERS,
    ACOUSTIC,
    CHANNELS,
    PIEZOS,
    SIDE,
    RecordingFormat,
    sensors_of,
)
from femo_signal.synthetic.subjects import SubjectTraits
from femo_signal.synthetic.waveforms import RATE, Waveform, click, damped, hiss, paths_to

__all__ = [
    "OFF_KINDS",
    "Disturbance",
    "GainChange",
    "Nuisance",
    "SampleFault",
    "Scene",
    "Step",
    "draw_clicks_and_rubbing",
    "draw_nuisances",
]

OFF_KINDS = ("sensor_constant", "sensor_railed")
"""Kinds of nuisance during which a sensor shows nothing."""

_FULL_SCALE = 65535


@dataclass(frozen=True)
class Nuisance:
    """The label of one nuisance; times in seconds of the belt's clock."""

    start: float
    end: float
    kind: str
    sensors: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """The baseline jumps and creeps back."""

    start: float  # s
    channel: int
    volts: float
    decay: float  # s


@dataclass(frozen=True)
class SampleFault:
    """Counts that are not the signal's."""

    first: int  # tick
    end: int
    channel: int
    counts: int


@dataclass(frozen=True)
class GainChange:
    """The belt sits looser or tighter from some time to another; it takes ``ramp`` s to change."""

    start: float
    end: float
    ramp: float
    gain: float
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Disturbance:
    """One nuisance and all that it does."""

    label: Nuisance
    waveforms: tuple[Waveform, ...] = ()
    steps: tuple[Step, ...] = ()
    faults: tuple[SampleFault, ...] = ()
    gains: tuple[GainChange, ...] = ()
    body_movements: tuple[BodyMovement, ...] = ()  # large enough for the mask
    small_movements: tuple[BodyMovement, ...] = ()


@dataclass(frozen=True)
class Scene:
    """What a nuisance needs to know of its recording."""

    traits: SubjectTraits
    physiology: Physiology
    seconds: int
    format: RecordingFormat

    @property
    def sensors(self) -> tuple[str, ...]:
        """Return the sensors that there are."""
        return sensors_of(self.format)

    def one(self, rng: np.random.Generator) -> str:
        """Draw a sensor."""
        return self.sensors[int(rng.integers(len(self.sensors)))]

    def volts(self, sigmas: dict[str, float]) -> dict[str, float]:
        """Return strengths in standard deviations of each sensor's noise as V."""
        return {name: k * self.traits.sigma_volts(name) for name, k in sigmas.items()}


_Drawer = Callable[[Scene, float, np.random.Generator], Disturbance]


def draw_nuisances(scene: Scene, rng: np.random.Generator) -> list[Disturbance]:
    """Draw every nuisance of a lifelike recording, in order of time."""
    drawn: list[Disturbance] = []
    for rate_per_hour, drawer in _RATES:
        for time in poisson_times(rate_per_hour, scene.seconds - 5, rng):
            drawn.append(drawer(scene, time, rng))
    return sorted(drawn, key=lambda disturbance: disturbance.label.start)


def _lost_samples(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """Some samples of 0 or of full scale, on one sensor or on a whole block."""
    together = rng.random() < 0.3
    names = scene.sensors if together else (scene.one(rng),)
    if together and scene.format == "v1":  # a block of piezos is lost as a whole
        names = tuple(name for name in names if name not in ACCELEROMETERS)
    counts = int(rng.choice([0, 0, _FULL_SCALE]))
    faults = []
    first = round(time * RATE)
    for _ in range(int(rng.integers(1, 4))):
        end = first + max(1, int(rng.integers(-10, 11)))
        faults += [SampleFault(first, end, c, counts) for n in names for c in CHANNELS[n]]
        last, first = end, end + int(rng.integers(20, 1500))
    label = Nuisance(time, last / RATE, "lost_samples", tuple(names))
    return Disturbance(label, faults=tuple(faults))


def _railed_samples(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """A sensor against a stop for up to two seconds."""
    name, counts = scene.one(rng), int(rng.choice([0, _FULL_SCALE]))
    first, end = round(time * RATE), round((time + float(rng.uniform(0.02, 2.0))) * RATE)
    faults = tuple(SampleFault(first, end, channel, counts) for channel in CHANNELS[name])
    return Disturbance(Nuisance(time, end / RATE, "railed_samples", (name,)), faults=faults)


def _baseline_step(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    name = scene.one(rng)
    volts = float(rng.uniform(4, 20) * rng.choice([-1, 1])) * scene.traits.sigma_volts(name)
    decay = float(np.exp(rng.uniform(np.log(2), np.log(200))))
    # Steps of an accelerometer show on one axis, the one that lies nearest to gravity.
    step = Step(time, CHANNELS[name][-1], volts, decay)
    return Disturbance(Nuisance(time, time + 0.5, "baseline_step", (name,)), steps=(step,))


def _maternal_pulse(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """A sensor over an artery: a pulse train at the mother's heart rate, on it alone."""
    name, end = scene.one(rng), min(time + float(rng.uniform(60, 420)), scene.seconds - 2.0)
    shape = damped(float(rng.uniform(3, 8)), float(rng.uniform(0.06, 0.12)))
    strength = float(rng.uniform(5, 18))
    waves = []
    for beat in scene.physiology.beats(time, end):
        sigmas = {name: strength * float(1 + 0.1 * rng.standard_normal())}
        waves.append(Waveform(beat, shape, paths_to(scene.volts(sigmas))))
    return Disturbance(Nuisance(time, end, "maternal_pulse", (name,)), tuple(waves))


def _breath_click(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """A buckle that clicks at each breath, on one sensor alone."""
    name, end = scene.one(rng), min(time + float(rng.uniform(80, 600)), scene.seconds - 2.0)
    shape = damped(float(rng.uniform(6, 16)), float(rng.uniform(0.02, 0.08)))
    strength = float(rng.uniform(8, 30))
    waves = []
    for breath in scene.physiology.breaths(time, end):
        sigmas = {name: strength * float(np.clip(1 + 0.15 * rng.standard_normal(), 0.3, 2))}
        at = breath + 0.3 + 0.03 * float(rng.standard_normal())
        waves.append(Waveform(at, shape, paths_to(scene.volts(sigmas))))
    return Disturbance(Nuisance(time, end + 0.5, "breath_click", (name,)), tuple(waves))


def _cough(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """One to four coughs, on all sensors and on the IMU; a weak one on one sensor alone."""
    names = scene.sensors if rng.random() < 0.8 else (scene.one(rng),)
    strength = float(rng.uniform(8, 35))
    waves, at = [], time
    for _ in range(int(rng.integers(1, 5))):
        seconds = float(rng.uniform(0.2, 0.45))
        sigmas = {name: strength * float(rng.uniform(0.5, 1)) for name in names}
        waves.append(Waveform(at, hiss(seconds, rng), paths_to(scene.volts(sigmas))))
        end, at = at + seconds, at + seconds + float(rng.uniform(0.2, 0.6))
    label = Nuisance(time, end, "cough", tuple(names))
    if len(names) == 1:
        return Disturbance(label, tuple(waves))
    jerk = _jerk(time, end, acceleration=(0.1, 0.5), sway=(0.2, 0.9), rng=rng)
    return Disturbance(label, tuple(waves), small_movements=(jerk,))


def _speech(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """Sentences: syllables in groups, mostly on the acoustic sensors."""
    end = min(time + float(rng.uniform(5, 40)), scene.seconds - 2.0)
    heard: tuple[str, ...] = ACOUSTIC if scene.format == "v1" else PIEZOS
    if rng.random() < 0.25:
        heard = (heard[int(rng.integers(2))],)
    loud = {name: float(rng.uniform(3, 10)) for name in heard}
    felt = {name: float(rng.uniform(0, 2)) for name in scene.sensors if name not in heard}
    waves, at = [], time
    while at < end - 0.5:
        seconds = float(rng.uniform(0.12, 0.3))
        level = float(rng.uniform(0.4, 1))
        sigmas = {name: level * k for name, k in (loud | felt).items()}
        waves.append(Waveform(at, hiss(seconds, rng), paths_to(scene.volts(sigmas))))
        at += seconds + float(rng.uniform(0, 0.1) if rng.random() < 0.9 else rng.uniform(0.5, 2))
    return Disturbance(Nuisance(time, end, "speech", tuple(heard)), tuple(waves))


def _walking(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """Steps on every sensor and on the IMU."""
    end = min(time + float(rng.uniform(15, 90)), scene.seconds - 2.0)
    frequency = float(rng.uniform(1.6, 2.1))
    shape = damped(float(rng.uniform(5, 10)), 0.08)
    waves = []
    for at in np.arange(time, end, 1 / frequency):
        sigmas = {name: float(rng.uniform(10, 40)) for name in scene.sensors}
        waves.append(Waveform(float(at), shape, paths_to(scene.volts(sigmas))))
    walk = BodyMovement(
        start=time,
        end=end,
        frequency=frequency,
        piezo_volts=float(rng.uniform(0.1, 0.6)),
        acceleration=three(rng.uniform(1.5, 3.0) * np.sqrt(rng.dirichlet([1.0, 1.0, 3.0]))),
        sway_degrees=three(rng.uniform(3, 7, 3)),
        turn_degrees=(0.0, 0.0, 0.0),
        piezo_gain=(1.0, 0.1, 0.1, 1.0),
    )
    label = Nuisance(time, end, "walking", scene.sensors)
    return Disturbance(label, tuple(waves), body_movements=(walk,))


def _rubbing(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """Cloth on one sensor, or along one side of the belt."""
    name = scene.one(rng)
    names = tuple(n for n in scene.sensors if SIDE[n] == SIDE[name])
    if rng.random() < 0.7:
        names = (name,)
    seconds = float(rng.uniform(0.4, 4.0))
    strength = float(np.exp(rng.uniform(np.log(5), np.log(25))))
    sigmas = {n: strength * float(rng.uniform(0.4, 1)) for n in names}
    wave = Waveform(time, hiss(seconds, rng), paths_to(scene.volts(sigmas)))
    return Disturbance(Nuisance(time, time + seconds, "rubbing", names), (wave,))


def _click(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """A connector, on one sensor alone."""
    name = scene.one(rng)
    volts = scene.volts({name: float(rng.uniform(6, 25))})
    wave = Waveform(time, click(float(rng.uniform(0.002, 0.006))), paths_to(volts))
    return Disturbance(Nuisance(time, time + 0.02, "click", (name,)), (wave,))


def _sensor_constant(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    return _off(scene, time, "sensor_constant", int(rng.choice([0, 32768, 30000])), rng)


def _sensor_railed(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    return _off(scene, time, "sensor_railed", int(rng.choice([0, _FULL_SCALE])), rng)


def _off(
    scene: Scene, time: float, kind: str, counts: int, rng: np.random.Generator
) -> Disturbance:
    """One sensor shows one value for half a minute up to ten, at most 40 % of the recording."""
    longest = min(600.0, 0.4 * scene.seconds)
    end = min(time + float(rng.uniform(min(30.0, longest), longest)), float(scene.seconds))
    name = scene.one(rng)
    first, last = round(time * RATE), round(end * RATE)
    faults = tuple(SampleFault(first, last, channel, counts) for channel in CHANNELS[name])
    return Disturbance(Nuisance(first / RATE, last / RATE, kind, (name,)), faults=faults)


def _loose_belt(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """The belt slips or is pulled tight, all round or on one side, for minutes or for good."""
    names = scene.sensors
    if rng.random() < 0.4:
        side = float(rng.choice([-1, 1]))
        names = tuple(name for name in names if SIDE[name] == side)
    end = float(scene.seconds)
    if rng.random() < 0.5:
        end = min(time + float(rng.uniform(300, 3600)), end)
    gain = float(rng.uniform(0.25, 0.6) if rng.random() < 0.75 else rng.uniform(1.5, 3.0))
    channels = tuple(c for name in names for c in CHANNELS[name] if name not in ACCELEROMETERS)
    change = GainChange(time, end, float(rng.uniform(1, 40)), gain, channels)
    shown = tuple(name for name in names if name not in ACCELEROMETERS)
    return Disturbance(Nuisance(time, end, "loose_belt", shown), gains=(change,))


def _jerk(
    start: float,
    end: float,
    *,
    acceleration: tuple[float, float],
    sway: tuple[float, float],
    rng: np.random.Generator,
) -> BodyMovement:
    """Return what the IMU alone sees of a cough."""
    size = rng.uniform(*acceleration)
    return BodyMovement(
        start=start,
        end=end,
        frequency=float(rng.uniform(2, 4)),
        piezo_volts=0.0,
        acceleration=three(size * np.sqrt(rng.dirichlet([1.0, 1.0, 1.0]))),
        sway_degrees=three(rng.uniform(*sway, 3)),
        turn_degrees=(0.0, 0.0, 0.0),
        piezo_gain=(0.0, 0.0, 0.0, 0.0),
        accelerometer_gain=0.0,
    )


# An hour holds so many of each; the trains and the sensors that are off last for minutes. What her
# own traits decide (clicks, rubbing, small movements) is drawn elsewhere.
_RATES: tuple[tuple[float, _Drawer], ...] = (
    (3.0, _lost_samples),
    (1.0, _railed_samples),
    (2.0, _baseline_step),
    (0.4, _maternal_pulse),
    (0.3, _breath_click),
    (1.5, _cough),
    (1.0, _speech),
    (0.4, _walking),
    (0.2, _sensor_constant),
    (0.15, _sensor_railed),
    (0.15, _loose_belt),
)


def draw_clicks_and_rubbing(scene: Scene, rng: np.random.Generator) -> list[Disturbance]:
    """Draw clicks of a connector and rubbing of the belt, as often as the subject's traits say."""
    draw = _rich_artefact if scene.traits.kind == "rich" else _lifelike_artefact
    times = poisson_times(scene.traits.artefacts_per_hour, scene.seconds - 4, rng)
    return [draw(scene, time, rng) for time in times]


def _lifelike_artefact(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    return (_click if rng.random() < 0.5 else _rubbing)(scene, time, rng)


def _rich_artefact(scene: Scene, time: float, rng: np.random.Generator) -> Disturbance:
    """Return a strong one, on a sensor that is no accelerometer."""
    names = [name for name in scene.sensors if name not in ACCELEROMETERS]
    name = names[int(rng.integers(len(names)))]
    if rng.random() < 0.5:
        end, kind = time + 0.02, "click"
        clock = np.arange(int(0.06 * RATE)) / RATE
        shape = rng.uniform(0.3, 1.2) * np.exp(-clock / rng.uniform(0.002, 0.006))
    else:
        seconds = float(rng.uniform(0.4, 2.5))
        end, kind = time + seconds, "rubbing"
        clock = np.arange(math.floor(seconds * RATE)) / RATE
        noise = rng.standard_normal(len(clock)) * np.sin(np.pi * clock / seconds)
        shape = rng.uniform(0.1, 0.5) * noise
    wave = Waveform(time, shape.astype(np.float32), paths_to({name: 1.0}))
    return Disturbance(Nuisance(time, end, kind, (name,)), (wave,))
