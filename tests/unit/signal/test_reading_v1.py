"""v1 files are read to the sample; damage costs what it destroyed and no more."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.formats import open_recording
from femo_signal.formats.v1.layout import BLOCKS
from femo_signal.intervals import from_mask, union
from femo_signal.notices import Notice, NoticeCode

from .recordings import RATE, START, START_MS, Belt, make_belt, v1_header, v1_records, write_v1


def read(path, **options):
    reader = open_recording(path, **options)
    return reader, list(reader.chunks())


def piezo_at(chunks, ticks: int) -> np.ndarray:
    """Piezo counts at each tick; -1 where the file holds none."""
    out = np.full((ticks, 4), -1)
    for chunk in chunks:
        span = slice(chunk.start_tick, chunk.start_tick + chunk.length)
        out[span if chunk.piezo_ticks is None else chunk.piezo_ticks] = chunk.piezo
    return out


@pytest.fixture(scope="module")
def short() -> Belt:
    return make_belt(24, seed=8)


@pytest.fixture(scope="module")
def records(short) -> list[bytes]:
    return v1_records(short)


def test_every_sample_arrives_where_it_belongs(belt, v1_path):
    reader, chunks = read(v1_path)
    assert np.array_equal(piezo_at(chunks, belt.ticks), belt.piezo)
    assert np.array_equal(np.concatenate([c.accelerometer for c in chunks]), belt.accelerometer)
    assert np.array_equal(np.concatenate([c.imu for c in chunks]), belt.imu)
    assert np.array_equal(np.concatenate([c.imu_ticks for c in chunks]), np.arange(belt.ticks)[::8])
    assert np.array_equal(union(*[c.presses for c in chunks]), from_mask(belt.pressed))
    assert reader.header.start.isoformat() == "2024-06-10T06:13:20.437000+00:00"
    assert reader.gaps == reader.notices == []


@pytest.mark.parametrize("seed", [1, 2])
def test_records_without_any_pattern_are_read_as_well(tmp_path, short, seed):
    rng = np.random.default_rng(seed)
    content, kinds = [v1_header(6000)], []
    for tick in range(6000):
        kind = int(rng.choice([0x80, 0xC0, 0xE0, 0x90, 0xD1, 0x81]))
        blocks = short.piezo[tick].astype("<u2").tobytes()
        blocks += short.accelerometer[tick].astype("<u2").tobytes() if kind & 0x40 else b""
        blocks += short.imu[tick // 8].astype("<i2").tobytes() if kind & 0x20 else b""
        blocks += b"\x01\x02" if kind & 0x10 else b""
        content.append(bytes([kind]) + blocks)
        kinds.append(kind)
    path = tmp_path / "odd.dat"
    path.write_bytes(b"".join(content))
    for size in (1 << 20, 1 << 14):
        _, chunks = read(path, chunk_bytes=size)
        assert np.array_equal(piezo_at(chunks, 6000), short.piezo[:6000])
        ticks = np.concatenate([c.accelerometer_ticks for c in chunks])
        assert np.array_equal(ticks, np.flatnonzero(np.array(kinds) & 0x40))
        pressed = from_mask((np.array(kinds) & 1) > 0)
        assert np.array_equal(union(*[c.presses for c in chunks]), pressed)


ABSENT = {"piezo": 0x80, "accelerometer": 0x40, "imu": 0x20, "stamps": 0x08}


def without(record: bytes, block: int) -> bytes:
    """Return the record without a block, which it may or may not hold."""
    at = 1
    for bit, size in BLOCKS:
        if bit == block and record[0] & bit:
            return bytes([record[0] & ~bit]) + record[1:at] + record[at + size :]
        at += size if record[0] & bit else 0
    return record


@pytest.mark.parametrize("kind", ABSENT)
@pytest.mark.parametrize("absent", [(0, 24), (9, 24), (0, 9), (9, 17)])
def test_a_kind_of_block_that_is_absent_costs_no_other(tmp_path, short, records, kind, absent):
    """For the whole file, from some time on, until some time, or for a while."""
    first, past = (second * RATE + 3 * (second % 24 > 0) for second in absent)
    lacking = [without(record, ABSENT[kind]) for record in records[first:past]]
    content = v1_header(short.ticks) + b"".join(records[:first] + lacking + records[past:])
    path = tmp_path / "absent.dat"
    path.write_bytes(content)
    _, chunks = read(path, chunk_bytes=1 << 16)
    there = np.ones(short.ticks, dtype=bool)
    there[first:past] = False
    everywhere = np.ones_like(there)
    held = {name: there if name == kind else everywhere for name in ABSENT}
    piezo = np.where(held["piezo"][:, None], short.piezo, -1)
    assert sum(c.length for c in chunks) == short.ticks
    assert np.array_equal(piezo_at(chunks, short.ticks), piezo)
    accelerometer = np.concatenate([c.accelerometer for c in chunks])
    assert np.array_equal(accelerometer, short.accelerometer[held["accelerometer"]])
    assert np.array_equal(np.concatenate([c.imu for c in chunks]), short.imu[held["imu"][::8]])


@pytest.mark.parametrize("kind", ABSENT)
def test_a_recording_without_a_kind_of_block_is_analysed(tmp_path, short, records, kind):
    path = tmp_path / "absent.dat"
    lacking = b"".join(without(record, ABSENT[kind]) for record in records)
    path.write_bytes(v1_header(short.ticks) + lacking)
    assert build_profile(path).info.duration_seconds == pytest.approx(24)


def test_a_file_cut_inside_a_record_ends_with_the_last_whole_one(tmp_path, short, records):
    path = tmp_path / "cut.dat"
    content = v1_header(short.ticks) + b"".join(records)
    path.write_bytes(content[:-5])
    reader, chunks = read(path)
    assert sum(c.length for c in chunks) == short.ticks - 1
    start = len(content) - len(records[-1])
    assert any(
        f"inside the record at byte {start}" in notice for notice in map(str, reader.notices)
    )


def test_a_file_shorter_than_its_header_says_is_told(tmp_path, short, records):
    path = tmp_path / "early.dat"
    path.write_bytes(v1_header(short.ticks) + b"".join(records[: 20 * RATE]))
    reader, _ = read(path)
    assert reader.notices == [
        Notice(
            NoticeCode.HEADER,
            "the header says 24.0 s, the records last 20.0 s; the records were analysed",
        )
    ]


@pytest.mark.parametrize("first", [9 * RATE + 300, 9 * RATE + 301, 9 * RATE + 511])
@pytest.mark.parametrize("missing", [5 * RATE, 5 * RATE + 16, 5 * RATE + 5, 200])
def test_a_hole_keeps_the_times_of_what_follows(tmp_path, short, records, first, missing):
    path = tmp_path / "hole.dat"
    path.write_bytes(
        v1_header(short.ticks) + b"".join(records[:first] + records[first + missing :])
    )
    reader, chunks = read(path)
    found = piezo_at(chunks, short.ticks + 8)
    (gap,) = reader.gaps
    assert gap.start_seconds * RATE == pytest.approx(first, abs=16)
    assert (gap.end_seconds - gap.start_seconds) * RATE == pytest.approx(missing, abs=1)
    after = first + missing + 20
    shifted = [
        s
        for s in (-1, 0, 1)
        if np.array_equal(found[after + s :][:1000], short.piezo[after:][:1000])
    ]
    assert shifted


def test_time_stamps_that_jitter_leave_no_hole(tmp_path, short, records):
    rng = np.random.default_rng(4)
    changed = list(records)
    for tick in range(0, short.ticks, RATE):
        seconds, milliseconds = struct.unpack("<IH", records[tick][-6:])
        moved = seconds * 1000 + milliseconds + int(rng.integers(-200, 200))
        changed[tick] = records[tick][:-6] + struct.pack("<IH", moved // 1000, moved % 1000)
    path = tmp_path / "jitter.dat"
    path.write_bytes(v1_header(short.ticks) + b"".join(changed))
    reader, chunks = read(path)
    assert reader.gaps == []
    assert np.array_equal(piezo_at(chunks, short.ticks), short.piezo)


def test_one_absurd_time_stamp_is_overruled_by_the_others(tmp_path, short, records):
    changed = list(records)
    changed[10 * RATE] = records[10 * RATE][:-6] + b"\xff\xff\xff\xff\x00\x00"
    path = tmp_path / "absurd.dat"
    path.write_bytes(v1_header(short.ticks) + b"".join(changed))
    reader, chunks = read(path)
    assert reader.gaps == []
    assert sum(c.length for c in chunks) == short.ticks


@pytest.mark.parametrize("size", [60, 3000, 40_000])
@pytest.mark.parametrize("kind", ["random", "zeros", "ones"])
def test_overwritten_bytes_cost_no_more_than_themselves(tmp_path, short, records, size, kind):
    rng = np.random.default_rng(size)
    garbage = {
        "random": rng.integers(0, 256, size, dtype=np.uint8).tobytes(),
        "zeros": bytes(size),
        "ones": b"\xff" * size,
    }[kind]
    content = bytearray(v1_header(short.ticks) + b"".join(records))
    at = 20 + sum(map(len, records[: 9 * RATE + 77])) + 3
    content[at : at + size] = garbage
    path = tmp_path / "overwritten.dat"
    path.write_bytes(content)
    reader, chunks = read(path)
    found = piezo_at(chunks, short.ticks + 30)
    lost = size * short.ticks / sum(map(len, records))
    before, after = 9 * RATE + 77 - 9, int(9 * RATE + 77 + lost + 40)
    assert np.array_equal(found[:before], short.piezo[:before])
    shifts = [
        s
        for s in range(-10, 11)
        if np.array_equal(found[after + s :][:2000], short.piezo[after:][:2000])
    ]
    assert shifts, "what follows is more than 10 ms off"
    assert any("stepped over" in notice for notice in map(str, reader.notices))
    wrong = (found[before:after] >= 0).all(axis=1) & (
        found[before:after] != short.piezo[before:after]
    ).any(axis=1)
    assert wrong.sum() <= 10 + abs(shifts[0]) * 60


def test_inserted_garbage_takes_no_time(tmp_path, short, records):
    garbage = np.random.default_rng(6).integers(0, 256, 30_000, dtype=np.uint8).tobytes()
    at = 12 * RATE + 5
    path = tmp_path / "inserted.dat"
    path.write_bytes(
        v1_header(short.ticks) + b"".join(records[:at]) + garbage + b"".join(records[at:])
    )
    reader, chunks = read(path)
    found = piezo_at(chunks, short.ticks)
    assert np.array_equal(found[at + 40 :], short.piezo[at + 40 :])
    assert sum(gap.end_seconds - gap.start_seconds for gap in reader.gaps) < 0.05


def test_garbage_at_the_end_is_left_out_and_told(tmp_path, short, records):
    garbage = np.random.default_rng(7).integers(0, 256, 30_000, dtype=np.uint8).tobytes()
    path = tmp_path / "tail.dat"
    path.write_bytes(v1_header(short.ticks) + b"".join(records) + garbage)
    reader, chunks = read(path)
    assert sum(c.length for c in chunks) == pytest.approx(short.ticks, abs=16)
    assert any("holds no records" in notice for notice in map(str, reader.notices))


def test_a_pause_longer_than_the_file_can_vouch_for_fills_no_memory(tmp_path, records, short):
    """The time stamps jump by 47 hours twice, in a file of 24 s."""
    changed = list(records)
    for tick in range(8 * RATE, short.ticks, RATE):
        later = 47 * 3600 * (1 if tick < 16 * RATE else 2)
        seconds, milliseconds = struct.unpack("<IH", records[tick][-6:])
        changed[tick] = records[tick][:-6] + struct.pack("<IH", seconds + later, milliseconds)
    path = tmp_path / "years.dat"
    path.write_bytes(v1_header(short.ticks) + b"".join(changed))
    reader, chunks = read(path)
    assert np.array_equal(piezo_at(chunks, short.ticks), short.piezo)
    assert reader.gaps == []
    assert [step.seconds for step in reader.clock.steps] == [47 * 3600] * 2


def test_the_size_of_the_pieces_read_changes_nothing(tmp_path, belt):
    path = write_v1(tmp_path / "pieces.dat", belt)
    content = bytearray(path.read_bytes())
    content[900_000:905_000] = bytes(5000)
    path.write_bytes(content)
    whole, expected = read(path, chunk_bytes=1 << 24)
    pieces, found = read(path, chunk_bytes=20_011)
    assert len(found) > len(expected)
    assert np.array_equal(piezo_at(found, belt.ticks), piezo_at(expected, belt.ticks))
    assert pieces.gaps == whole.gaps
    assert pieces.notices == whole.notices


@pytest.mark.parametrize("first", [0, 10 * RATE])
@pytest.mark.parametrize("ticks", [24 * RATE, 23 * RATE + 100])
def test_records_stored_twice_are_read_once(tmp_path, short, records, first, ticks):
    path = tmp_path / "twice.dat"
    path.write_bytes(v1_header(ticks) + b"".join(records[:ticks] + records[first:ticks]))
    reader, chunks = read(path)
    assert np.array_equal(piezo_at(chunks, ticks), short.piezo[:ticks])
    assert any("the repeats were dropped" in notice for notice in map(str, reader.notices))


@pytest.mark.parametrize("damaged", [slice(0, 1), slice(400, 430), slice(3, 5000)])
def test_damage_to_the_first_records_costs_no_night(tmp_path, short, records, damaged):
    content = bytearray(b"".join(records))
    rng = np.random.default_rng(damaged.stop)
    garbage = rng.integers(0, 256, damaged.stop - damaged.start, dtype=np.uint8)
    content[damaged] = (garbage | 0x02).tobytes()  # no descriptor has this bit
    path = tmp_path / "night.dat"
    path.write_bytes(v1_header(short.ticks) + content)
    for size in (1, 1 << 20):
        reader, chunks = read(path, chunk_bytes=size)
        found = piezo_at(chunks, short.ticks + 10)
        lost = damaged.stop // 21 + 80
        assert any(
            np.array_equal(found[lost + s : short.ticks - 10 + s], short.piezo[lost:-10])
            for s in range(-10, 11)
        )
        assert any("stepped over" in notice for notice in map(str, reader.notices))


@pytest.mark.parametrize("ticks", [24 * RATE, 0])
def test_a_hole_behind_records_stored_twice_keeps_the_times_of_what_follows(
    tmp_path, short, records, ticks
):
    """The repeats are no time that the header's length would have to hold."""
    second = [records[k * RATE : (k + 1) * RATE] for k in range(24)]
    stored = [*second[:12], *second[6:12], *second[12:16], *second[19:]]
    path = tmp_path / "night.dat"
    path.write_bytes(v1_header(ticks) + b"".join(itertools.chain(*stored)))
    reader, chunks = read(path)
    expected = short.piezo.copy()
    expected[16 * RATE : 19 * RATE] = -1
    assert [(gap.start_seconds, gap.end_seconds) for gap in reader.gaps] == [(16, 19)]
    assert np.array_equal(piezo_at(chunks, short.ticks), expected)


@pytest.mark.parametrize("every", [10 * RATE, 7000])
def test_rare_time_stamps_are_no_damage(tmp_path, short, records, every):
    rare = [
        without(record, ABSENT["stamps"]) if tick % every else record
        for tick, record in enumerate(records)
    ]
    rare = [
        r if t % every or r[0] & 8 else bytes([r[0] | 8]) + r[1:] + stamp(t)
        for t, r in enumerate(rare)
    ]
    path = tmp_path / "rare.dat"
    path.write_bytes(v1_header(short.ticks) + b"".join(rare))
    reader, chunks = read(path)
    assert np.array_equal(piezo_at(chunks, short.ticks), short.piezo)
    assert reader.gaps == reader.notices == []


def stamp(tick: int) -> bytes:
    milliseconds = START * 1000 + START_MS + round(tick * 1000 / RATE)
    return struct.pack("<IH", milliseconds // 1000, milliseconds % 1000)
