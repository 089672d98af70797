"""What happens in a recording, and when: the ground truth, drawn before any sample is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np

from femo_signal.synthetic.hiccups import draw_bouts, hiccup_waveforms
from femo_signal.synthetic.maternal import (
    BodyMovement,
    draw_body_movements,
    draw_small_movements,
)
from femo_signal.synthetic.movements import (
    Movement,
    draw_movements,
    movement_waveforms,
    seen_by,
)
from femo_signal.synthetic.nuisances import (
    OFF_KINDS,
    Disturbance,
    GainChange,
    Nuisance,
    SampleFault,
    Scene,
    Step,
    draw_clicks_and_rubbing,
    draw_nuisances,
)
from femo_signal.synthetic.physiology import Physiology, draw_physiology
from femo_signal.synthetic.presses import Press, draw_presses
from femo_signal.synthetic.sensors import RecordingFormat, sensors_of
from femo_signal.synthetic.subjects import SubjectTraits
from femo_signal.synthetic.waveforms import Waveform

__all__ = ["DEFAULT_START", "RecordingPlan", "draw_plan"]

DEFAULT_START = datetime(2025, 1, 6, 21, 0, 0, 250_000, tzinfo=UTC)
# A clock that is off by less than this is what every crystal is.
_CLOCK_PPM_WORTH_TELLING = 500.0


_Part = TypeVar("_Part")


@dataclass(frozen=True)
class RecordingPlan:
    """What happens in a recording, and when.

    Times are seconds of the belt's own clock, that is samples / 1024; ``true_time`` tells what a
    watch would have shown.
    """

    traits: SubjectTraits
    format: RecordingFormat
    seed: int
    seconds: int
    start: datetime
    physiology: Physiology
    kicks: list[Movement]
    hiccup_pulses: list[list[float]]  # one list a bout
    body_movements: list[BodyMovement]
    small_movements: list[BodyMovement]
    artefacts: list[tuple[float, float, str]]  # clicks and rubbing
    nuisances: list[Nuisance]
    presses: list[Press]
    gaps: list[tuple[float, float]]  # lost packets (v2)
    waveforms: list[Waveform] = field(repr=False)
    steps: list[Step] = field(repr=False)
    faults: list[SampleFault] = field(repr=False)
    gains: list[GainChange] = field(repr=False)

    def true_time(self, seconds: float) -> float:
        """Return the true seconds since the start at a time of the belt's clock."""
        return seconds / (1 + self.traits.clock_ppm * 1e-6)

    @property
    def sensors_off(self) -> list[tuple[float, float, str]]:
        """Return when which sensor shows nothing: start, end, sensor."""
        return [
            (label.start, label.end, name)
            for label in self.nuisances
            if label.kind in OFF_KINDS
            for name in label.sensors
        ]

    def sees(self, kick: Movement) -> list[str]:
        """Return the sensors on which a movement stands out of the noise, in this recording."""
        if any(a < kick.end and kick.start < b for a, b in self.gaps):
            return []
        off = {name for a, b, name in self.sensors_off if a < kick.end and kick.start < b}
        present = [name for name in sensors_of(self.format) if name not in off]
        return seen_by(kick, self.traits, present)


def draw_plan(
    traits: SubjectTraits,
    *,
    seconds: int,
    seed: int,
    recording_format: RecordingFormat = "v1",
    start: datetime = DEFAULT_START,
    hiccups: bool = True,
    movements: bool = True,
) -> RecordingPlan:
    """Draw what happens in one recording, as the kind of its subject's cohort has it.

    Parameters
    ----------
    traits : SubjectTraits
        Their ``kind`` decides between lifelike and rich.
    seconds : int
        Length of the recording, whole seconds of the belt's clock.
    seed : int
        The same seed gives the same plan.
    recording_format : {"v1", "v2"}
        v2 recordings sometimes lose packets.
    start : datetime
        Aware.
    hiccups : bool
        Whether the fetus may hiccup (a rich one does, if there are four minutes).
    movements : bool
        Whether there is a fetus to be seen at all. If not, nuisances are all that happens.
    """
    body, small, disturbances = _draw_disturbances(traits, seconds, seed, recording_format)
    rng = np.random.default_rng([seed, 1])
    bouts = draw_bouts(traits, body, seconds, rng) if hiccups and movements else []
    start = start.astimezone(UTC)
    kicks = []
    if movements:
        kicks = draw_movements(
            traits, seconds=seconds, start=start, recording_format=recording_format,
            body_movements=body, bouts=bouts, rng=rng,
        )  # fmt: skip
    waveforms = [wave for kick in kicks for wave in movement_waveforms(kick, traits, rng)]
    for pulses in bouts:
        waveforms += hiccup_waveforms(pulses, traits, recording_format, rng)
    waveforms += _joined([one.waveforms for one in disturbances])
    gaps = _draw_gaps(traits, seconds, rng) if recording_format == "v2" else []
    return RecordingPlan(
        traits=traits,
        format=recording_format,
        seed=seed,
        seconds=seconds,
        start=start,
        physiology=_physiology(traits, seed),
        kicks=kicks,
        hiccup_pulses=bouts,
        body_movements=body,
        small_movements=small,
        artefacts=_artefacts(disturbances),
        nuisances=_labels(traits, seconds, disturbances, small, gaps, recording_format),
        presses=draw_presses(traits, seconds, kicks, body, rng),
        gaps=gaps,
        waveforms=waveforms,
        steps=_joined([one.steps for one in disturbances]),
        faults=_joined([one.faults for one in disturbances]),
        gains=_joined([one.gains for one in disturbances]),
    )


