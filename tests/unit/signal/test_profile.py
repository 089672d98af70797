"""The engine's profile is that of its plain twin, however the file is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.intervals import from_mask, to_mask
from femo_signal.reporting.inspection import inspect_recording
from femo_signal.settings import AnalysisSettings

from .recordings import (
    RATE,
    REFERENCE,
    make_belt,
    make_calm_belt,
    v1_header,
    v1_records,
    v2_header,
    v2_packets,
    write_v1,
)

MAPS = ("body_movement", "detections", "sensation", "presses")
EDGE_TICKS = 10  # 10 ms


def assert_same_maps(profile, expected) -> None:
    for name in MAPS:
        found, wanted = getattr(profile, name), from_mask(getattr(expected, name))
        assert found.shape == wanted.shape, name
        assert np.abs(found - wanted).max(initial=0) <= EDGE_TICKS, name


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_all_maps_and_thresholds_equal_those_of_the_plain_twin(kind, request, twin):
    path = request.getfixturevalue(f"{kind}_path")
    profile, expected = build_profile(path, settings=REFERENCE), twin.profile(twin.load(path))
    assert len(profile.detections) >= 4
    assert len(profile.body_movement) == 2
    assert_same_maps(profile, expected)
    for name, level in expected.thresholds.items():
        assert profile.thresholds[name] == pytest.approx(level, rel=2e-3)


def test_signals_equal_those_of_the_plain_twin(v1_path, twin):
    profile, expected = build_profile(v1_path, settings=REFERENCE), twin.profile(twin.load(v1_path))
    signals = profile.signals
    pairs = [(signals.sensors[name], samples) for name, samples in expected.sensors.items()]
    pairs.append((signals.acceleration, expected.acceleration))
    angles = (signals.roll, signals.pitch, signals.yaw)
    pairs += [(angle, expected.angles[:, i]) for i, angle in enumerate(angles)]
    for channel, samples in pairs:
        every_eighth = samples[::8]
        assert channel.samples.dtype == np.float32
        assert channel.samples.shape == every_eighth.shape
        error = np.abs(channel.samples - every_eighth).max()
        assert error < 2e-3 * np.abs(every_eighth).max()


@pytest.mark.parametrize("chunk_bytes", [1, 50_021, 1 << 24])
def test_the_size_of_the_pieces_read_changes_no_bit(v1_path, chunk_bytes):
    usual, other = (
        build_profile(v1_path, settings=REFERENCE),
        build_profile(v1_path, settings=REFERENCE, chunk_bytes=chunk_bytes),
    )
    assert usual.info == other.info
    assert usual.thresholds == other.thresholds
    for name in MAPS:
        assert np.array_equal(getattr(usual, name), getattr(other, name))
    for name, channel in usual.signals.sensors.items():
        assert np.array_equal(channel.samples, other.signals.sensors[name].samples)
    for name in ("acceleration", "roll", "pitch", "yaw"):
        a, b = getattr(usual.signals, name), getattr(other.signals, name)
        assert np.array_equal(a.samples, b.samples)


def test_a_slow_accelerometer_is_interpolated_and_not_filled_with_zeros(tmp_path, twin):
    belt = make_belt(30, seed=5)
    path = write_v1(tmp_path / "slow.dat", belt, accelerometer_every=4)
    expected = twin.profile(twin.load(path))
    for chunk_bytes in (None, 20_011):
        channel = build_profile(path, settings=REFERENCE, chunk_bytes=chunk_bytes).signals.sensors[
            "sensor_1"
        ]
        wanted = expected.sensors["sensor_1"][::8]
        assert np.abs(channel.samples - wanted).max() < 2e-3 * np.abs(wanted).max()


def test_a_slow_turn_through_half_a_circle_is_no_body_movement(tmp_path, twin):
    belt = make_belt(60, seed=6)
    half = np.pi / 2 + 0.006 * np.linspace(-1, 1, len(belt.imu))  # half of a yaw about 180 degrees
    belt.imu[:, :4] = 0
    belt.imu[:, 0], belt.imu[:, 3] = 10000 * np.cos(half), 10000 * np.sin(half)
    profile = build_profile(write_v1(tmp_path / "turn.dat", belt), settings=REFERENCE)
    assert len(profile.body_movement) == 0


def test_zero_quaternions_take_the_nearest_earlier_angle(tmp_path, twin):
    belt = make_belt(40, seed=6, moves=(20.0,))
    belt.imu[:300, :4] = 0
    belt.imu[1500:1600, :4] = 0
    path = write_v1(tmp_path / "zero.dat", belt)
    for chunk_bytes in (None, 20_011):
        profile = build_profile(path, settings=REFERENCE, chunk_bytes=chunk_bytes)
        assert_same_maps(profile, twin.profile(twin.load(path)))


def test_a_press_of_one_sample_is_in_the_presses_and_felt(tmp_path):
    belt = make_belt(40, seed=1)
    belt.pressed[:] = False
    belt.pressed[20 * RATE] = True
    profile = build_profile(write_v1(tmp_path / "lone.dat", belt), settings=REFERENCE)
    assert profile.presses.tolist() == [[15 * RATE, 15 * RATE + 1]]
    assert profile.sensation.tolist() == [[10 * RATE, 20 * RATE + 1]]


def test_sensors_that_carry_no_signal_are_not_live_and_detect_nothing(tmp_path):
    belt = make_belt(40, seed=1)
    belt.piezo[:, 0] = 31000
    belt.imu[:] = 0
    profile = build_profile(write_v1(tmp_path / "dead.dat", belt), settings=REFERENCE)
    assert profile.signals.live == {"sensor_1", "sensor_2", "sensor_4", "sensor_5", "sensor_6"}
    assert profile.thresholds["sensor_3"] == float("inf")
    assert len(profile.sensor_detections["sensor_3"]) == 0
    assert len(profile.sensor_detections["sensor_6"]) > 0


def test_v2_has_no_accelerometer_and_no_acoustic_sensor(v2_path):
    profile = build_profile(v2_path, settings=REFERENCE)
    assert set(profile.signals.sensors) == {"sensor_3", "sensor_6"}


def gap_files(belt, tmp_path):
    records, packets = v1_records(belt), v2_packets(belt)
    v1, v2 = tmp_path / "gap.dat", tmp_path / "gap.bin"
    v1.write_bytes(v1_header(belt.ticks) + b"".join(records[: 24 * RATE] + records[27 * RATE :]))
    v2.write_bytes(
        v2_header(belt.ticks) + b"".join(packets[: 24 * 16] + packets[27 * 16 :]) + b"DZZD"
    )
    return v1, v2


def test_a_gap_is_reported_and_moves_no_event(belt, v1_path, v2_path, tmp_path):
    for whole, path in zip((v1_path, v2_path), gap_files(belt, tmp_path), strict=True):
        expected, profile = (
            build_profile(whole, settings=REFERENCE),
            build_profile(path, settings=REFERENCE),
        )
        assert profile.info.duration_seconds == expected.info.duration_seconds
        assert [(g.start_seconds, g.end_seconds) for g in profile.info.gaps] == [
            (pytest.approx(24, abs=0.01), pytest.approx(27, abs=0.01))
        ]
        start, end = profile.gaps[0]
        assert (start, end) == (pytest.approx(19 * RATE, abs=9), pytest.approx(22 * RATE, abs=9))
        for name, level in expected.thresholds.items():
            assert profile.thresholds[name] == pytest.approx(level, rel=0.1)
        for name, tolerance in (("detections", 200), ("body_movement", 20)):
            away = [
                row
                for row in getattr(expected, name)
                if row[1] < start - 3 * RATE or row[0] > end + 3 * RATE
            ]
            found = getattr(profile, name)
            assert away
            for row in away:
                assert np.abs(found - row).max(axis=1).min() <= tolerance, (
                    f"{name} {row} of {path.name}"
                )
        for core in profile.core_detections.values():
            assert not to_mask(core, profile.info.length_ticks)[start:end].any()


def test_a_gap_makes_no_detection_of_its_own(tmp_path):
    belt = make_belt(60, seed=12)
    belt.piezo[32 * RATE :] += 1000  # the belt sits otherwise after the gap
    packets = v2_packets(belt)
    path = tmp_path / "moved.bin"
    for missing in (16, 30, 300):
        path.write_bytes(
            v2_header(belt.ticks)
            + b"".join(packets[: 32 * 16] + packets[32 * 16 + missing :])
            + b"DZZD"
        )
        profile = build_profile(path, settings=REFERENCE)
        for core in profile.core_detections.values():
            end = 27 * RATE + 64 * missing
            assert not to_mask(core, profile.info.length_ticks)[26 * RATE : end + RATE].any()


def test_thirty_seconds_are_cut_from_long_and_five_from_short_recordings(v2_path, tmp_path):
    assert build_profile(v2_path, settings=REFERENCE).info.trim_seconds == 5
    settings = AnalysisSettings()
    changed = settings.preprocessing.model_copy(update={"long_recording_seconds": 65.0})
    profile = build_profile(
        v2_path, settings=settings.model_copy(update={"preprocessing": changed})
    )
    assert profile.info.trim_seconds == 30
    assert profile.info.length_ticks == 10 * RATE


def test_inspection_counts_seconds_from_the_start_of_the_file(v1_path, belt):
    told = inspect_recording(v1_path, settings=REFERENCE)
    assert list(told) == [
        "start",
        "duration_seconds",
        "format",
        "sample_rate",
        "trim_seconds",
        "judged_seconds",
        "judged_status",
        "judged_explanation",
        "unjudged_seconds",
        "unjudged",
        "sensors_off",
        "gaps",
        "clock",
        "thresholds",
        "intervals",
        "candidates",
        "end_presses",
        "body_movement_status",
        "detections_status",
        "notices",
    ]
    assert told["start"] == "2024-06-10T06:13:20.437Z"
    assert (told["format"], told["sample_rate"], told["trim_seconds"]) == ("v1", 1024, 5)
    assert set(told["intervals"]) == {"body_movement", "detections", "sensation", "presses"}
    first_press = np.flatnonzero(belt.pressed)[0] / RATE
    assert told["intervals"]["presses"][0][0] == pytest.approx(first_press, abs=1e-9)
    for start, end in told["intervals"]["detections"]:
        assert any(start - 0.5 < kick < end + 0.5 for kick in belt.kicks)


@pytest.mark.parametrize("kicks", [(), (30.0, 47.0, 80.0)])
def test_an_inspection_shows_no_candidate_of_chance_as_a_detection(tmp_path, kicks):
    belt = make_calm_belt(120, kicks=kicks, seed=3)
    told = inspect_recording(write_v1(tmp_path / "calm.dat", belt))
    assert len(told["candidates"]) >= len(kicks)
    assert [round(start) for start, _ in told["intervals"]["detections"]] == list(kicks)


def test_progress_runs_from_little_to_all(v1_path):
    told: list[float] = []
    build_profile(v1_path, settings=REFERENCE, progress=told.append, chunk_bytes=200_000)
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == 1


def test_profiles_are_values(v2_path):
    profile = build_profile(v2_path, settings=REFERENCE)
    with pytest.raises(AttributeError):
        profile.info.trim_ticks = 0  # type: ignore[misc]
    assert replace(profile.info, notices=("x",)).notices == ("x",)
