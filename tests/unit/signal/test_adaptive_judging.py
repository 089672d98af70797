"""The adaptive method judges where enough sensors are on, and only there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.detection.hiccups import find_hiccups, judged_beside
from femo_signal.detection.profile import Profile
from femo_signal.settings import AnalysisSettings

from .recordings import RATE, V2_END, make_calm_belt, v2_header, v2_packets, write_v1

SETTINGS = AnalysisSettings(method="adaptive")
WHOLE = 110.0  # s of a recording of 120 s, less its ends


def judged_seconds(tmp_path: Path, belt) -> float:
    path = write_v1(tmp_path / "r.dat", belt)
    return build_profile(path, settings=SETTINGS).judge().seconds


def test_a_recording_whose_sensors_are_all_on_is_judged_whole(tmp_path):
    assert judged_seconds(tmp_path, make_calm_belt(120)) == pytest.approx(WHOLE, abs=0.1)


def test_one_sensor_off_leaves_all_time_judged_and_is_marked(tmp_path):
    belt = make_calm_belt(120)
    belt.piezo[40 * RATE : 60 * RATE, 0] = 32768
    path = write_v1(tmp_path / "r.dat", belt)
    judged = build_profile(path, settings=SETTINGS).judge()
    assert judged.seconds == pytest.approx(WHOLE, abs=0.1)
    fewer = (judged.fewer_sensors[:, 1] - judged.fewer_sensors[:, 0]).sum() / RATE
    assert fewer == pytest.approx(22, abs=1)


def test_time_that_accelerometers_alone_see_is_not_called_quiet(tmp_path):
    belt = make_calm_belt(120)
    belt.piezo[40 * RATE : 60 * RATE] = 32768
    path = write_v1(tmp_path / "r.dat", belt)
    judged = build_profile(path, settings=SETTINGS).judge()
    assert judged.unjudged_seconds["sensor_off"] == pytest.approx(22, abs=1)
    assert judged.seconds == pytest.approx(WHOLE - 22, abs=1)


KICKS = tuple(range(20, 105, 12))


def without_packets(tmp_path: Path, lost, *, seconds: int = 120) -> Profile:
    """Analyse a v2 recording that lacks the packets (1/16 s each) that ``lost`` picks."""
    belt = make_calm_belt(seconds, kicks=KICKS)
    kept = [packet for number, packet in enumerate(v2_packets(belt)) if not lost(number)]
    path = tmp_path / "r.bin"
    path.write_bytes(v2_header(belt.ticks) + b"".join(kept) + V2_END)
    return build_profile(path, settings=SETTINGS)


@pytest.mark.parametrize(("every", "lost"), [(4, 1), (5, 1), (8, 2), (16, 1), (100, 5)])
def test_lost_packets_are_a_gap_and_what_is_between_them_is_judged(tmp_path, every, lost):
    profile = without_packets(tmp_path, lambda number: number % every >= every - lost)
    judged = profile.judge()
    assert judged.unjudged_seconds["sensor_off"] == 0
    assert judged.unjudged_seconds["gap"] == pytest.approx(WHOLE * lost / every, abs=0.2)
    assert profile.info.notices == ()
    found = profile.info.seconds(profile.detections)
    inside = [kick for kick in KICKS if ((found[:, 0] < kick + 0.2) & (found[:, 1] > kick)).any()]
    assert len(inside) >= len(KICKS) - 1


def test_what_lost_packets_leave_too_little_of_is_no_quiet_and_no_sensor_off(tmp_path):
    profile = without_packets(tmp_path, lambda number: number % 4 > 0)
    judged = profile.judge()
    assert judged.seconds == 0
    assert judged.unjudged_seconds["sensor_off"] == pytest.approx(0, abs=0.3)
    assert judged.unjudged_seconds["gap"] == pytest.approx(WHOLE, abs=0.3)
    assert (
        "lost samples leave sensor_3 no stretch long enough to tell its level by: "
        "nothing is detected on it" in map(str, profile.info.notices)
    )


def test_a_minute_of_scattered_samples_is_not_called_quiet(tmp_path):
    profile = without_packets(tmp_path, lambda number: number > 960 and number % 10 > 1)
    judged = profile.judge()
    assert judged.seconds == pytest.approx(55, abs=1)
    assert judged.unjudged_seconds["sensor_off"] == 0


def test_a_long_gap_stays_long_where_trimming_leaves_little_of_it(tmp_path):
    # Packets 73 to 80; 5 s are trimmed, which is 80 packets: 1/16 s of the gap's 1/2 s is left
    profile = without_packets(tmp_path, lambda number: 73 <= number <= 80)
    assert profile.gaps.tolist() == [[0, RATE // 16]]
    on = profile.findings.evidence.on
    assert not on[:, 0].any()
    assert on[:, 3:].all()


def test_time_with_no_moment_of_rest_is_body_movement_and_no_sensor_off(tmp_path):
    belt = make_calm_belt(40)
    profile = build_profile(write_v1(tmp_path / "r.dat", belt), settings=SETTINGS)
    moving = np.array([[0, profile.info.length_ticks]])
    evidence = profile.findings.evidence
    unlevelled = replace(evidence, seen_levels=np.full(6, np.nan))
    judged = replace(
        profile, body_movement=moving, findings=replace(profile.findings, evidence=unlevelled)
    ).judge()
    assert judged.unjudged_seconds["body_movement"] == pytest.approx(30, abs=0.1)
    assert judged.unjudged_seconds["sensor_off"] == 0


def one_sided_pulses(seconds: int, begin: float, end: float):
    """Return a belt on which one piezo alone shows uneven pulses, and their times."""
    rng = np.random.default_rng(3)
    belt = make_calm_belt(seconds, kicks=(50.0, seconds - 50.0))
    times = begin + np.cumsum(np.clip(rng.normal(2.8, 0.25, 200), 1.9, 4.1))
    times = times[times < end]
    clock = np.arange(RATE // 2) / RATE
    shape = np.exp(-clock / 0.1) * np.sin(2 * np.pi * 7 * clock)
    for time, size in zip(times, rng.normal(1, 0.3, len(times)), strict=True):
        belt.piezo[round(time * RATE) :][: len(shape), 0] += (2000 * max(size, 0.2) * shape).astype(
            np.int64
        )
    return belt, times


def test_pulses_that_one_of_two_piezos_shows_are_neither_counted_nor_called_quiet(tmp_path):
    belt, times = one_sided_pulses(360, 100, 260)
    path = tmp_path / "r.bin"
    path.write_bytes(v2_header(belt.ticks) + b"".join(v2_packets(belt)) + V2_END)
    profile = build_profile(path, settings=SETTINGS)
    hiccups = find_hiccups(profile)
    assert [series.reason for series in hiccups.regular_pulses] == ["one_sensor"]
    judged = judged_beside(profile, hiccups)
    found = profile.info.seconds(profile.counted(profile.detections, judged))
    assert not ((found[:, 0] > times[0] - 1) & (found[:, 0] < times[-1] + 1)).any()
    assert judged.unjudged_seconds["regular_pulses"] == pytest.approx(160 + 25, abs=12)
    assert len(found) >= 1  # of the kicks far from them


def test_pulses_on_one_sensor_of_six_leave_the_time_judged(tmp_path):
    belt, _ = one_sided_pulses(360, 100, 260)
    profile = build_profile(write_v1(tmp_path / "r.dat", belt), settings=SETTINGS)
    hiccups = find_hiccups(profile)
    assert [series.reason for series in hiccups.regular_pulses] == ["one_sensor"]
    assert judged_beside(profile, hiccups).unjudged_seconds["regular_pulses"] == 0
