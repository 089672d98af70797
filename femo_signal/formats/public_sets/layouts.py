"""Brings either layout of a public set's session onto one time axis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from femo_signal.errors import ConversionError
from femo_signal.formats.public_sets.loading import FIRST_SET, SECOND_SET, load_layout
from femo_signal.formats.public_sets.presses import (
    chosen,
    clock_difference,
    debounced,
    without_stop_mark,
)
from femo_signal.formats.public_sets.session import Block, Session
from femo_signal.formats.public_sets.values import button_of, matrix_of
from femo_signal.intervals import clip, from_mask
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["read_session"]

IMU_RATE_SECOND_SET = 64  # Hz
# Parts of one session end within this time of each other; otherwise they are not of one session.
LARGEST_DIFFERENCE_SECONDS = 5.0


def read_session(path: Path) -> Session:
    """Read a session of either set; its content tells which.

    Values that are not numbers are replaced by the last number before them (by the first one at
    the start), so that a sensor without values is constant and judged off.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ConversionError
        If the file is not a MATLAB file that can be read, or of neither layout.
    """
    layout, content = load_layout(path)
    try:
        return _first_set(content) if layout == FIRST_SET else _second_set(content)
    except ConversionError as error:
        raise ConversionError(f"{path.name}: {error}", code=error.code) from error


def _first_set(cells: Any) -> Session:
    notices: list[str] = []
    parts = cells.ravel()
    names = [f"{FIRST_SET}{{1,{number}}}" for number in range(1, 5)]
    first = matrix_of(parts[0], names[0], 7, notices)
    second = matrix_of(parts[2], names[2], 7, notices)
    buttons = [button_of(parts[at], names[at], notices) for at in (1, 3)]
    lengths = [len(first), len(buttons[0]), len(second), len(buttons[1])]
    _check_lengths(dict(zip(names, (n / TICKS_PER_SECOND for n in lengths), strict=True)))
    presses = [debounced(button) for button in buttons]
    lag = clock_difference(presses[0], presses[1], notices)
    ticks = _common_length(dict(zip(names, lengths, strict=True)), lag, notices)
    card, other = Block(first), Block(second, lag)
    return Session(
        layout=FIRST_SET,
        ticks=ticks,
        piezo={
            "piezo left": card.columns(1, 2),
            "acoustic left": card.columns(3, 4),
            "acoustic right": other.columns(0, 1),
            "piezo right": card.columns(2, 3),
        },
        accelerometers={
            "accelerometer left": other.columns(4, 7),
            "accelerometer right": other.columns(1, 4),
        },
        force=card.columns(0, 1),
        imu=card.columns(4, 7),
        imu_step=1,
        imu_unit="V",
        presses=without_stop_mark(chosen(presses, lag, notices), ticks, notices),
        notices=tuple(notices),
    )


def _second_set(value: Any) -> Session:
    notices: list[str] = []
    fields = ("Acoustic", "IMU", "Event")
    present = value.dtype.names or ()
    missing = [name for name in fields if name not in present]
    if missing:
        raise ConversionError(
            f"{SECOND_SET} lacks the field {missing[0]} (it has "
            f"{', '.join(present) or 'none'}); give a session of the second public set",
            code="malformed_layout",
        )
    subject = value.ravel()[0]
    names = [f"{SECOND_SET}.{name}" for name in fields]
    acoustic = matrix_of(subject["Acoustic"], names[0], 4, notices)
    imu = matrix_of(subject["IMU"], names[1], 3, notices)
    button = button_of(subject["Event"], names[2], notices)
    step = TICKS_PER_SECOND // IMU_RATE_SECOND_SET
    lengths = (len(acoustic), len(imu) * step, len(button) * TICKS_PER_SECOND)
    _check_lengths(dict(zip(names, (n / TICKS_PER_SECOND for n in lengths), strict=True)))
    ticks = _common_length(dict(zip(names, lengths, strict=True)), 0, notices)
    # A value of one second holds for the whole of it, as a packet's button bit does in v2.
    presses = clip(from_mask(button) * TICKS_PER_SECOND, 0, ticks)
    if len(presses):
        notices.append(
            f"{len(presses)} presses are known to the second only: each is down for the whole of "
            "its second, and neighbouring seconds are one press"
        )
    sensors = Block(acoustic)
    return Session(
        layout=SECOND_SET,
        ticks=ticks,
        piezo={f"acoustic {n + 1}": sensors.columns(n, n + 1) for n in range(4)},
        accelerometers={},
        force=None,
        imu=Block(imu),
        imu_step=step,
        imu_unit="g",
        presses=presses,
        notices=tuple(notices),
    )


def _check_lengths(seconds: Mapping[str, float]) -> None:
    """Refuse parts that cannot be of one session."""
    shortest, longest = min(seconds.values()), max(seconds.values())
    if longest - shortest > LARGEST_DIFFERENCE_SECONDS:
        told = ", ".join(f"{name} {length:.1f} s" for name, length in seconds.items())
        raise ConversionError(
            f"the parts differ by {longest - shortest:.1f} s in length ({told}), where "
            f"{LARGEST_DIFFERENCE_SECONDS:g} s are the most; they are not of one session or not "
            "at the rates of this set",
            code="malformed_layout",
        )


def _common_length(ticks: Mapping[str, int], lag: int, notices: list[str]) -> int:
    """Return the length of what all parts cover; those of the second card start ``lag`` later."""
    if len(set(ticks.values())) > 1:
        told = ", ".join(
            f"{name} {length / TICKS_PER_SECOND:.3f} s" for name, length in ticks.items()
        )
        notices.append(f"the parts differ in length and were cut to the shortest: {told}")
    second_card = list(ticks.values())[2:] if lag else []
    return max(min(*ticks.values(), *(length - lag for length in second_card)), 1)
