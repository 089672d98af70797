"""Time in which a sensor is off is told, and spoils neither thresholds nor detections."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.detection.profile import Profile
from femo_signal.errors import RecordingError
from femo_signal.intervals import clip, from_mask, intersection
from femo_signal.notices import Notice, NoticeCode
from femo_signal.preprocessing import preprocess as preprocessing
from femo_signal.preprocessing.mending import OffRun
from femo_signal.preprocessing.usable import exclusive
from femo_signal.recording import Gap

from .recordings import (
    RATE,
    REFERENCE,
    Belt,
    BeltReader,
    make_calm_belt,
    v2_header,
    v2_packets,
    write_v1,
)

KICKS = (16.0, 26.0, 36.0, 46.0)
MOTION = ("acceleration", "roll", "pitch", "yaw")


@pytest.fixture
def analyse(monkeypatch):
    def run(belt: Belt, **options) -> Profile:
        reader = BeltReader(belt, **options)
        monkeypatch.setattr(preprocessing, "open_recording", lambda *_, **__: reader)
        return build_profile("night.dat", settings=REFERENCE)

    return run


def starts(profile: Profile) -> list[float]:
    return profile.info.seconds(profile.detections[:, 0]).tolist()


def off(profile: Profile, sensor: str) -> list[tuple[float, float, str]]:
    return [
        (run.start_seconds, run.end_seconds, run.reason)
        for run in profile.info.sensors_off
        if run.sensor == sensor
    ]


def constant(samples, rng):
    samples[:] = 31000


def at_the_top(samples, rng):
    samples[:] = 65535


def at_the_bottom_with_noise(samples, rng):
    samples[:] = rng.integers(0, 2, samples.shape)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(constant, "constant"), (at_the_top, "railed"), (at_the_bottom_with_noise, "railed")],
)
@pytest.mark.parametrize("seconds", [(0, 13), (28, 34), (40, 60), (30.0, 31.5)])
def test_sensors_that_are_off_for_a_while_hide_no_kick_of_the_rest(analyse, fault, reason, seconds):
    belt = make_calm_belt(60, kicks=KICKS)
    usual = analyse(belt).thresholds
    start, end = (int(s * RATE) for s in seconds)
    fault(belt.piezo[start:end], np.random.default_rng(0))
    profile = analyse(belt)

    outside = [k for k in KICKS if not seconds[0] - 1 < k < seconds[1] + 1]
    assert starts(profile) == pytest.approx([k - 1.9 for k in outside], abs=0.3)
    for name, level in profile.thresholds.items():
        assert level == pytest.approx(usual[name], rel=0.1)
        ((first, last, why),) = off(profile, name)
        assert (first, last) == (
            pytest.approx(seconds[0], abs=0.02),
            pytest.approx(seconds[1], abs=0.02),
        )
        assert why == reason
        assert sum(name in notice for notice in map(str, profile.info.notices)) == 1


def test_one_piezo_that_dies_half_way_leaves_the_judging_to_the_other(analyse):
    belt = make_calm_belt(60, kicks=KICKS)
    belt.piezo[30 * RATE :, 0] = 30000
    profile = analyse(belt)
    assert len(starts(profile)) == len(KICKS)
    dead = profile.signals.off["sensor_3"]
    assert dead.tolist() == [[pytest.approx(24 * RATE, abs=9), 50 * RATE]]  # a margin of 1 s
    assert len(profile.signals.off["sensor_6"]) == 0
    assert len(intersection(profile.core_detections["sensor_3"], dead)) == 0


def test_a_sensor_that_is_off_again_and_again_makes_no_movements(analyse):
    belt = make_calm_belt(60)
    for second in range(8, 55, 4):
        belt.piezo[second * RATE : second * RATE + 300, 0] = 0
        belt.piezo[second * RATE + 1500 : second * RATE + 1800, 3] -= 9000
    profile = analyse(belt)
    assert starts(profile) == []
    assert {reason for _, _, reason in off(profile, "sensor_3")} == {"railed"}
    assert len(off(profile, "sensor_3")) == len(range(8, 55, 4))
    assert {reason for _, _, reason in off(profile, "sensor_6")} == {"jumps"}


def test_a_sensor_that_sticks_away_from_the_rails_is_off_though_its_noise_goes_on(analyse):
    belt = make_calm_belt(60, kicks=KICKS)
    noise = np.random.default_rng(0).integers(0, 2, 25 * RATE)
    belt.piezo[30 * RATE : 55 * RATE, 0] = 60000 + noise
    ((start, end, reason),) = off(analyse(belt), "sensor_3")
    assert reason == "constant"
    assert 30 <= start < 33
    assert 52 < end <= 55


@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.0])
def test_a_sensor_with_next_to_no_noise_is_quiet_and_not_off(analyse, sigma):
    belt = make_calm_belt(60, kicks=KICKS, noise_counts=sigma, breath_counts=0)
    profile = analyse(belt)
    assert profile.info.sensors_off == ()
    for name in ("sensor_3", "sensor_6"):  # below the minimum of the reference: that is told
        assert np.isfinite(profile.thresholds[name]) != any(
            notice.startswith(f"the noise of {name}") for notice in map(str, profile.info.notices)
        )


def test_off_time_that_is_cut_away_anyway_is_listed_but_not_worth_a_word(analyse):
    belt = make_calm_belt(60, kicks=KICKS)
    belt.piezo[: 3 * RATE] = 0
    belt.piezo[-3 * RATE :] = 65535
    profile = analyse(belt)
    assert len(off(profile, "sensor_3")) == 2
    assert profile.info.notices == ()
    assert len(starts(profile)) == len(KICKS)


def test_a_sensor_that_never_gave_a_signal_is_told(analyse):
    belt = make_calm_belt(40, kicks=KICKS[:2])
    belt.piezo[:, 0] = 31000
    profile = analyse(belt)
    assert "sensor_3" not in profile.signals.live
    assert profile.signals.off["sensor_3"].tolist() == [[0, 30 * RATE]]
    (notice,) = profile.info.notices
    assert notice == Notice(
        NoticeCode.SENSOR_OFF,
        "sensor_3 was off for the whole recording (constant): nothing is judged on it",
    )


def test_an_axis_of_an_accelerometer_against_its_stop_is_off(analyse):
    belt = make_calm_belt(40)
    belt.accelerometer[10 * RATE : 25 * RATE, 1] = 65535
    profile = analyse(belt)
    ((start, end, reason),) = off(profile, "sensor_1")
    assert (start, end, reason) == (
        pytest.approx(10, abs=0.1),
        pytest.approx(25, abs=0.1),
        "railed",
    )
    assert off(profile, "sensor_2") == []


@pytest.mark.parametrize(
    ("without", "found", "told"),
    [
        ((), 4, ()),
        ((("accelerometer", 0, 99),), 4, ("the accelerometers are absent",)),
        ((("imu", 0, 99),), 4, ("body movement cannot be judged: the IMU is absent",)),
        ((("imu", 40, 99),), 4, ("body movement cannot be judged from 40 s on: the IMU",)),
        ((("imu", 0, 20),), 4, ("body movement cannot be judged for 20 s in all",)),
        ((("imu", 20, 30),), 4, ("body movement cannot be judged for 10 s in all",)),
        ((("piezo", 0, 99),), 0, ("the piezos are absent",)),
        ((("piezo", 0, 20),), 3, tuple(f"sensor_{n} was off for 20 s" for n in (3, 4, 5, 6))),
        ((("piezo", 40, 99),), 3, tuple(f"sensor_{n} was off for 20 s" for n in (3, 4, 5, 6))),
        ((("piezo", 20, 30), ("accelerometer", 40, 99), ("imu", 5, 50)), 3, ("sensor_3",)),
        ((("piezo", 0, 99), ("accelerometer", 0, 99), ("imu", 0, 99)), 0, ("the IMU",)),
    ],
)
def test_a_kind_of_block_that_is_absent_for_a_while_costs_only_that_while(
    analyse, without, found, told
):
    belt = make_calm_belt(60, kicks=KICKS)
    profiles = [analyse(belt, without=without, chunk_ticks=n) for n in (7_001, 30_000, 99_999)]
    for profile in profiles:
        assert len(profile.detections) == found
        assert len(profile.body_movement) == 0
        for words in told:
            assert any(words in notice for notice in map(str, profile.info.notices)), (
                profile.info.notices
            )
        assert profile.info == profiles[0].info
        assert profile.thresholds == profiles[0].thresholds


def test_without_an_imu_every_channel_of_it_is_off(analyse):
    profile = analyse(make_calm_belt(40), without=(("imu", 20, 99),))
    for name in MOTION:
        assert profile.signals.off[name].tolist() == [[pytest.approx(14 * RATE, abs=9), 30 * RATE]]


def test_an_imu_that_repeats_itself_for_half_a_minute_is_off(analyse):
    belt = make_calm_belt(70)
    belt.imu[20 * 128 :] = belt.imu[20 * 128]
    profile = analyse(belt)
    ((start, end, reason),) = off(profile, "imu")
    assert (start, end, reason) == (pytest.approx(20, abs=1), pytest.approx(70, abs=1), "constant")


def test_lost_samples_of_the_imu_are_no_body_movement(analyse):
    belt = make_calm_belt(60, kicks=KICKS)
    belt.imu[700::900] = 0
    belt.imu[1100::900, 9] = 32767
    profile = analyse(belt)
    assert len(profile.body_movement) == 0
    assert len(profile.detections) == len(KICKS)


@pytest.mark.parametrize("chunk_ticks", [1_024, 33_333])
def test_off_time_mending_and_levels_do_not_depend_on_the_pieces_read(analyse, chunk_ticks):
    belt = make_calm_belt(100, kicks=KICKS)
    rng = np.random.default_rng(1)
    belt.piezo[31 * RATE : 35 * RATE, 0] = 65535  # across the border of a block of 32 s
    belt.piezo[32 * RATE - 3 : 32 * RATE + 4, 1] = 0
    belt.piezo[64 * RATE :, 2] += 3000
    belt.piezo[rng.integers(0, belt.ticks, 300), 3] = 0
    options = {"gaps": [Gap(50.0, 58.0, "lost")], "without": (("piezo", 70, 75), ("imu", 20, 45))}
    usual = analyse(belt, chunk_ticks=belt.ticks, **options)
    other = analyse(belt, chunk_ticks=chunk_ticks, **options)
    assert usual.info == other.info
    for name, channel in usual.signals.sensors.items():
        assert np.array_equal(channel.samples, other.signals.sensors[name].samples), name
        assert np.array_equal(usual.signals.off[name], other.signals.off[name]), name
    assert np.array_equal(usual.signals.acceleration.samples, other.signals.acceleration.samples)


def test_off_time_in_a_gap_of_the_file_is_not_told_twice(analyse):
    belt = make_calm_belt(60)
    belt.piezo[20 * RATE : 40 * RATE, 0] = 0
    profile = analyse(belt, gaps=[Gap(25.0, 35.0, "lost")])
    runs = off(profile, "sensor_3")
    assert [run[:2] for run in runs] == [(20, 25), (35, 40)]
    assert len(intersection(profile.signals.off["sensor_3"], clip(profile.gaps, 0, 10**9))) == 0


def packets_minutes_apart(belt: Belt, *minutes: int) -> bytes:
    """A belt's packets, and again after each of the pauses."""

    def later(packet: bytes, by: int) -> bytes:
        sequence = (packet[2] + by * 60 * 16) % 256
        time = int.from_bytes(packet[3:7], "little") + by * 60_000
        return packet[:2] + bytes([sequence]) + time.to_bytes(4, "little") + packet[7:]

    return b"".join(later(packet, by) for by in (0, *minutes) for packet in v2_packets(belt))


