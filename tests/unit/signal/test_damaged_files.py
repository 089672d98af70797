"""Damage of any kind raises nothing but RecordingError, costs no more than itself, ends in time."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from femo_signal.errors import RecordingError
from femo_signal.formats import open_recording

from .recordings import RATE, make_belt, write_v1, write_v2

SECONDS, HEADER, UNIT = 30, {"v1": 20, "v2": 48}, {"v1": 21, "v2": 424}
KINDS = ("cut", "flip", "remove", "repeat", "swap", "insert", "overwrite", "clear")


@pytest.fixture(scope="module")
def belt():
    return make_belt(SECONDS, seed=12)


@pytest.fixture(scope="module")
def sound(belt, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    return {
        "v1": write_v1(folder / "a.dat", belt).read_bytes(),
        "v2": write_v2(folder / "a.bin", belt).read_bytes(),
    }


def damage(content: bytes, kind: str, random: random.Random, *, header: int, unit: int) -> bytes:
    """Damage up to 30 kB of a file, at times along its records."""
    at, size = random.randrange(header, len(content)), int(10 ** random.uniform(0, 4.5))
    if random.random() < 0.4:
        at, size = header + (at - header) // unit * unit, max(size // unit, 1) * unit
    head, part, tail = content[:at], content[at : at + size], content[at + size :]
    return {
        "cut": lambda: head,
        "flip": lambda: head + bytes([part[0] ^ 1 << random.randrange(8)]) + part[1:] + tail,
        "remove": lambda: head + tail,
        "repeat": lambda: head + part + part + tail,
        "swap": lambda: head + tail[:size] + part + tail[size:],
        "insert": lambda: head + random.randbytes(size) + part + tail,
        "overwrite": lambda: head + random.randbytes(len(part)) + tail,
        "clear": lambda: head + bytes(len(part)) + tail,
    }[kind]()


def piezo_of(path, columns, size: int):
    """Return the piezo counts at each tick, -1 where there are none; gaps; notices."""
    reader = open_recording(path, chunk_bytes=size)
    found = np.full((2 * SECONDS * RATE, columns), -1)
    end = 0
    for chunk in reader.chunks():
        assert chunk.start_tick >= end
        end = chunk.start_tick + chunk.length
        ticks = chunk.piezo_ticks
        found[slice(chunk.start_tick, end) if ticks is None else ticks] = chunk.piezo
    return found, reader.gaps, reader.notices, reader.clock


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", HEADER)
def test_damage_costs_no_more_than_itself(tmp_path, belt, sound, version, kind, seed):
    rng = random.Random(f"{version} {kind} {seed}")
    content = damage(sound[version], kind, rng, header=HEADER[version], unit=UNIT[version])
    path = tmp_path / "night.dat"
    path.write_bytes(content)
    true = belt.piezo if version == "v1" else belt.piezo[:, [0, 3]]
    start = time.process_time()
    try:
        found, *told = piezo_of(path, true.shape[1], 1 << 24)
    except RecordingError:
        assert kind == "cut"
        return
    assert time.process_time() - start < 5
    for size in (1, 30_011):
        again, *said = piezo_of(path, true.shape[1], size)
        assert np.array_equal(again, found)
        assert said == told
    assert right_seconds(found, true) >= SECONDS * len(content) / len(sound[version]) - 7


def right_seconds(found: np.ndarray, true: np.ndarray) -> int:
    """Return the seconds in which samples lie within 20 ms of their time."""
    right = 0
    for second in range(0, len(true), RATE):
        middle = slice(second + 400, second + 600)
        shifted = (found[middle.start + s : middle.stop + s] for s in range(-20, 21))
        right += any(np.array_equal(part, true[middle]) for part in shifted)
    return right
