"""Takes samples and buttons out of MATLAB's values, and mends what is no number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ConversionError
from femo_signal.formats.chunk import LONGEST_RECORDING_SECONDS
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["button_of", "matrix_of", "shape_words"]

MOST_NUMBERS = (
    8 * LONGEST_RECORDING_SECONDS * TICKS_PER_SECOND
)  # that a sparse matrix may unfold to


def malformed(where: str, value: Any, wanted: str) -> ConversionError:
    found = "nothing"
    if isinstance(value, np.ndarray):
        kind = "struct" if value.dtype.names else "cell" if value.dtype == object else value.dtype
        found = f"{kind} of {shape_words(value.shape)}"
    return ConversionError(
        f"{where} is {found}, expected is {wanted}; give a session as the public set has it",
        code="malformed_layout",
    )


def shape_words(shape: tuple[int, ...]) -> str:
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
        raise malformed(where, value, wanted)
    return value


def matrix_of(value: Any, where: str, columns: int, notices: list[str]) -> NDArray[Any]:
    """Return samples in rows, with every value a number; shape (n, columns)."""
    matrix = _numbers(value, where, f"a matrix of N x {columns} numbers")
    if matrix.size and matrix.shape[1] != columns:
        raise malformed(where, matrix, f"a matrix of N x {columns} numbers")
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


def button_of(value: Any, where: str, notices: list[str]) -> NDArray[np.bool_]:
    """Return where the button is down; shape (n,)."""
    wanted = "a vector of numbers, not 0 where the button is down"
    matrix = _numbers(value, where, wanted)
    if matrix.size and 1 not in matrix.shape:
        raise malformed(where, matrix, wanted)
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
