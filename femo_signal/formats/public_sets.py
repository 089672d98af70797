"""Reads the MATLAB files of the two public data sets of belt recordings (docs/public_data.md).

First set, variable ``data_var``, a cell of four, 1024 Hz, volts: the samples and the button of one
data card, then those of the other. Second set, struct ``Subject_data``: four acoustic channels
(1024 Hz), an IMU (64 Hz, g) and one value a second that tells whether the button was down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ConversionError
from femo_signal.formats.chunk import LONGEST_RECORDING_SECONDS
from femo_signal.formats.matlab_elements import check_elements
from femo_signal.intervals import Intervals, clip, close_gaps, empty, from_mask, total
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Block", "Session", "read_session"]

FIRST_SET, SECOND_SET = "data_var", "Subject_data"
IMU_RATE_SECOND_SET = 64  # Hz
# Presses closer together than this are one, whose contact bounced.
BOUNCE_SECONDS = 0.6
# The last press of a session of the first set ends it and is held for about three seconds; a
# felt movement is marked by a press of a fraction of a second.
STOP_MARK_SECONDS = 1.5
# Parts of one session end within this time of each other; otherwise they are not of one session.
LARGEST_DIFFERENCE_SECONDS = 5.0
# The cards' clocks differ by about 20 ms. They are compared by presses that both cards saw: at
# least so many, which lie within the first of these times and agree within the second.
CLOCK_PRESSES = 3
CLOCK_REACH_SECONDS, CLOCK_TOLERANCE_SECONDS = 0.5, 0.010
CLOCK_AGREEMENT = 0.8  # share of the presses of the card that saw more
MOST_NUMBERS = (
    8 * LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND
)  # that a sparse matrix may unfold to


@dataclass(frozen=True)
class Block:
    """Columns of one card or sensor, on a time axis of their own."""

    values: NDArray[Any]  # (n, columns)
    first: int = 0  # row at the start of the recording; negative: the block starts later

    def rows(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return rows of the recording's axis; beyond its ends the block holds its last values.

        Returns
        -------
        ndarray of float64, shape (stop - start, columns)
        """
        wanted = np.arange(start, stop) + self.first
        inside = np.clip(wanted, 0, len(self.values) - 1)
        low, high = int(inside[0]), int(inside[-1]) + 1
        rows = np.asarray(self.values[low:high], dtype=np.float64)
        return rows if high - low == len(wanted) else rows[inside - low]

    def columns(self, first: int, stop: int) -> Block:
        """Return some of the columns, without copying them."""
        return Block(self.values[:, first:stop], self.first)


@dataclass(frozen=True)
class Session:
    """One session of a public data set, its parts on one time axis of 1024 Hz."""

    layout: str  # "data_var" or "Subject_data"
    ticks: int  # length
    piezo: Mapping[str, Block]  # V; one column each, for sensor_3 to sensor_6, by what it measured
    accelerometers: Mapping[str, Block]  # V; x y z each, for sensor_1 and sensor_2; may be empty
    force: Block | None  # V
    imu: Block  # (., 3) acceleration x y z
    imu_step: int  # ticks between its samples
    imu_unit: str  # "V" or "g"
    presses: Intervals  # ticks
    notices: tuple[str, ...]  # what was mended, left out or assumed, a sentence each


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
    layout, content = _load(path)
    try:
        return _first_set(content) if layout == FIRST_SET else _second_set(content)
    except ConversionError as error:
        raise ConversionError(f"{path.name}: {error}", code=error.code) from error


def _load(path: Path) -> tuple[str, Any]:
    """Return the name and the value of the variable that tells the layout."""
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import matfile_version

    name = str(path)
    try:
        with path.open("rb") as file:
            is_hdf5 = file.read(4) == b"\x89HDF"
        if is_hdf5 or matfile_version(name, appendmat=False)[0] == 2:
            raise ConversionError(
                f"{path.name} is a MATLAB file of version 7.3 (HDF5), which is not read here; "
                "load it in MATLAB or Octave and save it again with save(..., '-v7')",
                code="matlab_hdf5",
            )
        check_elements(path)
        held = {variable: (kind, shape) for variable, shape, kind in whosmat(name, appendmat=False)}
        layouts = [layout for layout in (FIRST_SET, SECOND_SET) if layout in held]
        if len(layouts) == 1:
            _check_container(path, layouts[0], *held[layouts[0]])
            variables = loadmat(name, appendmat=False, variable_names=layouts)
            return layouts[0], variables[layouts[0]]
    except (ConversionError, MemoryError):
        raise
    except Exception as error:
        # What the library raises on damaged bytes is of any kind, an unbound local included.
        if isinstance(error, OSError) and error.errno is not None:
            raise ConversionError(
                f"{path} cannot be read: {(error.strerror or 'unreadable').lower()}; give the "
                "path of a .mat file",
                code="source_unreadable",
            ) from error
        raise ConversionError(
            f"{path.name} is not a MATLAB file, or is damaged ({error}); download it again",
            code="not_matlab",
        ) from error
    raise ConversionError(
        f"{path.name} is of neither public data set: it holds "
        f"{', '.join(list(held)[:6]) or 'nothing'}, expected is one of the variables {FIRST_SET} "
        f"and {SECOND_SET}; give a session of one of the sets",
        code="unknown_layout",
    )


