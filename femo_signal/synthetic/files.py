"""Writes rendered chunks as v1 records or v2 packets, byte by byte as the formats say."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from typing import BinaryIO

import numpy as np

from femo_signal.synthetic.plan import RecordingPlan
from femo_signal.synthetic.rendering import Chunk
from femo_signal.synthetic.waveforms import RATE

__all__ = ["V1Writer", "V2Writer"]


def _epoch(moment: datetime) -> tuple[int, int]:
    milliseconds = round(moment.timestamp() * 1000)
    return milliseconds // 1000, milliseconds % 1000


class V1Writer:
    """Records with a piezo and an accelerometer block each; every 8th adds the IMU, every 16th
    the force, every 1024th a time stamp."""

    _PLAIN = 1 + 8 + 12
    _GROUP = 16 * _PLAIN + 2 * 20 + 2  # 16 records
    _TIME = _PLAIN + 20 + 2  # where the time stamp goes in a second's first group

    def __init__(self, file: BinaryIO, plan: RecordingPlan) -> None:
        self._file, self._plan = file, plan
        self._start_ms = round(plan.start.timestamp() * 1000)
        start = _epoch(plan.start)
        end = _epoch(plan.start + timedelta(seconds=plan.true_time(plan.seconds)))
        file.write(struct.pack("<IHIH4H", *start, *end, RATE, RATE, RATE // 8, RATE // 16))

    def write(self, chunk: Chunk) -> None:
        """Append some whole seconds."""
        groups = len(chunk.button) // 16
        body = np.empty((groups, self._GROUP), np.uint8)
        piezo = chunk.piezo.view(np.uint8).reshape(groups, 16, 8)
        accelerometer = chunk.accelerometer.view(np.uint8).reshape(groups, 16, 12)
        imu = chunk.imu.astype("<i2").reshape(groups, 2, 10)
        button = chunk.button.reshape(groups, 16).astype(np.uint8)
        # The plain records 1-7 and 9-15 of a group lie in one block each.
        for first, at in ((1, self._TIME), (9, self._TIME + 8 * self._PLAIN + 20)):
            plain = body[:, at : at + 7 * self._PLAIN].reshape(groups, 7, self._PLAIN)
            plain[:, :, 0] = 0xC0 | button[:, first : first + 7]
            plain[:, :, 1:9] = piezo[:, first : first + 7]
            plain[:, :, 9:] = accelerometer[:, first : first + 7]
            body[:, at : at + 7 * self._PLAIN] = plain.reshape(groups, -1)
        for index, (record, at) in enumerate(((0, 0), (8, self._TIME + 7 * self._PLAIN))):
            body[:, at] = 0xE0 | button[:, record]
            body[:, at + 1 : at + 9] = piezo[:, record]
            body[:, at + 9 : at + 21] = accelerometer[:, record]
            body[:, at + 21 : at + 41] = np.ascontiguousarray(imu[:, index]).view(np.uint8)
        body[:, 0] |= 0x10
        body[:, 41:43] = chunk.force.astype("<u2").view(np.uint8).reshape(groups, 2)
        seconds = groups // 64
        body = body.reshape(seconds, 64 * self._GROUP)
        stamps = np.zeros(seconds, np.dtype([("s", "<u4"), ("ms", "<u2")]))
        # Time stamps come from a clock of their own, which is right.
        since = self._plan.true_time(1.0) * 1000 * (chunk.first_second + np.arange(seconds))
        moments = self._start_ms + np.rint(since).astype(np.int64)
        stamps["s"], stamps["ms"] = moments // 1000, moments % 1000
        body[:, 0] |= 0x08
        whole = np.empty((seconds, body.shape[1] + 6), np.uint8)
        whole[:, : self._TIME] = body[:, : self._TIME]
        whole[:, self._TIME : self._TIME + 6] = stamps.view(np.uint8).reshape(seconds, 6)
        whole[:, self._TIME + 6 :] = body[:, self._TIME :]
        self._file.write(whole.tobytes())

    def close(self) -> None:
        """Nothing follows the last record."""


class V2Writer:
    """Packets of 64 samples; a lost packet is simply not there."""

    _PACKET = np.dtype(
        [
            ("signature", "<u2"),
            ("sequence", "u1"),
            ("time", "<u4"),
            ("flags", "u1"),
            ("piezo", "<u2", (64, 2)),
            ("imu", "<i2", (8, 10)),
        ]
    )

    def __init__(self, file: BinaryIO, plan: RecordingPlan) -> None:
        self._file, self._plan = file, plan
        lost = sum(round((end - start) * 16) for start, end in plan.gaps)
        packets = plan.seconds * 16 - lost
        start = plan.start
        end = start + timedelta(seconds=plan.true_time(plan.seconds))
        file.write(
            struct.pack(
                "<IIHIH4HIHI4s6sI",
                0x48414148,
                *_epoch(start),
                *_epoch(end),
                *(RATE, 0, RATE // 8, 0),
                *_epoch(start - timedelta(hours=1)),
                packets * self._PACKET.itemsize,
                b"SYN\0",
                b"\x02SYNTH",
                0x485A5A48,
            )
        )

    def write(self, chunk: Chunk) -> None:
        """Append some whole seconds, less the lost packets."""
        count = len(chunk.button) // 64
        number = chunk.first_second * 16 + np.arange(count)
        packets = np.zeros(count, self._PACKET)
        packets["signature"] = 0x504B
        packets["sequence"] = number % 256
        packets["time"] = np.floor(number * (self._plan.true_time(1.0) * 62.5))
        packets["flags"] = chunk.button.reshape(count, 64).any(axis=1)
        packets["piezo"] = chunk.piezo[:, [0, 3]].reshape(count, 64, 2)
        packets["imu"] = chunk.imu.reshape(count, 8, 10)
        kept = np.ones(count, bool)
        for start, end in self._plan.gaps:
            kept &= (number < start * 16) | (number >= end * 16)
        self._file.write(packets[kept].tobytes())

    def close(self) -> None:
        """Append the end mark."""
        self._file.write(struct.pack("<I", 0x445A5A44))
