"""How a v2 file is laid out: its headers and packets, and how these are found and copied out."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import RecordingError
from femo_signal.formats.chunk import Chunk, Header, plausible_time, unix_time
from femo_signal.intervals import from_mask
from femo_signal.notices import Notice, NoticeCode
from femo_signal.settings import TICKS_PER_SECOND

__all__ = [
    "CLOCK_BYTES",
    "FILE_END",
    "FILE_HEADER_BYTES",
    "FILE_SIGNATURE",
    "PACKET",
    "PACKET_MS",
    "PACKET_SIGNATURE",
    "PACKET_TICKS",
    "SEQUENCE_WRAP",
    "SIGNATURE",
    "SYNC_BYTES",
    "SYNC_SIGNATURE",
    "TIME_WRAP",
    "all_clocks_at",
    "clocks_at",
    "parse_header",
    "samples_of",
    "signatures_in",
]

SYNC_SIGNATURE = struct.pack("<H", 0xA55E)
FILE_SIGNATURE = struct.pack("<I", 0x48414148)
HEADER_END = struct.pack("<I", 0x485A5A48)
FILE_END = struct.pack("<I", 0x445A5A44)
SIGNATURE = 0x504B  # of a packet
PACKET_SIGNATURE = struct.pack("<H", SIGNATURE)
SYNC_BYTES, FILE_HEADER_BYTES = 15, 48

PACKET = np.dtype(
    [
        ("signature", "<u2"),
        ("sequence", "u1"),
        ("time", "<u4"),  # ms
        ("flags", "u1"),  # bit 0: the button is down
        ("piezo", "<u2", (64, 2)),
        ("imu", "<i2", (8, 10)),
    ]
)
PACKET_TICKS, IMU_TICKS = 64, 8
PACKET_MS = 1000 * PACKET_TICKS / TICKS_PER_SECOND
CLOCK_BYTES = 7  # signature, sequence and time stamp
SEQUENCE_WRAP, TIME_WRAP = 1 << 8, 1 << 32


def parse_header(content: bytes) -> tuple[Header, int, list[Notice]]:
    """Read the header or headers at the start of a v2 file.

    Returns
    -------
    header : Header
    size : int
        Bytes before the first packet.
    notices : list of Notice

    Raises
    ------
    RecordingError
        If the file header is missing or cut short.
    """
    at = SYNC_BYTES if content[:2] == SYNC_SIGNATURE else 0
    size = at + FILE_HEADER_BYTES
    if content[at : at + 4] != FILE_SIGNATURE[: max(len(content) - at, 0)]:
        raise RecordingError(
            f"there is no v2 file header at byte {at}; give a recording of a FeMo belt",
            code="not_a_recording",
        )
    if len(content) < size:
        raise RecordingError(
            f"the file ends inside the v2 header (byte {len(content)} of {size}); "
            "transfer the recording again",
            code="recording_without_data",
        )
    header, notices = _header_fields(content[at:size])
    if content[size - 4 : size] != HEADER_END:
        text = f"the end mark of the file header at byte {size - 4} is damaged"
        notices.insert(0, Notice(NoticeCode.HEADER, text))
    return header, size, notices


def _header_fields(content: bytes) -> tuple[Header, list[Notice]]:
    """Read the 48 bytes of the file header."""
    start_s, start_ms, end_s, end_ms, piezo_rate = struct.unpack("<IHIHH", content[4:18])
    notices: list[Notice] = []
    if not plausible_time(start_s, start_ms):
        text = "the start time in the header is implausible: times of day are unreliable"
        notices.append(Notice(NoticeCode.HEADER, text))
    start = unix_time(start_s, start_ms)
    header = Header(
        format="v2",
        start=start,
        end=unix_time(end_s, end_ms) if plausible_time(end_s, end_ms) else start,
        piezo_names=("sensor_3", "sensor_6"),
        accelerometer_names=(),
        piezo_rate=piezo_rate or TICKS_PER_SECOND,
    )
    return header, notices


def samples_of(packets: NDArray[Any], index: int) -> Chunk:
    """Return the samples of packets that follow each other from place ``index`` on."""
    start = index * PACKET_TICKS
    imu = packets["imu"].reshape(-1, 10)
    return Chunk(
        start_tick=start,
        length=len(packets) * PACKET_TICKS,
        piezo=packets["piezo"].reshape(-1, 2),
        accelerometer=np.zeros((0, 0), dtype=np.uint16),
        accelerometer_ticks=np.zeros(0, dtype=np.int64),
        imu=imu,
        imu_ticks=np.arange(len(imu), dtype=np.int64) * IMU_TICKS + start,
        presses=from_mask((packets["flags"] & 1) > 0) * PACKET_TICKS + start,
    )


def clocks_at(data: bytes, position: int) -> tuple[int, int]:
    """Return the sequence number and time stamp of the packet at ``position``."""
    sequence, time = struct.unpack_from("<xxBI", data, position)
    return sequence, time


def signatures_in(data: bytes, first: int, past: int) -> NDArray[np.int64]:
    """Return where, from ``first`` to before ``past``, a packet may start by its signature."""
    past = min(past, len(data) - CLOCK_BYTES + 1)
    if past <= first:
        return np.zeros(0, dtype=np.int64)
    near = np.frombuffer(data, dtype=np.uint8, count=past - first + 1, offset=first)
    return np.flatnonzero((near[:-1] == SIGNATURE & 0xFF) & (near[1:] == SIGNATURE >> 8)) + first


def all_clocks_at(
    data: bytes, positions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sequence numbers and time stamps at all positions."""
    content = np.frombuffer(data, dtype=np.uint8)
    taken = content[positions[:, None] + np.arange(2, CLOCK_BYTES)].astype(np.int64)
    return taken[:, 0], taken[:, 1:] @ (1 << np.arange(0, 32, 8))
