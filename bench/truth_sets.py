"""The recordings of the table of truth: which sets there are, and how each recording is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.other_generator import Scene, make
from femo_signal.synthetic import draw_plan, draw_subject, ground_truth, write_recording

__all__ = ["TRAINING", "Cohort", "Drawn", "Other", "evaluation_sets"]

TRAINING_SEED, SEED = 101, 202
STILL_EVERY = 8  # of a lifelike set, so many recordings hold nuisances and no movement


@dataclass(frozen=True)
class Cohort:
    """A cohort to train on, as `femo synthesize` makes it."""

    kind: Literal["lifelike", "rich"]
    format: Literal["v1", "v2"]
    recordings: int
    minutes: int


TRAINING = (
    Cohort("lifelike", "v1", 12, 30),
    Cohort("lifelike", "v2", 8, 30),
    Cohort("rich", "v1", 8, 20),
    Cohort("rich", "v2", 4, 20),
)


@dataclass(frozen=True)
class Drawn:
    """One recording of our own generator, of a woman that no other recording has."""

    kind: Literal["lifelike", "rich"]
    format: Literal["v1", "v2"]
    number: int
    minutes: int

    def make(self, path: Path) -> None:
        """Write the recording and its truth."""
        woman = draw_subject(f"{self.format}-{self.number}", seed=SEED, kind=self.kind)
        lifelike = self.kind == "lifelike"
        plan = draw_plan(
            woman,
            seconds=60 * self.minutes,
            seed=100_003 * SEED + self.number,
            recording_format=self.format,
            hiccups=lifelike or self.number % 3 != 0,
            movements=not (lifelike and self.number % STILL_EVERY == STILL_EVERY - 1),
        )
        write_recording(path, plan)
        path.with_suffix(".truth.json").write_text(json.dumps(ground_truth(plan)))


@dataclass(frozen=True)
class Other:
    """One recording of the other generator."""

    scene: Scene

    def make(self, path: Path) -> None:
        make(path, self.scene)


def evaluation_sets() -> dict[str, list[Drawn | Other]]:
    """Return the recordings of each set, by its name."""
    return {
        "other generator, plain": _others(8, 0),
        "other generator, lifelike": _others(8, 100, minutes=30, lifelike=True, nuisances=True),
        "other generator, lifelike v2": _others(
            4, 200, minutes=30, lifelike=True, nuisances=True, format="v2"
        ),
        "lifelike v1": [Drawn("lifelike", "v1", number, 30) for number in range(12)],
        "lifelike v2": [Drawn("lifelike", "v2", number, 30) for number in range(12)],
        "rich v1": [Drawn("rich", "v1", number, 20) for number in range(3)],
        "rich v2": [Drawn("rich", "v2", number, 20) for number in range(3)],
        "sensors off 10-50 %": [Other(scene) for scene in _sensors_off()],
        "gain x 3 and x 1/3": [
            Other(Scene(400 + number, gain=gain))
            for number, gain in enumerate(((0.5, 1 / 3), (0.5, 3.0), (0.0, 1 / 3), (0.0, 3.0)))
        ],
        "close pairs": _others(4, 500, close_pairs=0.6),
        "uneven hiccups": _others(10, 600, hiccup_variation=0.4),
        "clicks at breath": _others(5, 700, breath_clicks=True),
        "nuisances alone": _others(
            4, 800, minutes=30, lifelike=True, nuisances=True, movements=False
        ),
    }


def _others(count: int, seed: int, **options: object) -> list[Drawn | Other]:
    return [Other(Scene(seed + number, **options)) for number in range(count)]


def _sensors_off() -> Iterator[Scene]:
    """Yield scenes with one or both large piezos, or the acoustic sensors, off for a part."""
    large, acoustic = ("sensor_3", "sensor_6"), ("sensor_4", "sensor_5")
    for number, (names, start, end) in enumerate(
        (
            (large[:1], 0.3, 0.6),
            (large, 0.4, 0.5),
            (acoustic[:1], 0.0, 0.5),
            (acoustic, 0.6, 0.9),
            (("sensor_3", "sensor_4"), 0.5, 0.95),
            (large, 0.1, 0.4),
        )
    ):
        yield Scene(300 + number, off=tuple((name, start, end) for name in names))
