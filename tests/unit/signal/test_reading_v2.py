"""v2 files keep their time base over missing, damaged and garbled packets."""

from __future__ import annotations

import itertools
import struct
import time

import numpy as np
import pytest

from femo_signal.formats import open_recording
from femo_signal.intervals import from_mask, union

from .recordings import V2_END, Belt, make_belt, v2_header, v2_packets


def read(path, **options):
    reader = open_recording(path, **options)
    return reader, list(reader.chunks())


@pytest.fixture(scope="module")
def short() -> Belt:
    return make_belt(40, seed=9)


@pytest.fixture(scope="module")
def packets(short) -> list[bytes]:
    return v2_packets(short)


@pytest.fixture
def write(tmp_path, short):
    def write_parts(*parts: bytes):
        path = tmp_path / "night.bin"
        path.write_bytes(v2_header(short.ticks) + b"".join(parts) + V2_END)
        return path

    return write_parts


def join(packets) -> bytes:
    return b"".join(packets)


def rubbish(size: int) -> bytes:
    return np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8).tobytes()


def right_packets(chunks, short) -> set[int]:
    """Check that all samples lie at their own time; return the packets that are there."""
    there: set[int] = set()
    for chunk in chunks:
        span = slice(chunk.start_tick, chunk.start_tick + chunk.length)
        assert np.array_equal(chunk.piezo, short.piezo[span][:, [0, 3]])
        assert np.array_equal(chunk.imu, short.imu[span.start // 8 : span.stop // 8])
        there.update(range(span.start // 64, span.stop // 64))
    return there


def test_every_sample_arrives_where_it_belongs(short, packets, write):
    reader, chunks = read(write(join(packets)))
    assert right_packets(chunks, short) == set(range(640))
    pressed = short.pressed.reshape(-1, 64).any(axis=1).repeat(64)
    assert np.array_equal(union(*[c.presses for c in chunks]), from_mask(pressed))
    assert reader.gaps == reader.notices == []


def test_an_upload_header_in_front_is_passed_over(short, packets, write):
    path = write(join(packets))
    path.write_bytes(b"\x5e\xa5" + bytes(13) + path.read_bytes())
    _, chunks = read(path)
    assert right_packets(chunks, short) == set(range(640))


@pytest.mark.parametrize("missing", [1, 3, 255, 256, 257, 400])
def test_missing_packets_leave_a_gap_of_their_length(short, packets, write, missing):
    reader, chunks = read(write(join(packets[:100] + packets[100 + missing :])))
    assert right_packets(chunks, short) == set(range(640)) - set(range(100, 100 + missing))
    (gap,) = reader.gaps
    assert (gap.start_seconds, gap.end_seconds) == (6.25, 6.25 + missing / 16)


def test_packets_missing_at_the_start_are_a_gap_too(short, packets, write):
    reader, chunks = read(write(join(packets[20:])))
    assert right_packets(chunks, short) == set(range(20, 640))
    assert (reader.gaps[0].start_seconds, reader.gaps[0].end_seconds) == (0, 1.25)


@pytest.mark.parametrize("size", [1, 100, 423, 424, 848, 5000, 100_000])
def test_garbage_between_packets_costs_nothing(short, packets, write, size):
    _, chunks = read(write(join(packets[:100]), rubbish(size), join(packets[100:])))
    assert set(range(640)) - right_packets(chunks, short) <= {99}


@pytest.mark.parametrize("size", [2, 50, 424, 5000])
def test_overwritten_packets_are_left_out(short, packets, write, size):
    content = bytearray(join(packets))
    content[424 * 100 : 424 * 100 + size] = rubbish(size)
    _, chunks = read(write(bytes(content)))
    assert len(set(range(640)) - right_packets(chunks, short)) <= -(-size // 424) + 1


@pytest.mark.parametrize("cut", [slice(17, 117), slice(400, 410), slice(1, 3), slice(8, 420)])
def test_a_packet_that_lost_bytes_does_not_take_the_next_one_with_it(short, packets, write, cut):
    broken = packets[100][: cut.start] + packets[100][cut.stop :]
    reader, chunks = read(write(join(packets[:100]), broken, join(packets[101:])))
    assert set(range(640)) - right_packets(chunks, short) <= {99, 100}
    assert any("stepped over" in notice for notice in map(str, reader.notices))


@pytest.mark.parametrize(
    "change", [(2, b"\x77"), (3, b"\xff\xff\xff\x7f"), (3, b"\0\0\0\0"), (2, b"\x77\x01\x02\x03")]
)
def test_a_packet_with_absurd_clocks_is_left_out(short, packets, write, change):
    at, content = change
    broken = packets[100][:at] + content + packets[100][at + len(content) :]
    _, chunks = read(write(join(packets[:100]), broken, join(packets[101:])))
    assert right_packets(chunks, short) == set(range(640)) - {100}


def test_a_signature_within_the_samples_is_no_packet(tmp_path, packets):
    belt = make_belt(40, seed=9)
    belt.piezo[:, 0] = 0x504B
    path = tmp_path / "lookalike.bin"
    packets = v2_packets(belt)
    path.write_bytes(
        v2_header(belt.ticks) + join(packets[:50]) + rubbish(30) + join(packets[50:]) + V2_END
    )
    _, chunks = read(path)
    assert set(range(640)) - right_packets(chunks, belt) <= {49}


def test_a_missing_end_mark_is_told(short, packets, tmp_path):
    path = tmp_path / "cut.bin"
    path.write_bytes(v2_header(short.ticks) + join(packets[:500]) + packets[500][:99])
    reader, chunks = read(path)
    assert right_packets(chunks, short) == set(range(500))
    assert any("cut off" in notice for notice in map(str, reader.notices))
    assert any("header says 40.0 s" in notice for notice in map(str, reader.notices))


def test_clocks_that_jump_beyond_two_days_are_not_believed(short, packets, write):
    changed = list(packets)
    for k in range(300, 640):
        changed[k] = packets[k][:3] + struct.pack("<I", 2**31 + int(k * 62.5)) + packets[k][7:]
    reader, chunks = read(write(join(changed)))
    assert right_packets(chunks, short) == set(range(640))
    assert any("sequence numbers were followed" in notice for notice in map(str, reader.notices))


def test_a_pause_longer_than_the_file_can_vouch_for_fills_no_memory(short, packets, write):
    """Both clocks agree on 30 hours, in a file of 40 s."""
    changed = list(packets)
    for k in range(300, 640):
        later = 30 * 3600 * 1000 * (1 if k < 400 else 2)
        changed[k] = packets[k][:3] + struct.pack("<I", later + int(k * 62.5)) + packets[k][7:]
    reader, chunks = read(write(join(changed)))
    assert right_packets(chunks, short) == set(range(640))
    assert reader.gaps == []
    assert [round(step.seconds) for step in reader.clock.steps] == [30 * 3600] * 2


@pytest.mark.parametrize("again", [[99], [98], [60], [99, 99], list(range(90, 100)), [3]])
def test_packets_stored_twice_shift_nothing(short, packets, write, again):
    reader, chunks = read(write(join(packets[:100] + [packets[k] for k in again] + packets[100:])))
    assert right_packets(chunks, short) == set(range(640))
    assert sum(c.length for c in chunks) == short.ticks
    assert reader.gaps == []
    (notice,) = reader.notices
    assert f"stored again, dropped: {len(again)} " in notice.text
    assert notice.code == "repeated"


@pytest.mark.parametrize("between", [b"", V2_END, V2_END + v2_header(0)])
@pytest.mark.parametrize("first", [0, 300])
@pytest.mark.parametrize("count", [512, 640])  # 512: the sequence numbers go on by chance
def test_a_file_body_appended_twice_is_read_once(short, packets, write, between, first, count):
    reader, chunks = read(write(join(packets[:count]), between, join(packets[first:count])))
    assert right_packets(chunks, short) == set(range(count))
    assert sum(c.length for c in chunks) == 64 * count
    assert reader.gaps == []
    assert any(f"dropped: {count - first} " in notice for notice in map(str, reader.notices))


@pytest.mark.parametrize("late", [1, 2, 40, 63])
@pytest.mark.parametrize("size", [1, 1 << 24])
def test_late_packets_are_put_back_in_order(short, packets, write, late, size):
    order = packets[:100] + packets[101 : 101 + late] + packets[100:101] + packets[101 + late :]
    reader, chunks = read(write(join(order)), chunk_bytes=size)
    assert right_packets(chunks, short) == set(range(640))
    assert all(one.start_tick < other.start_tick for one, other in itertools.pairwise(chunks))
    assert reader.gaps == []
    assert any("put back in order: 1 " in notice for notice in map(str, reader.notices))


def test_packets_that_come_too_late_are_a_gap_and_told(short, packets, write):
    order = packets[:100] + packets[103:300] + packets[100:103] + packets[300:]
    reader, chunks = read(write(join(order)))
    assert right_packets(chunks, short) == set(range(640)) - {100, 101, 102}
    assert [(gap.start_seconds, gap.end_seconds) for gap in reader.gaps] == [(6.25, 6.4375)]
    assert any("late, dropped: 3 " in notice for notice in map(str, reader.notices))


@pytest.mark.parametrize("bit", range(32))
def test_a_bit_that_flips_in_a_time_stamp_costs_one_packet(short, packets, write, bit):
    changed = list(packets)
    time = struct.unpack_from("<I", packets[100], 3)[0] ^ 1 << bit
    changed[100] = packets[100][:3] + struct.pack("<I", time) + packets[100][7:]
    reader, chunks = read(write(join(changed)))
    assert set(range(640)) - right_packets(chunks, short) <= {100}
    assert sum(gap.end_seconds - gap.start_seconds for gap in reader.gaps) <= 0.0625


@pytest.mark.parametrize("lost", ["removed", "overwritten"])
@pytest.mark.parametrize("which", ["every second", "30 %"])
def test_packets_that_stand_alone_are_kept(short, packets, write, lost, which):
    rng = np.random.default_rng(8)
    kept = {
        k for k in range(640) if (k % 2 == 0 if which == "every second" else rng.random() > 0.3)
    }
    other = rubbish(424) if lost == "overwritten" else b""
    _, chunks = read(write(join(p if k in kept else other for k, p in enumerate(packets))))
    assert right_packets(chunks, short) == kept


@pytest.mark.parametrize(
    "filler",
    [b"\x4b\x50", b"\x4b\x50\x05", b"\x4b\x50" + bytes(5), bytes(4), "packet"],
    ids=["signatures", "with sequence", "with time", "zeros", "one packet"],
)
def test_no_content_makes_searching_slow(packets, write, filler):
    filler = packets[-1] if filler == "packet" else filler
    reader = open_recording(write(join(packets), filler * ((1 << 20) // len(filler))))
    start = time.process_time()
    assert sum(c.length for c in reader.chunks()) >= 640 * 64
    assert time.process_time() - start < 10  # 45 s while each signature was followed up


@pytest.mark.parametrize("size", [1, 70_001])
def test_the_size_of_the_pieces_read_changes_nothing(short, packets, write, size):
    path = write(
        join(packets[:100]),
        rubbish(999),
        join(packets[100:300]),
        rubbish(5000),
        join(packets[330:]),
    )
    whole, expected = read(path, chunk_bytes=1 << 24)
    pieces, found = read(path, chunk_bytes=size)
    assert right_packets(found, short) == right_packets(expected, short)
    assert pieces.gaps == whole.gaps
    assert pieces.notices == whole.notices
