"""The slow track shows the breath, and does not depend on how a file was read."""

from __future__ import annotations

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.preprocessing.slow import SLOW_RATE
from femo_signal.synthetic import draw_plan, draw_subject, write_recording


@pytest.fixture(scope="module", params=["v1", "v2"])
def recording(request, tmp_path_factory):
    traits = draw_subject("calm", seed=2)
    plan = draw_plan(traits, seconds=120, seed=3, recording_format=request.param, hiccups=False)
    path = tmp_path_factory.mktemp("slow") / ("a.dat" if request.param == "v1" else "a.bin")
    write_recording(path, plan)
    return path, traits


def test_the_breath_is_seen_in_the_orientation_and_in_the_piezos(recording):
    path, traits = recording
    slow = build_profile(path).signals.slow
    for name in ("quaternion_i", "sensor_3", "sensor_6"):
        x = slow[name].samples
        clock = np.arange(len(x))
        x = x - np.polyval(np.polyfit(clock, x, 1), clock)
        power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
        rate = np.fft.rfftfreq(len(x), 1 / SLOW_RATE)
        inside = (rate > 0.12) & (rate < 0.6)
        main = rate[inside][np.argmax(power[inside])]
        assert main == pytest.approx(traits.breathing_hz, abs=0.03)


def test_how_a_file_is_read_changes_no_slow_sample(recording):
    path, _ = recording
    whole = build_profile(path).signals.slow
    for chunk_bytes in (10_007, 65_537):
        parts = build_profile(path, chunk_bytes=chunk_bytes).signals.slow
        assert parts.keys() == whole.keys()
        for name, channel in whole.items():
            np.testing.assert_array_equal(parts[name].samples, channel.samples)
            assert parts[name].start_tick == channel.start_tick


def test_slow_samples_lie_in_the_middle_of_their_quarter_second(recording):
    path, _ = recording
    profile = build_profile(path)
    for channel in profile.signals.slow.values():
        untrimmed = channel.start_tick + profile.info.trim_ticks
        assert untrimmed % channel.step_ticks == channel.step_ticks // 2
        last = channel.start_tick + (len(channel.samples) - 1) * channel.step_ticks
        assert -channel.step_ticks < channel.start_tick
        assert last < profile.info.length_ticks + channel.step_ticks
