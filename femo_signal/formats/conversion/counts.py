"""Turns the values of a session into counts, and tells what became of those out of range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.formats.conversion.results import START, ChannelScale
from femo_signal.formats.public_sets import Block, Session
from femo_signal.formats.v1_writer import Stretch
from femo_signal.intervals import clip, to_mask
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["FORCE_STEP", "STRETCH_TICKS", "SessionCounts"]

GRAVITY = 9.81  # m/s2
IMU_STEP_FIRST_SET = 8  # ticks: 128 Hz, as the belt's own
FORCE_STEP = 16  # ticks: 64 Hz, as the belt's own
STRETCH_TICKS = 60 * TICKS_PER_SECOND
HIGHEST_COUNT, LARGEST_IMU = 65535, 32767
RANGE_VOLTS = HIGHEST_COUNT * VOLTS_PER_COUNT
# Where a channel exceeds the range, so many of its samples, at either end, may be clipped rather
# than shrink all others.
OUTLIER_SHARE = 1e-5
IDENTITY = (10000, 0, 0, 0)  # quaternion r i j k: no angle is known, and a constant one is not live
QUATERNION_AND_MAGNETOMETER = 7  # columns of an IMU block before the acceleration
STILL_WINDOW_TICKS = TICKS_PER_SECOND
# A mean vector shorter than so many times the spread in still time is noise, not gravity.
GRAVITY_OVER_SPREAD = 3.0
PLAUSIBLE_G = (0.5, 2.0)


class SessionCounts:
    """The counts of a session, stretch by stretch, and what became of values out of range."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.imu_step = IMU_STEP_FIRST_SET if session.imu_step == 1 else session.imu_step
        self._imu_factor, self._imu_notice = _acceleration_scale(session)
        self._imu_clipped = 0
        sensors = dict(
            zip(("sensor_3", "sensor_4", "sensor_5", "sensor_6"), session.piezo, strict=True)
        )
        sensors |= dict(zip(("sensor_1", "sensor_2"), session.accelerometers, strict=False))
        self._channels = {
            sensor: _ScaledBlock({**session.piezo, **session.accelerometers}[source], source)
            for sensor, source in sensors.items()
        }
        self._force = None if session.force is None else _ScaledBlock(session.force, "force")

    def stretch(self, start: int, stop: int) -> Stretch:
        """Return the counts of the ticks from ``start`` to ``stop``."""
        counts = {sensor: block.counts(start, stop) for sensor, block in self._channels.items()}
        piezo = np.hstack([counts[f"sensor_{number}"] for number in (3, 4, 5, 6)])
        accelerometer = None
        if self._session.accelerometers:
            accelerometer = np.hstack((counts["sensor_1"], counts["sensor_2"]))
        force = None
        if self._force is not None:
            force = self._force.counts(start, stop, step=FORCE_STEP)[:, 0]
        presses = clip(self._session.presses - start, 0, stop - start)
        return Stretch(
            piezo=piezo,
            accelerometer=accelerometer,
            imu=self._imu(start, stop),
            force=force,
            pressed=to_mask(presses, stop - start),
        )

    def scales(self) -> tuple[ChannelScale, ...]:
        """Tell how each sensor's values became counts; complete after the last stretch."""
        return tuple(self._channels[name].scale(name) for name in sorted(self._channels))

    def notices(self) -> tuple[str, ...]:
        """Tell what changed the values; complete after the last stretch."""
        notices = [self._imu_notice] if self._imu_notice else []
        for scale in self.scales():
            what = f"{scale.sensor} ({scale.source})"
            if scale.factor != 1:
                notices.append(f"{what} exceeds 3.3 V and was scaled by {scale.factor:.4g}")
            if scale.offset_volts:
                notices.append(
                    f"{what} is not within 0 to 3.3 V and was moved by {scale.offset_volts:+.3f} V"
                )
            if scale.clipped_samples:
                notices.append(f"{scale.clipped_samples} samples of {what} were clipped")
        if self._imu_clipped:
            notices.append(f"{self._imu_clipped} values of the IMU were clipped")
        notices.append(
            f"the set does not tell when it was recorded: {START:%Y-%m-%d %H:%M} UTC stands for it"
        )
        return tuple(notices)

    def _imu(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the IMU blocks of a stretch; shape (ceil((stop - start) / imu_step), 10)."""
        block, own = self._session.imu, self._session.imu_step
        count = -(-(stop - start) // self.imu_step)
        if own == 1:
            axes = _averaged(block, start, count, self.imu_step)
        else:
            axes = block.rows(start // own, start // own + count)
        values = np.rint(axes * (1000 * self._imu_factor))
        self._imu_clipped += int((np.abs(values) > LARGEST_IMU).sum())
        blocks = np.zeros((count, 10), dtype=np.int16)
        blocks[:, :4] = IDENTITY
        blocks[:, QUATERNION_AND_MAGNETOMETER:] = np.clip(values, -LARGEST_IMU, LARGEST_IMU)
        return blocks


class _ScaledBlock:
    """A channel with the scale that brings its values into the range of the counts."""

    def __init__(self, block: Block, source: str) -> None:
        self._block, self._source = block, source
        self._factor, self._offset = _range_scale(block.values)
        self._clipped = 0

    def counts(self, start: int, stop: int, *, step: int = 1) -> NDArray[np.uint16]:
        """Return the counts of some ticks, averaged over ``step`` ticks each."""
        if step == 1:
            values = self._block.rows(start, stop)
        else:
            values = _averaged(self._block, start, -(-(stop - start) // step), step)
        values = np.rint((values * self._factor + self._offset) / VOLTS_PER_COUNT)
        self._clipped += int(((values < 0) | (values > HIGHEST_COUNT)).any(axis=1).sum())
        return np.clip(values, 0, HIGHEST_COUNT).astype(np.uint16)

    def scale(self, sensor: str) -> ChannelScale:
        """Tell what was done to the values."""
        return ChannelScale(sensor, self._source, self._factor, self._offset, self._clipped)


def _range_scale(values: NDArray[Any]) -> tuple[float, float]:
    """Return factor and offset, V, that bring a channel, whose axes stay together, into 0..3.3 V.

    Parameters
    ----------
    values : ndarray, shape (n, axes)
        V.
    """
    low, high = float(values.min()), float(values.max())
    margin = VOLTS_PER_COUNT / 2
    if low >= -margin and high <= RANGE_VOLTS + margin:
        return 1.0, 0.0
    if high - low > RANGE_VOLTS:
        outliers = int(OUTLIER_SHARE * len(values))
        edges = [_trimmed_range(values[:, axis], outliers) for axis in range(values.shape[1])]
        low, high = min(edge[0] for edge in edges), max(edge[1] for edge in edges)
    factor = min(1.0, RANGE_VOLTS / (high - low)) if high > low else 1.0
    return factor, RANGE_VOLTS / 2 - factor * (low + high) / 2


def _trimmed_range(column: NDArray[Any], outliers: int) -> tuple[float, float]:
    """Return lowest and highest value but for so many at either end."""
    ordered = np.partition(column, (outliers, len(column) - 1 - outliers))
    return float(ordered[outliers]), float(ordered[len(column) - 1 - outliers])


def _averaged(block: Block, start: int, count: int, step: int) -> NDArray[np.float64]:
    """Return means of ``step`` rows around each ``step``-th one; shape (count, columns)."""
    first = start - step // 2
    rows = block.rows(first, first + count * step)
    means: NDArray[np.float64] = rows.reshape(count, step, rows.shape[1]).mean(axis=1)
    return means


def _acceleration_scale(session: Session) -> tuple[float, str | None]:
    """Return the m/s2 of one unit of the IMU, and what has to be told of it."""
    lengths, spreads = map(np.concatenate, zip(*_windows(session), strict=True))
    still = spreads <= np.median(spreads)
    length, spread = float(np.median(lengths[still])), float(np.median(spreads[still]))
    if session.imu_unit == "g":
        odd = not PLAUSIBLE_G[0] <= length <= PLAUSIBLE_G[1]
        told = (
            f"the IMU reads {length:.3g} g at rest, where gravity is 1 g: its unit may be another"
        )
        return GRAVITY, told if odd else None
    if length <= GRAVITY_OVER_SPREAD * spread:
        return GRAVITY, (
            "the IMU's axes show no gravity: 1 V was taken as 1 g, so only changes mean something"
        )
    return GRAVITY / length, (
        f"the IMU is stored in volts: {length:.3g} V, its length at rest, was taken as gravity"
    )


def _windows(session: Session) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield, of each second, the length of the IMU's mean vector and the spread around it."""
    own = session.imu_step
    width = STILL_WINDOW_TICKS // own
    for start in range(0, session.ticks, STRETCH_TICKS):
        count = -(-min(STRETCH_TICKS, session.ticks - start) // STILL_WINDOW_TICKS)
        rows = session.imu.rows(start // own, start // own + count * width)
        windows = rows.reshape(count, width, 3)
        lengths = np.linalg.norm(windows.mean(axis=1), axis=1)
        yield lengths, np.sqrt(windows.var(axis=1).sum(axis=1))
