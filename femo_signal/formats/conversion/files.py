"""Writes sessions of the public data sets as recordings, one by one or a folder of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial as partial_function
from pathlib import Path
from typing import Any

from femo_signal.errors import ConversionError
from femo_signal.formats.conversion.counts import FORCE_STEP, STRETCH_TICKS, SessionCounts
from femo_signal.formats.conversion.results import START, Conversion, FolderConversion
from femo_signal.formats.public_sets import read_session
from femo_signal.formats.v1_writer import V1Writer
from femo_signal.settings import TICKS_PER_SECOND
from femo_signal.writing import check_target, whole_file, whole_files

__all__ = ["convert_file", "convert_folder"]

READING_SHARE = 0.3  # of the time that a conversion takes
MANIFEST, SUMMARY = "manifest.json", "conversion.json"
# The names that the sets give their files: S2_Day6_dataFile_005, Subject_001_Session_1_MS.
SUBJECT = re.compile(r"(S\d+)_Day\d+(?:_|$)|(Subject_\d+)_Session_\d+(?:_|$)", re.IGNORECASE)


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
    counts = SessionCounts(session)
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
