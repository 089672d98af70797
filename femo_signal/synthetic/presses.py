"""The button: mothers press late, for fewer than half of the movements, and for none as well.

Sources of the numbers: a median of 45 % of the movements on a scan are felt, 30 % of the presses
have none on the scan, a quarter of the presses come within 3 s of another: figures quoted in
docs/method.md.
"""

from __future__ import annotations

import numpy as np

from femo_signal.synthetic.maternal import BodyMovement, poisson_times
from femo_signal.synthetic.movements import Movement
from femo_signal.synthetic.subjects import SubjectTraits

__all__ = ["Press", "draw_presses"]

Press = tuple[float, float, str]  # start s, end s, why

# Of every hundred presses that follow a movement, so many have none: 30 % of all presses.
_FALSE_TO_TRUE = 0.43
# Chance of a second press right after one, so that with bursts a quarter comes in pairs.
_PRESSED_AGAIN = 0.11
_FALSE_AT_BODY_MOVEMENT = 0.3


def draw_presses(
    traits: SubjectTraits,
    seconds: int,
    movements: list[Movement],
    body_movements: list[BodyMovement],
    rng: np.random.Generator,
) -> list[Press]:
    """Draw presses, in order; the third value is what moved her to press.

    ``kick``: a fetal movement before; ``repeat``: the same one again; ``movement``: her own;
    ``false``: nothing.
    """
    times = [(time, "kick") for time in _felt(traits, movements, rng)]
    if traits.kind == "rich":
        times += _rich_false(traits, seconds, body_movements, rng)
    else:
        times += _lifelike_false(traits, seconds, len(times), body_movements, rng)
        times += [
            (time + float(rng.uniform(0.8, 2.5)), "repeat")
            for time, kind in times
            if kind == "kick" and rng.random() < _PRESSED_AGAIN
        ]
    presses: list[Press] = []
    for time, kind in sorted(times):
        end = time + float(rng.uniform(0.1, 0.6))
        if time > 0.5 and end < seconds - 0.5 and (not presses or time > presses[-1][1] + 0.3):
            presses.append((time, end, kind))
    return presses


def _felt(
    traits: SubjectTraits, movements: list[Movement], rng: np.random.Generator
) -> list[float]:
    times = []
    for movement in movements:
        if traits.kind == "rich":
            chance = traits.felt_share * np.sqrt(np.clip(movement.row[2] / 0.05, 0.02, 1.0))
        else:
            # What she feels is not what the belt sees; weak ones she feels less.
            chance = traits.felt_share * (0.5 if movement.weak else 1.04)
        if rng.random() < chance:
            late = rng.random() < 0.08
            delay = rng.uniform(2.5, 4.5) if late else rng.uniform(0.5, 2.0)
            times.append(movement.start + float(delay))
    return times


def _rich_false(
    traits: SubjectTraits,
    seconds: int,
    body_movements: list[BodyMovement],
    rng: np.random.Generator,
) -> list[tuple[float, str]]:
    false = poisson_times(traits.false_presses_per_hour, seconds, rng)
    return [(time, "false") for time in false] + [
        (move.start + float(rng.uniform(-0.5, 2.0)), "movement")
        for move in body_movements
        if rng.random() < 0.35
    ]


def _lifelike_false(
    traits: SubjectTraits,
    seconds: int,
    felt: int,
    body_movements: list[BodyMovement],
    rng: np.random.Generator,
) -> list[tuple[float, str]]:
    wanted = _FALSE_TO_TRUE * (1 + _PRESSED_AGAIN) * felt
    if not felt:
        wanted = traits.false_presses_per_hour * seconds / 3600
    times: list[tuple[float, str]] = []
    for time in rng.uniform(0, seconds, rng.poisson(wanted)):
        if body_movements and rng.random() < _FALSE_AT_BODY_MOVEMENT:
            move = body_movements[int(rng.integers(len(body_movements)))]
            times.append((move.start + float(rng.uniform(-0.5, 2.0)), "movement"))
        else:
            times.append((float(time), "false"))
    return times
