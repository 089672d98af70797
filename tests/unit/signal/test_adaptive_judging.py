"""The adaptive method judges where enough sensors are on, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from femo_signal.detection.building import build_profile
from femo_signal.settings import AnalysisSettings

from .recordings import RATE, make_calm_belt, write_v1

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