def _check_container(path: Path, layout: str, kind: str, shape: tuple[int, ...]) -> None:
    """Refuse another kind of variable before it is read: its shape says how much there is to do."""
    wanted = {FIRST_SET: ("cell", 4, "1 x 4"), SECOND_SET: ("struct", 1, "1 x 1")}
    expected, size, words = wanted[layout]
    if kind != expected or math.prod(shape) != size:
        raise ConversionError(
            f"{path.name}: {layout} is {kind} of {_times(shape)}, expected is a {expected} of "
            f"{words}; give a session as the public set has it",
            code="malformed_layout",
        )


def _first_set(cells: Any) -> Session:
    notices: list[str] = []
    parts = cells.ravel()
    names = [f"{FIRST_SET}{{1,{number}}}" for number in range(1, 5)]
    first = _matrix(parts[0], names[0], 7, notices)
    second = _matrix(parts[2], names[2], 7, notices)
    buttons = [_button(parts[at], names[at], notices) for at in (1, 3)]
    lengths = [len(first), len(buttons[0]), len(second), len(buttons[1])]
    _check_lengths(dict(zip(names, (n / TICKS_PER_SECOND for n in lengths), strict=True)))
    presses = [_debounced(button) for button in buttons]
    lag = _clock_difference(presses[0], presses[1], notices)
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
        presses=_without_stop_mark(_chosen(presses, lag, notices), ticks, notices),
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
    acoustic = _matrix(subject["Acoustic"], names[0], 4, notices)
    imu = _matrix(subject["IMU"], names[1], 3, notices)
    button = _button(subject["Event"], names[2], notices)
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


def _malformed(where: str, value: Any, wanted: str) -> ConversionError:
    found = "nothing"
    if isinstance(value, np.ndarray):
        kind = "struct" if value.dtype.names else "cell" if value.dtype == object else value.dtype
        found = f"{kind} of {_times(value.shape)}"
    return ConversionError(
        f"{where} is {found}, expected is {wanted}; give a session as the public set has it",
        code="malformed_layout",
    )


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _numbers(value: Any, where: str, wanted: str) -> NDArray[Any]:
    """Return a real matrix, dense."""
    from scipy.sparse import issparse

    is_sparse = bool(issparse(value))
    if is_sparse and int(np.prod(value.shape, dtype=float)) <= MOST_NUMBERS:
        try:
            value.check_format(full_check=True)  # unfolding would follow any index
        except ValueError as error:
            raise ConversionError(
                f"{where} is damaged ({error}); download it again", code="not_matlab"
            ) from error
        value = value.toarray()
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "buif":
        raise _malformed(where, value, wanted)
    return value


def _matrix(value: Any, where: str, columns: int, notices: list[str]) -> NDArray[Any]:
    """Return samples in rows, with every value a number; shape (n, columns)."""
    matrix = _numbers(value, where, f"a matrix of N x {columns} numbers")
    if matrix.size and matrix.shape[1] != columns:
        raise _malformed(where, matrix, f"a matrix of N x {columns} numbers")
    _check_some(len(matrix) if matrix.size else 0, where)
    if matrix.dtype.kind != "f":
        return matrix
    if not matrix.flags.writeable:
        matrix = matrix.copy(order="F")
    mended = [_mend(matrix[:, column]) for column in range(columns)]
    if all(count == len(matrix) for count in mended):
        raise ConversionError(
            f"{where} holds no number in its {len(matrix)} rows; download the file again",
            code="empty_recording",
        )
    for column, count in enumerate(mended):
        if count:
            place = f"{where}(:,{column + 1})"
            notices.append(
                f"{place} holds no number at all and was written as a constant"
                if count == len(matrix)
                else f"{count} values of {place} are no numbers and were replaced by the last one "
                "before them"
            )
    return matrix


def _mend(column: NDArray[Any]) -> int:
    """Hold the last number where there is none, in place; return how many were replaced."""
    bad = ~np.isfinite(column)
    count = int(bad.sum())
    if count == len(column):
        column[:] = 0
    elif count:
        good = np.flatnonzero(~bad)
        places = np.flatnonzero(bad)
        before = np.maximum(np.searchsorted(good, places) - 1, 0)
        column[places] = column[good[before]]
    return count