def test_a_file_that_claims_hours_and_holds_seconds_is_refused(tmp_path: Path):
    path = tmp_path / "claim.bin"
    packets = packets_minutes_apart(make_calm_belt(1), 55, 110)
    path.write_bytes(v2_header(111 * 60 * RATE) + packets + b"DZZD")
    with pytest.raises(RecordingError, match=r"1\.8 hours, but it holds samples for 3\.0 s"):
        build_profile(path, settings=REFERENCE)


def test_a_gap_of_an_hour_between_two_halves_moves_and_invents_nothing(tmp_path: Path):
    belt = make_calm_belt(60, kicks=KICKS)
    path = tmp_path / "halves.bin"
    path.write_bytes(v2_header(3700 * RATE) + packets_minutes_apart(belt, 60) + b"DZZD")
    profile = build_profile(path, settings=REFERENCE)
    expected = [k - 1.9 for k in (*KICKS[2:], *(3600 + k for k in KICKS[:2]))]
    inner = [s for s in starts(profile) if 31 < s < 3629]
    assert inner == pytest.approx(expected, abs=0.4)


def test_the_minimum_is_one_of_the_threshold_and_not_of_the_noise(analyse, twin, tmp_path):
    belt = make_calm_belt(40, kicks=(16.0, 26.0), noise_counts=15)
    path = write_v1(tmp_path / "fine.dat", belt)
    profile, expected = build_profile(path, settings=REFERENCE), twin.profile(twin.load(path))
    for name, level in profile.thresholds.items():
        assert level / 40 < 0.0001 < level
        assert level == pytest.approx(expected.thresholds[name], rel=2e-3)
    assert len(profile.detections) == 2


@pytest.mark.parametrize("seed", range(20))
def test_each_tick_that_is_off_is_told_once_by_the_run_that_began_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts, lengths = rng.integers(0, 90, 12), rng.integers(1, 25, 12)
    runs = [
        OffRun(int(start), int(start + length), str(number))
        for number, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]
    in_gap = rng.random(120) < 0.2
    told = np.where(in_gap, "gap", "")
    for run in sorted(runs, key=lambda run: (run.start, -run.end)):
        part = told[run.start : run.end]
        part[part == ""] = run.reason
    found = exclusive(runs, from_mask(in_gap))
    assert [run.start for run in found] == sorted(run.start for run in found)
    again = np.where(in_gap, "gap", "")
    for run in found:
        assert (again[run.start : run.end] == "").all()
        again[run.start : run.end] = run.reason
    assert again.tolist() == told.tolist()


def test_a_sensor_that_falls_out_thousands_of_times_a_night_delays_no_answer() -> None:
    runs = [OffRun(40 * number, 40 * number + 7, "no blocks") for number in range(100_000)]
    began = time.process_time()
    found = exclusive(runs, from_mask(np.zeros(1, dtype=bool)))
    assert time.process_time() - began < 10  # each against all before it: minutes
    assert found == runs
