"""Times follow the time stamps: whatever rate the belt samples at, and however its clock is set."""

from __future__ import annotations

import struct
import weakref

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.formats import open_recording
from femo_signal.formats.chunk import Chunk
from femo_signal.formats.clock_offset import robust_line
from femo_signal.formats.timebase import Timebase
from femo_signal.intervals import empty
from femo_signal.preprocessing.preprocess import preprocess
from femo_signal.settings import AnalysisSettings

from .recordings import RATE, START, START_MS, V2_END, Belt, v2_header

SECONDS = 75
KICKS = np.arange(12.0, SECONDS - 8, 9.0)


def belt_at(rate: float) -> Belt:
    """Return what a belt measures that samples at another rate than it should."""
    ticks = int(SECONDS * rate) // 64 * 64
    time = np.arange(ticks) / rate
    rng = np.random.default_rng(5)
    wave = np.zeros(ticks)
    for kick in KICKS:
        wave += np.exp(-(((time - kick) / 0.25) ** 2)) * np.sin(2 * np.pi * 6 * (time - kick))
    piezo = 32768 + rng.normal(0, 60, (ticks, 4)) + 2500 * wave[:, None]
    imu = np.zeros((ticks // 8, 10), dtype=np.int64)
    imu[:, 0], imu[:, 9] = 10000, 9810
    accelerometer = 33000 + rng.normal(0, 8, (ticks, 6))
    return Belt(
        piezo.round().astype(np.int64),
        accelerometer.round().astype(np.int64),
        imu,
        np.zeros(ticks, dtype=bool),
    )


def write_v1(
    path, belt, stamp, *, end=None, every=1024, missing=(0, 0), accelerometer_every=1, nominal=1024
):
    """Write a v1 file whose stamps are what ``stamp`` makes of the record's number; s."""
    piezo, accelerometer = belt.piezo.astype("<u2"), belt.accelerometer.astype("<u2")
    imu, records = belt.imu.astype("<i2"), []
    for number in range(belt.ticks):
        kind, body = 0x80, piezo[number].tobytes()
        if number % accelerometer_every == 0:
            kind, body = kind | 0x40, body + accelerometer[number].tobytes()
        if number % 8 == 0:
            kind, body = kind | 0x20, body + imu[number // 8].tobytes()
        if number % every == 0:
            time = START * 1000 + START_MS + round(1000 * stamp(number))
            kind, body = kind | 0x08, body + struct.pack("<IH", time // 1000, time % 1000)
        records.append(bytes([kind]) + body)
    del records[slice(*missing)]
    last = START * 1000 + START_MS + round(1000 * (end or stamp(belt.ticks)))
    header = struct.pack(
        "<IHIH4H", START, START_MS, last // 1000, last % 1000, *(nominal,) * 2, 128, 0
    )
    path.write_bytes(header + b"".join(records))
    return path


def write_v2(path, belt, stamp, *, same_sequence=False):
    """Write a v2 file; see `write_v1`."""
    piezo, imu = belt.piezo[:, [0, 3]].astype("<u2"), belt.imu.astype("<i2")
    packets = [
        struct.pack(
            "<HBIB",
            0x504B,
            9 if same_sequence else k % 256,
            round(1000 * stamp(64 * k)) % 2**32,
            0,
        )
        + piezo[64 * k : 64 * k + 64].tobytes()
        + imu[8 * k : 8 * k + 8].tobytes()
        for k in range(belt.ticks // 64)
    ]
    path.write_bytes(v2_header(SECONDS * RATE) + b"".join(packets) + V2_END)
    return path


WRITERS = {"v1": write_v1, "v2": write_v2}


def kick_times(path) -> np.ndarray:
    profile = build_profile(path)
    return profile.info.seconds(profile.detections).mean(axis=1)


def read(path, **options):
    reader = open_recording(path, **options)
    return reader, list(reader.chunks())


def same(one: list[Chunk], other: list[Chunk]) -> bool:
    """Tell whether two readings hold the same samples at the same ticks."""
    for name in ("piezo", "accelerometer", "imu"):
        for values in (_ticks, _values):
            if not np.array_equal(values(one, name), values(other, name)):
                return False
    return True


def _ticks(chunks: list[Chunk], name: str) -> np.ndarray:
    return np.concatenate(
        [
            np.arange(c.start_tick, c.start_tick + c.length)
            if getattr(c, f"{name}_ticks") is None
            else getattr(c, f"{name}_ticks")
            for c in chunks
        ]
    )


def _values(chunks: list[Chunk], name: str) -> np.ndarray:
    return np.concatenate([getattr(c, name) for c in chunks])


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("rate", [1000, 1003.92, 1010, 1023, 1030])
def test_kicks_are_told_at_their_time_whatever_the_rate_of_the_belt(tmp_path, kind, rate):
    path = WRITERS[kind](tmp_path / "night.dat", belt_at(rate), lambda number: number / rate)
    assert kick_times(path) == pytest.approx(KICKS, abs=0.05)
    reader, chunks = read(path)
    assert reader.clock.sample_rate == pytest.approx(rate, abs=0.05)
    assert reader.clock.drift_ppm == pytest.approx((rate / 1024 - 1) * 1e6, abs=50)
    assert (chunks[-1].start_tick + chunks[-1].length) / RATE == pytest.approx(SECONDS, abs=0.1)
    assert any("times follow the stamps" in notice for notice in map(str, reader.notices))
    _, pieces = read(path, chunk_bytes=20_011)
    assert same(chunks, pieces)


def test_sparse_stamps_tell_the_rate_as_well(tmp_path):
    path = write_v1(tmp_path / "a.dat", belt_at(1000), lambda number: number / 1000, every=15360)
    assert kick_times(path) == pytest.approx(KICKS, abs=0.05)


def test_stamps_that_jitter_and_stray_do_not_bend_time(tmp_path):
    rng = np.random.default_rng(2)
    path = write_v1(
        tmp_path / "a.dat",
        belt_at(1000),
        lambda n: n / 1000 + rng.normal(0, 0.01) + (40 if n in {20480, 51200} else 0),
    )
    assert kick_times(path) == pytest.approx(KICKS, abs=0.05)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("step", [7.3, -5.0, 3600.25, 20 * 86400.0])
def test_a_clock_that_is_set_makes_no_gap(tmp_path, kind, step):
    belt = belt_at(1024)
    path = WRITERS[kind](
        tmp_path / "night.dat", belt, lambda n: n / RATE + 100 * (kind == "v2") + step * (n > 40000)
    )
    reader, chunks = read(path)
    assert reader.gaps == []
    assert np.array_equal(_values(chunks, "piezo")[:, 0], belt.piezo[:, 0])
    (found,) = reader.clock.steps
    assert found.seconds == pytest.approx(step, abs=0.01)
    assert found.at_seconds == pytest.approx(40000 / RATE, abs=1.1)
    assert any("the time stamps jump" in notice for notice in map(str, reader.notices))


def test_whole_seconds_that_the_header_has_no_room_for_are_a_set_clock(tmp_path):
    belt = belt_at(1024)
    path = write_v1(tmp_path / "a.dat", belt, lambda n: n / RATE + 5 * (n > 40000), end=SECONDS)
    reader, _ = read(path)
    assert reader.gaps == []
    assert [step.seconds for step in reader.clock.steps] == [5]


@pytest.mark.parametrize("missing", [5000, 5120, 317])
def test_missing_records_are_a_gap_at_any_rate(tmp_path, missing):
    path = write_v1(
        tmp_path / "a.dat", belt_at(1000), lambda n: n / 1000, missing=(41000, 41000 + missing)
    )
    reader, _ = read(path)
    assert reader.clock.steps == ()
    (gap,) = reader.gaps
    assert gap.end_seconds - gap.start_seconds == pytest.approx(missing / 1000, abs=0.02)
    there = KICKS[(KICKS < 39) | (KICKS > 49)]
    found = kick_times(path)
    assert np.abs(found[:, None] - there).min(axis=0).max() < 0.05


def test_records_missing_at_the_start_are_a_gap(tmp_path):
    path = write_v1(tmp_path / "a.dat", belt_at(1024), lambda n: n / RATE, missing=(0, 8 * RATE))
    reader, _ = read(path)
    assert [(gap.start_seconds, gap.end_seconds) for gap in reader.gaps] == [(0, 8)]
    assert kick_times(path) == pytest.approx(KICKS, abs=0.05)


def test_v2_time_stamps_may_start_anew_after_49_days(tmp_path):
    belt = belt_at(1024)
    path = write_v2(tmp_path / "a.bin", belt, lambda n: 2**32 / 1000 - 30 + n / RATE)
    reader, chunks = read(path)
    assert np.array_equal(_values(chunks, "piezo")[:, 0], belt.piezo[:, 0])
    assert reader.gaps == reader.notices == []


def test_a_v2_sequence_number_that_stands_still_leaves_the_time_stamps(tmp_path):
    belt = belt_at(1024)
    path = write_v2(tmp_path / "a.bin", belt, lambda n: n / RATE, same_sequence=True)
    reader, chunks = read(path)
    assert np.array_equal(_values(chunks, "piezo")[:, 0], belt.piezo[:, 0])
    assert any("sequence number stands still" in notice for notice in map(str, reader.notices))


@pytest.mark.parametrize("kind", WRITERS)
def test_stamps_that_stand_still_are_no_clock(tmp_path, kind):
    belt = belt_at(1024)
    path = WRITERS[kind](tmp_path / "night.dat", belt, lambda n: 0)
    reader, chunks = read(path)
    assert np.array_equal(_values(chunks, "piezo")[:, 0], belt.piezo[:, 0])
    assert reader.clock.sample_rate is None
    assert any("time" in notice and "count the" in notice for notice in map(str, reader.notices))


def chunk_of(values: np.ndarray, start: int = 0) -> Chunk:
    return Chunk(
        start,
        len(values),
        values,
        np.zeros((0, 0), np.uint16),
        np.zeros(0, np.int64),
        np.zeros((0, 10), np.int16),
        np.zeros(0, np.int64),
        empty(),
    )


def retimed(values: np.ndarray, rate: float, jitter: float = 0.0) -> list[Chunk]:
    """Give samples of a clock of ``rate`` to a time base, with a stamp each second or so."""
    base, rng = Timebase(), np.random.default_rng(0)
    stamped = np.arange(0, len(values), 1024)
    times = np.rint(stamped / rate * 1000 + rng.uniform(-jitter, jitter, len(stamped))) * 1.024
    chunks = list(base.push(chunk_of(values), stamped, times))
    return chunks + list(base.finish())


@pytest.mark.parametrize("frequency", [1.0, 10.0, 30.0])
def test_moving_samples_in_time_keeps_the_band_of_movements(frequency):
    time = np.arange(200_000) / 1000
    wave = (32768 + 20000 * np.sin(2 * np.pi * frequency * time)).round().astype(np.uint16)
    found = _values(retimed(wave[:, None], 1000), "piezo")[:, 0].astype(float)
    near = slice(20 * RATE, 22 * RATE)
    angle = 2 * np.pi * frequency * (np.arange(2 * RATE) / RATE)
    basis = [np.sin(angle), np.cos(angle)]
    table = np.stack([*basis, *(angle * row for row in basis), np.ones_like(angle)], axis=1)
    fitted, *_ = np.linalg.lstsq(table, found[near], rcond=None)
    assert np.abs(table @ fitted - found[near]).max() < 6
    assert np.hypot(*fitted[:2]) == pytest.approx(20000, rel=1e-3)


def steps_told(path, **options) -> list[str]:
    notices = preprocess(path, AnalysisSettings(), **options).info.notices
    return [
        notice for notice in map(str, notices) if "stepped" in notice or "interpolated" in notice
    ]


@pytest.mark.parametrize("every", [1, 2, 8])
@pytest.mark.parametrize("centre", [33000, 250])
@pytest.mark.parametrize("rate", [1000, 1010, 1016, 1030, 1024])
def test_no_step_of_the_baseline_is_told_where_samples_were_moved_in_time(
    tmp_path, rate, centre, every
):
    belt = belt_at(rate)
    wave = (belt.piezo - 32768).mean(axis=1, keepdims=True) / 2  # kicks of 1250 counts
    noise = np.random.default_rng(rate + every).normal(0, 8, belt.accelerometer.shape)
    belt.accelerometer = np.clip(centre + wave + noise, 0, 65535).round().astype(np.int64)
    path = write_v1(
        tmp_path / "a.dat", belt, lambda n: n / rate, accelerometer_every=every, nominal=1024
    )
    assert steps_told(path) == []


@pytest.mark.parametrize("rate", [1000, 1030, 1024])
def test_steps_of_40_millivolts_are_levelled_at_any_rate_of_the_belt(tmp_path, rate):
    belt = belt_at(rate)
    for place in (25.5, 44.0):
        belt.piezo[round(place * rate) :] += round(0.04 / 3.3 * 65535)
        belt.accelerometer[round(place * rate) :, :3] += round(0.04 / 3.3 * 65535)
    path = write_v1(tmp_path / "a.dat", belt, lambda n: n / rate)
    told = [notice for notice in steps_told(path) if "stepped" in notice]
    assert [notice.split(":")[0] for notice in told] == [f"sensor_{k}" for k in (3, 4, 5, 6, 1)]
    assert all("stepped 2 times, first at 0:00:25" in notice for notice in told)
    assert kick_times(path) == pytest.approx(KICKS, abs=0.05)
    assert set(told) <= set(steps_told(path, chunk_bytes=20_011))


@pytest.mark.parametrize(("header", "stamps"), [(1000, 1024), (512, 1000), (1000, 1010)])
def test_a_header_whose_rate_the_time_stamps_contradict_is_told(tmp_path, header, stamps):
    belt = belt_at(stamps)
    path = write_v1(tmp_path / "a.dat", belt, lambda n: n / stamps, nominal=header)
    reader, _ = read(path)
    (told,) = [notice for notice in map(str, reader.notices) if "the header names" in notice]
    assert f"{header} samples a second" in told
    assert f"{stamps}.00" in told


@pytest.mark.parametrize(("header", "stamps"), [(1000, 1000), (1000, 1001), (1024, 1023.9)])
def test_a_header_whose_rate_the_time_stamps_bear_out_is_not(tmp_path, header, stamps):
    path = write_v1(tmp_path / "a.dat", belt_at(stamps), lambda n: n / stamps, nominal=header)
    reader, _ = read(path)
    assert not any("the header names" in notice for notice in map(str, reader.notices))


def test_a_lost_sample_stays_one_and_spreads_into_nothing():
    values = np.full((100_000, 1), 32768, dtype=np.uint16)
    values[50_000:50_003] = 0
    found = _values(retimed(values, 1000), "piezo")[:, 0]
    assert set(found.tolist()) == {0, 32768}
    assert (found == 0).sum() in (3, 4)


@pytest.mark.parametrize("ppm", [20, -100])
def test_a_slow_drift_stays_below_50_ms_all_night(ppm):
    rate = RATE * (1 + ppm / 1e6)
    base = Timebase()
    ticks = 8 * 3600 * RATE
    for start in range(0, ticks, 1 << 20):
        stamped = np.arange(-(-start // RATE) * RATE, min(start + (1 << 20), ticks), RATE)
        times = np.rint(stamped / rate * 1000) * 1.024
        values = np.zeros((min(1 << 20, ticks - start), 1), dtype=np.uint16)
        list(base.push(chunk_of(values, start), stamped, times))
    list(base.finish())
    counted = np.linspace(0, ticks - 1, 1000).astype(int)
    assert np.abs(base.ticks(counted) / RATE - counted / rate).max() < 0.05
    assert base.clock().drift_ppm == pytest.approx(ppm, abs=1)


def test_samples_that_are_in_time_are_not_copied():
    values = np.random.default_rng(1).integers(0, 65535, (300_000, 4)).astype(np.uint16)
    (chunk,) = retimed(values, RATE, jitter=30)
    assert chunk.piezo is values


@pytest.mark.parametrize("rate", [RATE, 1000])
@pytest.mark.parametrize("piece", [43_690, 300_000])
def test_a_night_needs_no_more_memory_than_some_minutes(rate, piece):
    base = Timebase()
    pushed: list[weakref.ref[Chunk]] = []
    for start in range(0, 30 * 60 * RATE, piece):
        stamped = np.arange(-(-start // RATE) * RATE, start + piece, RATE)
        chunk = chunk_of(np.zeros((piece, 1), dtype=np.uint16), start)
        pushed.append(weakref.ref(chunk))
        for _ in base.push(chunk, stamped, stamped * (RATE / rate)):
            pass
        del chunk
        assert sum(held() is not None for held in pushed) * piece <= 4 * 60 * RATE + 2 * piece


def test_a_line_is_not_bent_by_a_quarter_of_outliers():
    x = np.arange(64.0)
    y = 0.5 * x + 3
    y[::4] += 1000
    slope, level, error = robust_line(x, y)
    assert (slope, level) == (pytest.approx(0.5), pytest.approx(3))
    assert error < 1e-9