def _button(value: Any, where: str, notices: list[str]) -> NDArray[np.bool_]:
    """Return where the button is down; shape (n,)."""
    wanted = "a vector of numbers, not 0 where the button is down"
    matrix = _numbers(value, where, wanted)
    if matrix.size and 1 not in matrix.shape:
        raise _malformed(where, matrix, wanted)
    _check_some(matrix.size, where)
    vector = matrix.ravel()
    unknown = np.isnan(vector) if vector.dtype.kind == "f" else np.zeros(len(vector), bool)
    if unknown.any():
        notices.append(
            f"{int(unknown.sum())} values of {where} are no numbers: the button counts as up there"
        )
    down: NDArray[np.bool_] = (vector != 0) & ~unknown
    if down.mean() > 0.5:
        raise ConversionError(
            f"{where} is not 0 for {100 * down.mean():.0f} % of its samples: nobody presses a "
            "button that long; 0 must mean that the button is up",
            code="malformed_layout",
        )
    return down


def _check_some(rows: int, where: str) -> None:
    if not rows:
        raise ConversionError(f"{where} is empty; download the file again", code="empty_recording")
    if rows > LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND:
        raise ConversionError(
            f"{where} is longer than {LONGEST_RECORDING_SECONDS // 3600} hours; split it",
            code="recording_too_long",
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


def _debounced(button: NDArray[np.bool_]) -> Intervals:
    # A gap of whole ticks is shorter than the limit if it is at most the ticks before it.
    return close_gaps(from_mask(button), int(np.ceil(BOUNCE_SECONDS * TICKS_PER_SECOND)))


def _clock_difference(first: Intervals, second: Intervals, notices: list[str]) -> int:
    """Return by how many ticks the second card's presses come later; 0 where that is not sure."""
    lag = _common_lag(first[:, 0], second[:, 0])
    milliseconds = 1000 * abs(lag or 0) / TICKS_PER_SECOND
    if lag is None:
        notices.append(
            "the clocks of the two data cards could not be compared (too few presses agree): the "
            "right acoustic sensor and the accelerometers may be off by some 20 ms"
        )
    elif lag:
        notices.append(
            f"the second data card's presses come {milliseconds:.0f} ms "
            f"{'later' if lag > 0 else 'earlier'} than the first one's: its channels (acoustic "
            "right, accelerometers) were moved by as much"
        )
    return lag or 0


def _common_lag(first: NDArray[np.int64], second: NDArray[np.int64]) -> int | None:
    """Return the lag on which most presses agree, in ticks, if they do."""
    if min(len(first), len(second)) < CLOCK_PRESSES:
        return None
    after = np.clip(np.searchsorted(second, first), 1, len(second) - 1)
    lags = second[np.stack((after - 1, after))] - first
    lags = np.take_along_axis(lags, np.abs(lags).argmin(axis=0)[None], axis=0)[0]
    lags = lags[np.abs(lags) <= CLOCK_REACH_SECONDS * TICKS_PER_SECOND]
    if not len(lags):
        return None
    near = np.abs(lags - np.median(lags)) <= CLOCK_TOLERANCE_SECONDS * TICKS_PER_SECOND
    wanted = max(CLOCK_PRESSES, CLOCK_AGREEMENT * max(len(first), len(second)))
    return round(float(np.median(lags[near]))) if near.sum() >= wanted else None


def _chosen(presses: list[Intervals], lag: int, notices: list[str]) -> Intervals:
    """Return the first card's presses, the second one's where the first saw none."""
    first, second = presses
    if len(first) != len(second):
        notices.append(
            f"the first data card saw {len(first)} presses, the second {len(second)}: those of "
            f"the {'first' if len(first) else 'second'} were taken"
        )
    return first if len(first) else second - lag


def _without_stop_mark(presses: Intervals, ticks: int, notices: list[str]) -> Intervals:
    """Leave out the press that ends a session, and tell."""
    presses = clip(presses, 0, ticks)
    if not len(presses):
        notices.append("nobody pressed the button: the session holds no label")
        return empty()
    last = presses[-1:]
    seconds = total(last) / TICKS_PER_SECOND
    when = f"the last press ({last[0, 0] / TICKS_PER_SECOND:.1f} s, {seconds:.1f} s long)"
    if seconds < STOP_MARK_SECONDS and last[0, 1] < ticks:
        notices.append(f"{when} is too short for a stop mark and was kept")
        return presses
    notices.append(f"{when} is the session's stop mark and was left out")
    return presses[:-1]
