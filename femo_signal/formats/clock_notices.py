"""Tells what a belt's clock did to the times of its samples."""

from __future__ import annotations

from femo_signal.notices import Notice, NoticeCode
from femo_signal.recording import Clock
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["clock_notices"]

HEADER_TOLERANCE = 0.005  # 50 times what a poor crystal is off by


def clock_notices(clock: Clock, header_rate: int) -> list[Notice]:
    """Tell where samples were moved because the time stamps said so, or where stamps are none.

    Parameters
    ----------
    clock : Clock
    header_rate : int
        Hz: what the file's header names.
    """
    if clock.unusable:
        return [
            Notice(
                NoticeCode.CLOCK_UNUSABLE,
                "the time stamps do not go on with the samples: times count the samples, "
                f"{TICKS_PER_SECOND} a second",
            )
        ]
    notices: list[Notice] = []
    if clock.sample_rate is not None and header_rate != TICKS_PER_SECOND:
        notices += _header_notices(clock.sample_rate, header_rate)
    if not clock.moved_seconds or clock.sample_rate is None:
        return notices
    return [
        *notices,
        Notice(
            NoticeCode.CLOCK_RATE,
            f"the time stamps tell of {clock.sample_rate:.2f} samples a second where "
            f"{TICKS_PER_SECOND} were expected: times follow the stamps, which moves samples by "
            f"up to {clock.moved_seconds:.2f} s",
        ),
    ]


def _header_notices(rate: float, header_rate: int) -> list[Notice]:
    """Tell where a header names another rate than the time stamps.

    A header that names 1024 Hz names what is expected, which `clock_notices` compares already.
    """
    if abs(rate / header_rate - 1) <= HEADER_TOLERANCE:
        return []
    return [
        Notice(
            NoticeCode.CLOCK_RATE,
            f"the header names {header_rate} samples a second, the time stamps tell of "
            f"{rate:.2f}: times follow the stamps",
        )
    ]
