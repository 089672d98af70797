"""A file that cannot be analysed gets one line that says what, where, and what to do."""

from __future__ import annotations

import time

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.errors import RecordingError

from .recordings import V2_END, make_belt, v1_header, v1_records, v2_header, v2_packets

RANDOM = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
BELT = make_belt(10)

CASES = {
    "empty": (b"", "empty_recording"),
    "one byte": (b"H", "not_a_recording"),
    "text": (b"Dear colleague,\nplease find attached\n" * 500, "not_a_recording"),
    "text like a date": (b"2024-06-10 06:13:20, kick\n" * 500, "not_a_recording"),
    "text behind a plausible time": (
        v1_header(0)[:6] + b"kick, left side\n" * 500,
        "not_a_recording",
    ),
    "random": (RANDOM, "not_a_recording"),
    "zeros": (bytes(300_000), "not_a_recording"),
    "v1 header cut": (v1_header(0)[:12], "not_a_recording"),
    "v1 header only": (v1_header(0), "recording_without_data"),
    "v1 header and half a record": (v1_header(0) + b"\xf8\1\2", "recording_without_data"),
    "v1 header and noise": (v1_header(0) + RANDOM, "not_a_recording"),
    "v1 header and zeros": (v1_header(0) + bytes(300_000), "not_a_recording"),
    "v1 too short": (v1_header(9) + b"".join(v1_records(BELT)), "recording_too_short"),
    "v2 header cut": (v2_header(0)[:30], "recording_without_data"),
    "v2 header only": (v2_header(0), "recording_without_data"),
    "v2 header and end": (v2_header(0) + V2_END, "recording_without_data"),
    "v2 header and noise": (v2_header(0) + RANDOM, "recording_without_data"),
    "v2 upload header only": (b"\x5e\xa5" + bytes(13), "recording_without_data"),
    "v2 too short": (v2_header(9) + b"".join(v2_packets(BELT)) + V2_END, "recording_too_short"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_broken_file_is_refused_at_once_in_one_line(tmp_path, name):
    content, code = CASES[name]
    path = tmp_path / "night.dat"
    path.write_bytes(content)
    start = time.monotonic()
    with pytest.raises(RecordingError) as caught:
        build_profile(path)
    assert time.monotonic() - start < 5
    assert caught.value.code == code
    message = str(caught.value)
    assert message.startswith("night.dat")
    assert "\n" not in message
    assert ";" in message or ":" in message


@pytest.mark.parametrize("name", ["missing.dat", "."])
def test_a_path_that_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(RecordingError) as caught:
        build_profile(tmp_path / name)
    assert caught.value.code == "recording_unreadable"
    assert "cannot be read" in str(caught.value)
