"""Keeps the counts of a recording while it is read, and turns them into signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats import Chunk, Reader
from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.formats.raw.recording import IMU_COLUMNS, RawRecording, RawSignal
from femo_signal.recording import RecordingInfo
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["SignalStore"]

_UNITS = {"quaternion": 1 / 10_000, "acceleration": 1 / 1000}  # per count
_ACCELERATION = slice(7, 10)
_IMU = {"imu": list(range(len(IMU_COLUMNS)))}


class SignalStore:
    """Keeps the counts that are asked for, chunk by chunk, then turns them into signals."""

    def __init__(
        self,
        reader: Reader,
        sensors: Sequence[str] | None,
        window: tuple[int, int],
        most_bytes: int,
    ) -> None:
        header = reader.header
        known = (*header.accelerometer_names, *header.piezo_names)
        wanted = known if sensors is None else tuple(sensors)
        if missing := [name for name in wanted if name not in known]:
            raise ValueError(
                f"sensors: a {header.format} recording has no {', '.join(missing)}; "
                f"it has {', '.join(sorted(known))}"
            )
        self._piezo = {n: [i] for i, n in enumerate(header.piezo_names) if n in wanted}
        self._axes = {
            n: [3 * i, 3 * i + 1, 3 * i + 2]
            for i, n in enumerate(header.accelerometer_names)
            if n in wanted
        }
        self._window, self._most_bytes = window, most_bytes
        self._bytes = 0
        self._parts: dict[str, list[tuple[NDArray[np.int64], NDArray[Any]]]] = {}

    def push(self, chunk: Chunk) -> None:
        """Keep what lies in the window of a chunk."""
        every = np.arange(chunk.start_tick, chunk.start_tick + chunk.length)
        for columns, ticks, counts in (
            (self._piezo, chunk.piezo_ticks, chunk.piezo),
            (self._axes, chunk.accelerometer_ticks, chunk.accelerometer),
            (_IMU, chunk.imu_ticks, chunk.imu),
        ):
            self._keep(columns, every if ticks is None else ticks, counts)

    def _keep(
        self, columns: Mapping[str, list[int]], ticks: NDArray[np.int64], counts: NDArray[Any]
    ) -> None:
        first, past = np.searchsorted(ticks, self._window)
        if not len(counts) or first == past or not columns:
            return
        at = ticks[first:past].copy()
        kept = {name: counts[first:past, chosen] for name, chosen in columns.items()}
        # Of two bytes a count until the end, of four then, as signals.
        self._bytes += at.nbytes + sum(3 * part.nbytes for part in kept.values())
        if self._bytes > self._most_bytes:
            raise RecordingError(
                f"the signals asked for take more than {self._most_bytes / 1e6:.0f} MB of memory; "
                "give start_seconds and end_seconds, fewer sensors, or a larger most_bytes",
                code="recording_too_long",
            )
        for name, part in kept.items():
            self._parts.setdefault(name, []).append((at, part))

    def finish(self, info: RecordingInfo, presses: NDArray[np.float64]) -> RawRecording:
        """Return the signals."""
        sensors: dict[str, RawSignal] = {}
        accelerometers: dict[str, RawSignal] = {}
        for name in sorted((*self._piezo, *self._axes)):
            signal = self._signal(name, info, "V", np.array(VOLTS_PER_COUNT))
            if signal is None:
                continue
            if name in self._axes:
                accelerometers[name] = signal
                signal = _with_values(signal, np.linalg.norm(signal.values, axis=1))
            else:
                signal = _with_values(signal, signal.values[:, 0])
            sensors[name] = signal
        scale = np.array([_UNITS.get(name.partition("_")[0], 1.0) for name in IMU_COLUMNS])
        imu = self._signal("imu", info, "see IMU_COLUMNS", scale)
        acceleration = None
        if imu is not None:
            acceleration = _with_values(imu, imu.values[:, _ACCELERATION], unit="counts/1000")
        return RawRecording(info, sensors, accelerometers, acceleration, imu, presses)

    def _signal(
        self, name: str, info: RecordingInfo, unit: str, scale: NDArray[np.floating[Any]]
    ) -> RawSignal | None:
        """Put a channel's counts onto an even grid, NaN where there are none."""
        parts = self._parts.pop(name, [])
        if not parts:
            return None
        ticks = np.concatenate([ticks for ticks, _ in parts])
        steps = np.diff(ticks)
        step = max(int(np.median(steps)), 1) if len(steps) else 1
        phase = int(np.bincount(ticks % step).argmax())
        first = phase + -(-max(self._window[0] - phase, 0) // step) * step
        past = min(self._window[1], info.length_ticks)
        rows = max(-(-(past - first) // step), 1)
        # After damage a block may lie off its grid, by less than half a step.
        at = np.clip((ticks - first + step // 2) // step, 0, rows - 1)
        values = np.full((rows, parts[0][1].shape[1]), np.nan, dtype=np.float32)
        values[at] = np.concatenate([counts for _, counts in parts])
        values *= scale.astype(np.float32)
        return RawSignal(
            values=values,
            unit=unit,
            sample_rate=TICKS_PER_SECOND / step,
            start=info.start + timedelta(seconds=first / TICKS_PER_SECOND),
            start_seconds=first / TICKS_PER_SECOND,
        )


def _with_values(
    signal: RawSignal, values: NDArray[np.floating[Any]], *, unit: str | None = None
) -> RawSignal:
    return RawSignal(
        np.asarray(values, dtype=np.float32),
        signal.unit if unit is None else unit,
        signal.sample_rate,
        signal.start,
        signal.start_seconds,
    )