def _joined(lists: Sequence[Sequence[_Part]]) -> list[_Part]:
    return [part for parts in lists for part in parts]


def _artefacts(disturbances: Sequence[Disturbance]) -> list[tuple[float, float, str]]:
    labels = [disturbance.label for disturbance in disturbances]
    return [
        (label.start, label.end, label.kind)
        for label in labels
        if label.kind in ("click", "rubbing")
    ]


def _physiology(traits: SubjectTraits, seed: int) -> Physiology:
    return draw_physiology(traits.breathing_hz, traits.heart_hz, np.random.default_rng([seed, 4]))


def _draw_disturbances(
    traits: SubjectTraits, seconds: int, seed: int, recording_format: RecordingFormat
) -> tuple[list[BodyMovement], list[BodyMovement], list[Disturbance]]:
    """Draw what is not the fetus: her movements, large and small, and the nuisances."""
    rng = np.random.default_rng([seed, 5])
    scene = Scene(traits, _physiology(traits, seed), seconds, recording_format)
    body = draw_body_movements(traits, seconds, rng)
    small = draw_small_movements(traits, seconds, rng)
    disturbances = draw_clicks_and_rubbing(scene, rng)
    if traits.kind == "lifelike":
        disturbances += draw_nuisances(scene, rng)
    body += [move for one in disturbances for move in one.body_movements]
    small += [move for one in disturbances for move in one.small_movements]
    return (
        sorted(body, key=lambda move: move.start),
        sorted(small, key=lambda move: move.start),
        disturbances,
    )


def _labels(
    traits: SubjectTraits,
    seconds: int,
    disturbances: Iterable[Disturbance],
    small: Iterable[BodyMovement],
    gaps: Iterable[tuple[float, float]],
    recording_format: RecordingFormat,
) -> list[Nuisance]:
    """Return the label of everything that is neither fetal nor a large movement, in order."""
    present = sensors_of(recording_format)
    labels = [disturbance.label for disturbance in disturbances]
    for move in small:
        shaken = tuple(name for name in move.sensors if name in present)
        if shaken:
            labels.append(Nuisance(move.start, move.end, "small_movement", shaken))
    labels += [Nuisance(start, end, "lost_packets", present) for start, end in gaps]
    if abs(traits.clock_ppm) >= _CLOCK_PPM_WORTH_TELLING:
        labels.append(Nuisance(0.0, float(seconds), "clock_drift", present))
    return sorted(labels, key=lambda label: (label.start, label.kind))


def _draw_gaps(
    traits: SubjectTraits, seconds: int, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Now and then packets are lost; a gap starts and ends between two packets."""
    packets = seconds * 16
    lost: list[tuple[int, int]] = []
    if traits.kind == "lifelike":
        for first in rng.integers(16, packets - 16, rng.poisson(4 * seconds / 3600)):
            lost.append((int(first), int(first) + int(rng.integers(1, 4))))
    if packets >= 3200 and rng.random() < 0.4:
        first = int(rng.integers(packets // 8, packets * 7 // 8))
        lost.append((first, first + int(rng.integers(2, 160))))
    gaps: list[tuple[int, int]] = []
    for first, end in sorted(lost):
        if gaps and first <= gaps[-1][1]:
            gaps[-1] = (gaps[-1][0], max(end, gaps[-1][1]))
        else:
            gaps.append((first, end))
    return [(first / 16, end / 16) for first, end in gaps]
