"""What stands in an export where there is no sample: nothing else does, and a mark lies over it."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pyedflib
import pytest

from femo_result import read_response
from femo_signal.exporting.counts import Counts, read_counts
from femo_signal.exporting.edf import write_edf
from femo_signal.exporting.grid import NO_SAMPLE, on_grid, usual_step
from femo_signal.exporting.marks import Mark, marks_of
from femo_signal.exporting.wfdb_record import write_wfdb
from femo_signal.intervals import as_intervals, contains

from ..result.examples import events_response
from .recordings import RATE, Belt, v1_header, v1_records
from .test_clock import write_v1

SECONDS = 400


def ramps(ticks: int) -> Belt:
    """A belt of which each sample is a step above the one before, so that no two are alike."""
    imu = np.zeros((ticks // 8, 10), dtype=np.int64)
    imu[:, 9] = np.arange(len(imu)) % 30_000
    ramp = np.arange(ticks)[:, None] // 8 % 30_000
    return Belt(
        ramp + np.full(4, 10_000), ramp + np.full(6, 10_000), imu, np.zeros(ticks, dtype=bool)
    )


@pytest.fixture(scope="module", params=[150, -60])
def drifted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Counts:
    """A recording by a clock that is off, whose accelerometer is slower."""
    path = tmp_path_factory.mktemp("drift") / "night.dat"
    rate = RATE * (1 + request.param * 1e-6)
    write_v1(path, ramps(SECONDS * RATE), lambda number: number / rate, accelerometer_every=4)
    return read_counts(path)


def marks(counts: Counts) -> list[Mark]:
    """Return the marks of a recording in which nothing was found."""
    told = events_response()
    for name in ("gaps", "sensors_off", "unjudged"):
        told["result"]["recording"][name] = []
    return marks_of(read_response(told), counts)


def written(path: Path, counts: Counts) -> tuple[Any, list[tuple[float, float, str]]]:
    """Return an EDF reader of a recording, and its annotations that begin with BAD."""
    write_edf(path, counts, marks(counts), zone=UTC)
    edf = pyedflib.EdfReader(str(path))
    told = zip(*edf.readAnnotations(), strict=True)
    return edf, [(start, length, text) for start, length, text in told if text.startswith("BAD")]


def unmarked(edf: Any, bad: list[tuple[float, float, str]]) -> dict[str, list[float]]:
    """Return the seconds of each signal at its lowest number that no mark lies over."""
    marked = as_intervals([
        (round(start * RATE), round((start + length) * RATE)) for start, length, _ in bad
    ])  # fmt: skip
    found = {}
    for row, label in enumerate(edf.getSignalLabels()):
        step = round(RATE / edf.getSampleFrequency(row))
        ticks = np.flatnonzero(edf.readSignal(row, digital=True) == NO_SAMPLE) * step
        found[label] = (ticks[~contains(marked, ticks)] / RATE).tolist()
    return {label: at for label, at in found.items() if at}


def test_a_clock_that_is_off_puts_no_false_extreme_among_the_samples(drifted: Counts) -> None:
    rates = {one.label: RATE / one.step_ticks for one in drifted.signals}
    assert (rates["accel 1 x"], rates["imu acc z"]) == (256, 128)
    for one in drifted.signals:
        inside = one.counts[: drifted.info.length_ticks // one.step_ticks].astype(int)
        assert NO_SAMPLE not in inside, one.label
        if one.label in ("piezo sensor_3", "accel 1 x", "imu acc z"):
            steps = np.diff(inside)  # of a ramp: a sample that is none of its own would leap
            leaps = np.abs(steps[np.abs(steps) < 29_000])
            assert leaps.max() <= 2, one.label


def test_what_is_behind_the_end_of_a_recording_is_marked_and_nothing_before_it(
    drifted: Counts, tmp_path: Path
) -> None:
    edf, bad = written(tmp_path / "night.edf", drifted)
    with edf:
        assert not unmarked(edf, bad)
        ((start, length, text),) = bad
        end = drifted.info.length_ticks / RATE
        assert text == "BAD_behind_end"
        assert end - 8 / RATE < start < end + 1e-4
        assert start + length == pytest.approx(edf.file_duration, abs=1e-4)


def test_a_file_says_whether_its_numbers_are_the_belts_own_or_interpolated(
    drifted: Counts, belt: Belt, tmp_path: Path
) -> None:
    path = tmp_path / "sound.dat"
    path.write_bytes(v1_header(belt.ticks) + b"".join(v1_records(belt)))
    for counts, moved in ((drifted, True), (read_counts(path), False)):
        edf, _ = written(tmp_path / "night.edf", counts)
        with edf:
            assert edf.getPrefilter(0).startswith("interpolated" if moved else "none")
            told = " ".join(edf.readAnnotations()[2])
        write_wfdb(tmp_path, "night", counts, marks(counts), zone=UTC)
        for text in (told, (tmp_path / "night.hea").read_text()):
            assert ("samples are interpolated onto time" in text) is moved


def test_samples_that_one_kind_of_sensor_lacks_are_marked(belt: Belt, tmp_path: Path) -> None:
    imu_lost, sensor_lost = 30 * RATE, slice(40 * RATE, 45 * RATE)
    records = v1_records(belt)
    for tick in range(belt.ticks):
        kind, record = records[tick][0], records[tick]
        if tick == imu_lost:
            kind, record = kind & ~0x20, record[:21] + record[41:]
        if sensor_lost.start <= tick < sensor_lost.stop:
            kind, record = kind & ~0x40, record[:9] + record[21:]
        records[tick] = bytes([kind]) + record[1:]
    path = tmp_path / "night.dat"
    path.write_bytes(v1_header(belt.ticks) + b"".join(records))
    counts = read_counts(path)
    assert not counts.info.gaps
    edf, bad = written(tmp_path / "night.edf", counts)
    with edf:
        assert not unmarked(edf, bad)
    assert bad == [
        (pytest.approx(30.0), pytest.approx(8 / RATE, abs=1e-4), "BAD_no_sample_imu"),
        (pytest.approx(40.0), pytest.approx(5.0), "BAD_no_sample_accel"),
    ]


def test_a_sample_that_was_lost_is_not_made_up_and_one_that_was_moved_is_not_lost() -> None:
    at = np.array([0, 8, 24, 38, 46, 54])  # 16 was lost; what was at 32 has moved to 38
    parts = [(at, np.array([[10], [20], [40], [60], [70], [80]], dtype=np.int16))]
    assert usual_step(parts) == 8
    (row,) = on_grid(parts, 1, 8, 8)
    assert row.tolist() == [10, 20, NO_SAMPLE, 40, 50, 60, 70, 80]
