"""The overview of a result: what is drawn of hours rises where something was seen, and where
nothing could be seen it says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from femo_result import Overview, SensorGroup, read_result
from femo_result.overview import MOST_SAMPLES
from femo_signal.detection.building import build_profile
from femo_signal.detection.profile import Profile
from femo_signal.intervals import complement, total
from femo_signal.recording import RecordingInfo
from femo_signal.reporting.overview import Trace, drawn, overview_of
from femo_signal.settings import AnalysisSettings

from ..result.examples import events_result
from .test_judged import case, night


@pytest.fixture(scope="module", params=["adaptive", "reference"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["v1", "v2"])
def recorded(request: pytest.FixtureRequest, method: str) -> Profile:
    path: Path = request.getfixturevalue(f"{request.param}_path")
    return build_profile(path, settings=AnalysisSettings(method=method))


def levels(overview: Overview | None, group: SensorGroup) -> list[float | None]:
    assert overview is not None
    return overview.levels_of(next(one for one in overview.groups if one.group == group))


def told(profile: Profile) -> Overview:
    overview = overview_of(profile)
    assert overview is not None
    assert Overview.model_validate_json(overview.model_dump_json()) == overview
    return overview


def test_a_movement_stands_out_at_its_own_second(recorded: Profile, belt) -> None:
    overview = told(recorded)
    assert overview.seconds_per_sample == 1
    assert overview.sample_count == np.ceil(recorded.info.duration_seconds)
    piezo = np.array(levels(overview, SensorGroup.PIEZO), dtype=float)
    seen = overview.groups[0].seen_level
    at = [int(kick) for kick in belt.kicks if 9 < kick < 60]
    high = [np.nanmax(piezo[second - 1 : second + 2]) >= seen for second in at]
    assert np.mean(high) > 0.8
    assert np.nanmedian(piezo) < seen


def test_the_mothers_own_movement_is_told_apart(recorded: Profile) -> None:
    overview = told(recorded)
    imu = np.array(levels(overview, SensorGroup.IMU), dtype=float)
    assert {33, 47} <= set(np.flatnonzero(imu >= overview.groups[-1].seen_level).tolist())


def test_the_ends_that_are_left_out_are_not_usable(recorded: Profile) -> None:
    overview = told(recorded)
    trim = int(recorded.info.trim_seconds)
    for group in overview.groups:
        row = overview.levels_of(group)
        assert len(row) == overview.sample_count
        if group.levels is not None:
            assert row[:trim] == [None] * trim
            assert row[-trim:] == [None] * trim
            assert group.usable_seconds == sum(value is not None for value in row) > 0


def test_a_format_has_the_groups_that_it_has(recorded: Profile) -> None:
    groups = [str(group.group) for group in told(recorded).groups]
    both = {"v1": ["piezo", "accelerometer", "acoustic", "imu"], "v2": ["piezo", "imu"]}
    assert groups == both[recorded.info.format]


@pytest.mark.parametrize("hidden", ["gap", "sensor_off"])
def test_what_is_hidden_is_never_drawn_as_quiet(hidden: str) -> None:
    overview = told(case(hidden)[0])
    piezo = levels(overview, SensorGroup.PIEZO)
    assert piezo[1230:1830] == [None] * 600
    assert None not in piezo[30:1230] + piezo[1830:3630]
    assert overview.groups[0].usable_seconds == 3000


def test_a_group_that_could_never_be_used_has_no_levels_and_a_recording_of_such_no_overview() -> (
    None
):
    profile = night()
    deaf = replace(profile, thresholds=dict.fromkeys(profile.thresholds, float("inf")))
    assert told(deaf).groups[0].levels is None
    nothing = replace(deaf, signals=replace(deaf.signals, live=frozenset()))
    assert overview_of(nothing) is None


def info_of(hours: float) -> RecordingInfo:
    return replace(
        night().info, duration_seconds=hours * 3600, length_ticks=round((hours * 3600 - 60) * 1024)
    )


@pytest.mark.parametrize("hours", [8, 12, 24, 47])
def test_a_night_of_any_length_takes_at_most_250_kb(hours: float) -> None:
    info = info_of(hours)
    frames = info.length_ticks // 128
    noise = np.random.default_rng(0).normal(0, 5, frames).astype(np.float32)
    seconds = -(-round(hours * 3600) // MOST_SAMPLES)
    count = -(-round(hours * 3600) // seconds)
    row = drawn(
        Trace(noise, np.ones(frames, dtype=bool), 256, 128),
        info,
        count=count,
        seconds_per_sample=seconds,
    )
    assert np.isfinite(row).sum() == pytest.approx(info.length_ticks / 1024 / seconds, abs=2)
    assert count <= MOST_SAMPLES
    bytes_of_all_groups = 4 * (4 * -(-count // 3) + 250) + 250
    assert bytes_of_all_groups < 250_000


def test_the_length_that_is_reckoned_with_is_that_of_the_real_thing(recorded: Profile) -> None:
    overview = told(recorded)
    size = len(json.dumps(overview.model_dump(mode="json"), indent=2))
    base64_bytes = sum(len(group.levels or "") for group in overview.groups)
    assert size - base64_bytes < 4 * 400 + 250


def test_half_a_sample_of_use_is_enough_and_less_is_none() -> None:
    on = np.ones(80, dtype=bool)
    on[24:28] = False  # half of the fourth second
    on[32:37] = False  # more than half of the fifth
    info = replace(info_of(0.02), trim_ticks=0)
    rise = np.arange(80, dtype=np.float32)
    row = drawn(Trace(rise, on, 0, 128), info, count=12, seconds_per_sample=1)
    assert row[3] == 31
    assert np.flatnonzero(np.isnan(row)).tolist() == [4, 10, 11]


def test_time_in_which_she_moves_is_usable_though_it_is_not_judged(v1_path: Path) -> None:
    profile = build_profile(v1_path)
    piezo = levels(told(profile), SensorGroup.PIEZO)
    still = complement(profile.body_movement, profile.info.length_ticks)
    assert sum(value is not None for value in piezo) > total(still) / 1024


def test_a_result_of_before_the_overview_is_still_read() -> None:
    older = events_result()
    del older["overview"]
    assert read_result("events", older).overview is None
