"""Lost samples and steps of the baseline are no movements, and mending touches nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from femo_signal.detection.building import build_profile
from femo_signal.detection.profile import Profile
from femo_signal.notices import Notice, NoticeCode
from femo_signal.preprocessing import preprocess as preprocessing
from femo_signal.preprocessing.mending import Mender
from femo_signal.settings import MendingSettings

from .recordings import RATE, REFERENCE, Belt, BeltReader, make_calm_belt

PLACES = (12.3, 21.7, 32.0, 43.1)
KICKS = (16.0, 26.0, 36.0, 46.0)


@pytest.fixture
def analyse(monkeypatch):
    def run(belt: Belt, **options) -> Profile:
        reader = BeltReader(belt, **options)
        monkeypatch.setattr(preprocessing, "open_recording", lambda *_, **__: reader)
        return build_profile("night.dat", settings=REFERENCE)

    return run


@pytest.mark.parametrize("value", [0, 65535])
@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_lost_samples_are_no_movements_and_are_counted(analyse, value, count):
    belt = make_calm_belt(60)
    for place in PLACES:
        belt.piezo[int(place * RATE) : int(place * RATE) + count, 0] = value
    profile = analyse(belt)
    assert len(profile.detections) == 0
    (notice,) = profile.info.notices
    assert notice == Notice(
        NoticeCode.SAMPLES_MENDED,
        f"sensor_3: {4 * count} lost or false samples in 4 places, first at 0:00:12, "
        "were interpolated",
    )


def test_a_train_of_lost_and_false_samples_makes_no_movement(analyse):
    belt = make_calm_belt(60)
    rng = np.random.default_rng(2)
    for place in rng.integers(0, belt.ticks - 20, 400):
        belt.piezo[place : place + rng.integers(1, 8), 0] = rng.choice((0, 65535))
    belt.piezo[rng.integers(0, belt.ticks, 400), 3] += rng.choice((-1500, 1500), 400)
    assert len(analyse(belt).detections) == 0


def test_lost_samples_in_a_kick_leave_the_kick(analyse):
    belt = make_calm_belt(60, kicks=KICKS)
    clean = analyse(belt)
    for kick in KICKS:
        belt.piezo[int(kick * RATE) + 20] = 0
        belt.piezo[int(kick * RATE) - 45 : int(kick * RATE) - 38] = 65535
    profile = analyse(belt)
    assert profile.detections.shape == clean.detections.shape
    assert np.abs(profile.detections - clean.detections).max() < 60
    strongest = [np.abs(p.signals.sensors["sensor_3"].samples).max() for p in (clean, profile)]
    assert strongest[1] == pytest.approx(strongest[0], rel=0.05)


@pytest.mark.parametrize("millivolts", [5, 20, 40, 200, 1000])
@pytest.mark.parametrize("sign", [1, -1])
def test_steps_of_the_baseline_are_no_movements(analyse, millivolts, sign):
    belt = make_calm_belt(60)
    for number, place in enumerate(PLACES):
        step = sign * (-1) ** number * millivolts / 3300 * 65535
        belt.piezo[int(place * RATE) :, :] += round(step)
    profile = analyse(belt)
    assert len(profile.detections) == 0
    if millivolts > 5:
        assert "sensor_3: the baseline stepped 4 times, first at 0:00:12: it was levelled" in [
            str(notice) for notice in profile.info.notices
        ]


def test_a_step_is_levelled_and_the_kicks_before_and_after_stay(analyse):
    belt = make_calm_belt(60, kicks=KICKS)
    clean = analyse(belt)
    belt.piezo[int(21.0 * RATE) :, :] += 4000
    profile = analyse(belt)
    assert np.abs(profile.detections - clean.detections).max() < 60


@pytest.mark.parametrize("seconds", [0.2, 1.0])
def test_a_ramp_is_not_taken_for_a_step(analyse, seconds):
    belt = make_calm_belt(60)
    time = np.arange(belt.ticks) / RATE
    belt.piezo += np.round(800 * np.clip((time - 30) / seconds, 0, 1)).astype(int)[:, None]
    assert analyse(belt).info.notices == ()


def test_a_jump_that_is_no_clean_step_is_told_and_not_judged(analyse):
    belt = make_calm_belt(60)
    belt.piezo[30 * RATE : 30 * RATE + 400, 0] += 8000
    profile = analyse(belt)
    assert len(profile.detections) == 0
    assert {(run.sensor, run.reason) for run in profile.info.sensors_off} == {("sensor_3", "jumps")}
    assert "sensor_3 was off" in profile.info.notices[0].text


def test_waves_of_any_strength_below_30_hertz_are_left_as_they_are(analyse):
    belt = make_calm_belt(60)
    time = np.arange(belt.ticks) / RATE
    for second, (hertz, counts) in enumerate(((2, 40000), (6, 20000), (15, 8000), (29, 4000))):
        envelope = np.exp(-(((time - 12 - 10 * second) / 0.3) ** 2))
        belt.piezo += np.round(counts * envelope * np.sin(2 * np.pi * hertz * time)).astype(int)[
            :, None
        ]
    belt.piezo = np.clip(belt.piezo, 0, 65535)  # the strongest meets the rails
    profile = analyse(belt)
    assert profile.info.notices == ()
    assert profile.info.sensors_off == ()


def test_sharp_clicks_are_no_jumps_and_cost_no_judged_time(analyse):
    belt = make_calm_belt(60, noise_counts=8)
    sections = signal.butter(2, (4, 60), "bandpass", fs=RATE, output="sos")
    clicks = np.zeros(belt.ticks)
    clicks[np.random.default_rng(3).integers(0, belt.ticks, 200)] = 40_000
    belt.piezo += np.round(signal.sosfilt(sections, clicks)).astype(int)[:, None]
    assert analyse(belt).info.sensors_off == ()


def test_samples_come_back_whole_and_in_order_from_any_pieces():
    rng = np.random.default_rng(4)
    samples = (30000 + rng.normal(0, 50, 120_000)).astype(np.float32)
    for size in (1_000, 32_768, 120_000):
        mender = Mender(rails=True, settings=MendingSettings())
        pieces = [
            (tick, piece.copy())
            for first in range(0, len(samples), size)
            for tick, piece in mender.push(first + 77, samples[first : first + size])
        ]
        pieces += [(tick, piece.copy()) for tick, piece in mender.flush()]
        assert np.array_equal(np.concatenate([piece for _, piece in pieces]), samples)
        assert mender.stretches == [(77, 77 + len(samples))]
