"""Turns sessions of the public data sets into v1 recordings that the rest of FeMo reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial as partial_function
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ConversionError
from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.formats.public_sets import Block, Session, read_session
from femo_signal.formats.v1_writer import Stretch, V1Writer
from femo_signal.intervals import clip, to_mask
from femo_signal.settings import TICKS_PER_SECOND
from femo_signal.writing import check_target, whole_file, whole_files

__all__ = [
    "START",
    "ChannelScale",
    "Conversion",
    "FolderConversion",
    "convert_file",
    "convert_folder",
]

START = datetime(2020, 1, 1, tzinfo=UTC)  # stands for a time that the sets do not tell
GRAVITY = 9.81  # m/s2
IMU_STEP_FIRST_SET = 8  # ticks: 128 Hz, as the belt's own
FORCE_STEP = 16  # ticks: 64 Hz, as the belt's own
STRETCH_TICKS = 60 * TICKS_PER_SECOND
READING_SHARE = 0.3  # of the time that a conversion takes
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
MANIFEST, SUMMARY = "manifest.json", "conversion.json"
# The names that the sets give their files: S2_Day6_dataFile_005, Subject_001_Session_1_MS.
SUBJECT = re.compile(r"(S\d+)_Day\d+(?:_|$)|(Subject_\d+)_Session_\d+(?:_|$)", re.IGNORECASE)


@dataclass(frozen=True)
class ChannelScale:
    """How a channel's values became counts: round((value x factor + offset) x 65535 / 3.3)."""

    sensor: str  # of the recording
    source: str  # in the set
    factor: float  # 1 unless the channel's span exceeds the range
    offset_volts: float  # 0 where the channel lies within the range
    clipped_samples: int


@dataclass(frozen=True)
class Conversion:
    """One recording that was written."""

    source: str  # name of the file
    recording: str  # path
    layout: str  # "data_var" or "Subject_data"
    subject_id: str | None  # where the file's name tells
    duration_seconds: float
    presses: int
    channels: tuple[ChannelScale, ...]
    notices: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        facts = asdict(self)
        return {**facts, "channels": list(facts["channels"]), "notices": list(self.notices)}


@dataclass(frozen=True)
class FolderConversion:
    """The recordings of a folder, and the files that are none."""

    manifest: str  # path
    recordings: tuple[Conversion, ...]
    left_out: Mapping[str, str]  # name of a file: why

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "manifest": self.manifest,
            "recordings": [recording.to_dict() for recording in self.recordings],
            "left_out": dict(self.left_out),
        }


def convert_file(
    source: Path,
    target: Path,
    *,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Conversion:
    """Write a session of a public set as a v1 recording.

    Parameters
    ----------
    source : Path
        A MATLAB file of either set.
    target : Path
        The recording; written whole or not at all.
    overwrite : bool
        Whether a recording that is there already may be replaced.
    progress : callable, optional
        Is told the share of the work done, 0 to 1.

    Raises
    ------
    ConversionError
        If the source is no session of a public set.
    OutputError
        If the target exists or cannot be written.
    """
    check_target(target.parent, [target.name], overwrite=overwrite)
    with whole_file(target) as partial:
        return _convert(source, partial, target, progress or _tell_nobody)


def convert_folder(
    source: Path,
    folder: Path,
    *,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> FolderConversion:
    """Write every session in a folder and below as a v1 recording, with a manifest.

    The presses are the only labels. A file that is no session is left out and told.

    Parameters
    ----------
    source, folder : Path
        Where the MATLAB files are, and where recordings, manifest and summary go.
    overwrite : bool
        Whether files that are there already may be replaced.
    progress : callable, optional
        Is told the share of the work done, 0 to 1.

    Raises
    ------
    ConversionError
        If the folder holds no session, or two files of one name.
    OutputError
        If a file exists already or cannot be written.
    """
    tell = progress or _tell_nobody
    targets = _targets(source)
    check_target(folder, [*targets.values(), MANIFEST, SUMMARY], overwrite=overwrite)
    recordings: list[Conversion] = []
    left_out: dict[str, str] = {}
    with whole_files(folder, last=MANIFEST) as partial:
        for number, (path, name) in enumerate(targets.items()):
            tell_part = partial_function(_tell_part, tell, number, len(targets))
            try:
                recordings.append(_convert(path, partial / name, folder / name, tell_part))
            except ConversionError as error:
                left_out[path.name] = str(error)
                tell_part(1.0)
        if not recordings:
            reasons = "; ".join(left_out.values())
            raise ConversionError(
                f"none of the {len(targets)} .mat files in {source} is a session of a public set: "
                f"{reasons}",
                code="nothing_to_convert",
            )
        result = FolderConversion(str(folder / MANIFEST), tuple(recordings), left_out)
        _write_json(partial / SUMMARY, result.to_dict())
        items = [_item(recording) for recording in recordings]
        _write_json(partial / MANIFEST, {"version": "1", "items": items})
    return result


def _tell_nobody(share: float) -> None:
    """Stand in where nobody asks for the progress."""


def _tell_part(tell: Callable[[float], None], done: int, parts: int, share: float) -> None:
    """Tell the share of the whole that a share of one of its parts is."""
    tell((done + share) / parts)


def _convert(source: Path, path: Path, target: Path, tell: Callable[[float], None]) -> Conversion:
    """Write to ``path`` what will be ``target``."""
    session = read_session(source)
    tell(READING_SHARE)
    counts = _Counts(session)
    with path.open("wb") as file:
        writer = V1Writer(
            file,
            start=START,
            ticks=session.ticks,
            imu_step=counts.imu_step,
            accelerometer=bool(session.accelerometers),
            force_step=FORCE_STEP if session.force is not None else None,
        )
        for start in range(0, session.ticks, STRETCH_TICKS):
            stop = min(start + STRETCH_TICKS, session.ticks)
            writer.write(counts.stretch(start, stop))
            tell(READING_SHARE + (1 - READING_SHARE) * stop / session.ticks)
    match = SUBJECT.match(source.stem)
    return Conversion(
        source=source.name,
        recording=str(target),
        layout=session.layout,
        subject_id=match.group(1) or match.group(2) if match else None,
        duration_seconds=round(session.ticks / TICKS_PER_SECOND, 3),
        presses=len(session.presses),
        channels=counts.scales(),
        notices=(*session.notices, *counts.notices()),
    )


def _targets(source: Path) -> dict[Path, str]:
    """Name the recording of each MATLAB file in a folder."""
    try:
        paths = sorted(
            path
            for path in source.rglob("*")
            if path.suffix.lower() == ".mat" and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise ConversionError(
            f"{source} cannot be read: {error.strerror}; check the path", code="source_unreadable"
        ) from error
    if not paths:
        raise ConversionError(
            f"{source} holds no .mat file; give the folder of a public set",
            code="nothing_to_convert",
        )
    targets: dict[Path, str] = {}
    taken: dict[str, Path] = {}
    for path in paths:
        name = f"{path.stem}.dat"
        if name.lower() in taken:
            raise ConversionError(
                f"{taken[name.lower()]} and {path} would both be written as {name}; rename one",
                code="nothing_to_convert",
            )
        taken[name.lower()] = path
        targets[path] = name
    return targets


def _item(recording: Conversion) -> dict[str, str]:
    item = {"datFileKey": Path(recording.recording).name}
    if recording.subject_id is not None:
        item["subjectId"] = recording.subject_id
    return item


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


class _Counts:
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
