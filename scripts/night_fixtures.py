"""Make the nights that the console is tested with anew, after a change of the result.

`python -m scripts.night_fixtures MODEL`: two synthetic nights of eight hours, over both changes of
London's clocks, are analysed with a trained model and written into console/tests/fixtures. Of the
v1 night some sensors are off for a time, and samples are missing.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FIXTURES = Path(__file__).resolve().parents[1] / "console" / "tests" / "fixtures"
HEADER_BYTES = 20
RATE = 1024  # records a second
BLOCK_BYTES = {0x80: 8, 0x40: 12, 0x20: 20, 0x10: 2, 0x08: 6}  # by the descriptor's bit
RECORD_BYTES = [
    1 + sum(size for bit, size in BLOCK_BYTES.items() if descriptor & bit)
    for descriptor in range(256)
]
PIEZOS = {"sensor_3": 0, "sensor_4": 1, "sensor_5": 2, "sensor_6": 3}


class Off(NamedTuple):
    """A sensor at its lower stop, s from the recording's start."""

    sensor: str
    start: int
    end: int


OFF = (
    Off("sensor_3", 7800, 14700),
    Off("sensor_6", 10800, 12300),
    Off("sensor_4", 10900, 12300),
    Off("sensor_5", 10900, 12300),
    Off("accelerometers", 11000, 12200),
)
# Ticks that break the pattern of the records, as a pause of the belt does
MISSING = (18700 * RATE + 37, 19420 * RATE + 501)


def main(model: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        v1 = _synthesized(folder / "v1", "v1", seed=5, start="2025-03-29T21:47:00Z")
        v1.write_bytes(_with_faults(v1.read_bytes()))
        _keep("forward_v1", v1, model)
        v2 = _synthesized(folder / "v2", "v2", seed=6, start="2025-10-25T21:12:00Z")
        _keep("back_v2", v2, model)


def _femo(*arguments: str) -> str:
    command = [sys.executable, "-m", "femo_cli.main", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _synthesized(folder: Path, recording_format: str, *, seed: int, start: str) -> Path:
    _femo("synthesize", str(folder), "--recordings", "1", "--minutes", "480", "--format",
          recording_format, "--seed", str(seed), "--start", start)  # fmt: skip
    return next(path for path in folder.iterdir() if path.suffix in (".dat", ".bin"))


def _keep(name: str, recording: Path, model: str) -> None:
    response = json.loads(_femo("analyze", str(recording), "--model", model, "--remove-hiccups"))
    text = json.dumps(response, separators=(",", ":"))
    (FIXTURES / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _records(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each record begins, and its descriptor."""
    position = HEADER_BYTES
    while position < len(data):
        yield position, data[position]
        position += RECORD_BYTES[data[position]]


def _with_faults(data: bytes) -> bytes:
    """Return a v1 recording with sensors off and samples missing."""
    changed = bytearray(data)
    cut = [0, 0]
    first, past = min(off.start for off in OFF) * RATE, max(off.end for off in OFF) * RATE
    for tick, (position, descriptor) in enumerate(_records(data)):
        if tick in MISSING:
            cut[MISSING.index(tick)] = position
        if first <= tick < past:
            _silence(changed, position, descriptor, tick // RATE)
    return bytes(changed[: cut[0]] + changed[cut[1] :])


def _silence(data: bytearray, position: int, descriptor: int, second: int) -> None:
    piezos = position + 1
    accelerometers = piezos + (BLOCK_BYTES[0x80] if descriptor & 0x80 else 0)
    for sensor, start, end in OFF:
        if not start <= second < end:
            continue
        if sensor in PIEZOS and descriptor & 0x80:
            at = piezos + 2 * PIEZOS[sensor]
            data[at : at + 2] = bytes(2)
        elif sensor == "accelerometers" and descriptor & 0x40:
            data[accelerometers : accelerometers + 12] = bytes(12)


if __name__ == "__main__":
    main(sys.argv[1])
