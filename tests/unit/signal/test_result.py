"""The result of an analysis: as described, recomputable, and true of what could not be judged."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from femo_client.summary import summary_lines
from femo_result import EventsResult, MetadataResult, NoticeCode, read_response
from femo_signal.detection.bouts import RegularPulses
from femo_signal.detection.building import build_profile
from femo_signal.detection.hiccups import HiccupAnalysis, find_hiccups
from femo_signal.detection.judged import REASONS
from femo_signal.detection.profile import Profile
from femo_signal.intervals import empty
from femo_signal.learning.calibration import fit_calibration
from femo_signal.learning.features import names_of
from femo_signal.learning.hyperparameters import Hyperparameters
from femo_signal.learning.model import ModelCard, MovementModel, trees_digest, version_of
from femo_signal.method_version import METHOD_VERSION
from femo_signal.notices import Notice
from femo_signal.recording import Clock, ClockStep
from femo_signal.reporting.inspection import inspect_recording
from femo_signal.reporting.judging import Analysis, judge_movements
from femo_signal.reporting.result import report
from femo_signal.settings import AnalysisSettings
from scripts.describe_result import schema

from .recordings import make_calm_belt, write_v1
from .test_judged import INNER_REASONS, LENGTH, TRIM, case, night, seconds

VALIDATOR = Draft202012Validator(schema())


def accepting(settings: AnalysisSettings) -> MovementModel:
    """A model for results that need none to decide."""
    identity = fit_calibration(np.array([0.0, 1.0]), np.array([1, 1], dtype=np.int8))
    digest = settings.digest()
    card = ModelCard(
        version=version_of(trees_digest(""), digest, METHOD_VERSION, identity, 0.5),
        trees_sha256=trees_digest(""),
        feature_names=names_of(settings),
        threshold=0.5,
        calibration=identity,
        settings=settings,
        settings_digest=digest,
        hyperparameters=Hyperparameters(),
    )
    return MovementModel(card=card, trees="")


def accept_all(profile: Profile, *, removed: bool = False, hiccups: Any = None) -> Analysis:
    return judge_movements(
        profile,
        accepting(profile.settings),
        find_hiccups(profile) if hiccups is None else hiccups,
        np.full(len(profile.detections), 0.75),
        profile.detections,
        hiccups_removed=removed,
    )


def checked(analysis: Analysis, **options: Any) -> dict[str, Any]:
    """The result, once it has stood against its model and against the schema."""
    told = report(analysis, **options)
    result: dict[str, Any] = told["result"]
    kind = EventsResult if told["output_type"] == "events" else MetadataResult
    kind.model_validate(result)
    response = {
        "status": "Completed",
        "processing_time_seconds": 1.0,
        **told,
        "completedTimeStamp": "2025-01-07T06:00:00.000Z",
    }
    VALIDATOR.validate(response)
    assert read_response(response).result.movement_count == result["movement_count"]
    json.dumps(result, allow_nan=False)
    return result


@pytest.fixture(scope="module", params=["adaptive", "reference"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["v1", "v2"])
def recorded(request: pytest.FixtureRequest, method: str) -> Profile:
    """A real profile of either format by either method."""
    path: Path = request.getfixturevalue(f"{request.param}_path")
    return build_profile(path, settings=AnalysisSettings(method=method))


@pytest.mark.parametrize("removed", [True, False])
@pytest.mark.parametrize("events", [True, False])
def test_what_the_engine_answers_is_what_is_described(
    recorded: Profile, events: bool, removed: bool
) -> None:
    result = checked(
        accept_all(recorded, removed=removed), extract_events=events, include_full_intervals=True
    )
    assert result["movement_count"] > 0
    assert result["model"]["method"] == recorded.settings.method
    assert result["recording"]["format"] == recorded.info.format


@pytest.mark.parametrize("hidden", REASONS[1:])
@pytest.mark.parametrize("events", [True, False])
def test_a_result_with_unjudged_time_is_what_is_described(hidden: str, events: bool) -> None:
    checked(case(hidden)[1], extract_events=events)


@pytest.mark.parametrize("events", [True, False])
def test_a_night_of_which_nothing_could_be_judged_has_no_count_and_no_list(events: bool) -> None:
    profile = night(hidden="gap", where=(0, LENGTH))
    result = checked(accept_all(profile), extract_events=events)
    assert result["movement_count"] is None
    assert result["movements"] is None
    assert result["summary"]["kicks"] is None


def test_what_could_be_judged_is_told_before_any_number() -> None:
    result = checked(case("gap")[1])
    assert next(iter(result)) == "recording"
    first = list(result["recording"])[:5]
    assert first == ["judged_seconds", "judged_status", "judged_explanation", "unjudged_seconds",
                     "unjudged"]  # fmt: skip


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_every_number_of_movements_can_be_counted_again_from_the_events(hidden: str) -> None:
    analysis = case(hidden)[1]
    result = checked(analysis)
    kinds = Counter(event["event_type"] for event in result["events"])
    assert kinds.total() == result["event_count"]
    count = kinds["inferred_kick"]
    assert count == result["movement_count"] == len(result["movements"])
    assert count == result["summary"]["kicks"]
    rate = count / result["recording"]["judged_seconds"] * 3600
    assert result["summary"]["kicks_per_analysed_hour"] == pytest.approx(rate)
    (line,) = [s for s in summary_lines({"result": result}) if s.startswith("Movements:")]
    assert line.split()[1] == f"{count},"
    assert f"{rate:.1f} per judged hour" in line
    kicks = [event for event in result["events"] if event["event_type"] == "inferred_kick"]
    for event, movement in zip(kicks, result["movements"], strict=True):
        assert (event["start_t"], event["end_t"]) == (movement["start"], movement["end"])


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_the_match_with_the_presses_can_be_counted_again_from_them(hidden: str) -> None:
    result = checked(case(hidden)[1])
    match, presses = result["press_match"], result["presses"]
    assert len(presses) == match["presses"]
    assert sum(press["judged"] for press in presses) == match["judged_presses"]
    assert sum(press["matched"] is True for press in presses) == match["true_positives"]
    assert sum(press["matched"] is False for press in presses) == match["false_negatives"]
    why = Counter(press["why_not"] for press in presses if not press["judged"])
    assert why == {r: n for r, n in match["presses_not_judged"].items() if n}


def test_a_press_without_a_movement_is_told_as_not_matched() -> None:
    profile = night(presses=seconds((23, 23.2), (100, 101)), raw_presses=seconds((23, 23.2)))
    first, second = checked(accept_all(profile))["presses"]
    assert (first["judged"], first["matched"]) == (True, False)
    assert (second["judged"], second["matched"]) == (True, True)


def test_presses_in_the_ends_are_events_as_they_are_presses() -> None:
    """What the match and the picture count is in the list of events too."""
    inside, outside = seconds((100, 101)), seconds((-20, -19), (LENGTH + 5, LENGTH + 6))
    profile = night(
        presses=inside, raw_presses=inside, end_presses=outside, raw_end_presses=outside
    )
    result = checked(accept_all(profile))
    kinds = Counter(event["event_type"] for event in result["events"])
    assert kinds["button_press_post_debounce"] == kinds["button_press_pre_debounce"] == 3
    assert kinds["button_press_post_debounce"] == result["press_match"]["presses"]
    assert [press["start_seconds"] for press in result["presses"]] == [10, 130, LENGTH + TRIM + 5]
    assert result["presses"][0]["why_not"] == "ends"


def test_presses_in_the_ends_of_a_file_are_read(tmp_path: Path) -> None:
    belt = make_calm_belt(40)
    for at in (2, 20, 38):
        belt.pressed[at * 1024 : at * 1024 + 300] = True
    profile = build_profile(write_v1(tmp_path / "a.dat", belt))
    for rows in (profile.all_presses, profile.all_raw_presses):
        assert len(rows) == 3
    told = inspect_recording(tmp_path / "a.dat")
    assert (len(told["intervals"]["presses"]), len(told["end_presses"])) == (1, 2)


def test_each_movement_names_the_sensors_that_saw_it_and_how_likely_it_is() -> None:
    profile = night()
    first_alone = {**profile.sensor_detections, "sensor_6": profile.detections[1:]}
    result = checked(accept_all(replace(profile, sensor_detections=first_alone)))
    assert result["movements"][0]["sensors"] == ["sensor_3"]
    assert result["movements"][1]["sensors"] == ["sensor_3", "sensor_6"]
    assert result["movements"][0]["probability"] == 0.75


def test_a_movement_keeps_its_own_probability_where_others_were_not_counted() -> None:
    profile = night(hidden="gap")
    probability = np.linspace(0.5, 1, len(profile.detections))
    analysis = replace(accept_all(profile), probability=probability)
    told = [movement["probability"] for movement in checked(analysis)["movements"]]
    hidden = len(profile.detections) - len(told)
    assert hidden == 20
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.5, 1.0)


def test_the_sensors_of_a_real_movement_are_those_that_detect_it(recorded: Profile) -> None:
    for movement in checked(accept_all(recorded))["movements"]:
        for name, rows in recorded.sensor_detections.items():
            found = recorded.info.seconds(rows)
            touched = (found[:, 0] < movement["end_seconds"]) & (
                found[:, 1] > movement["start_seconds"]
            )
            assert (name in movement["sensors"]) == touched.any()


def test_the_package_that_serves_is_named() -> None:
    analysis = case("")[1]
    assert checked(analysis)["model"]["package"] is None
    assert checked(analysis, package="arn:package/3")["model"]["package"] == "arn:package/3"


def test_regular_pulses_of_unknown_origin_are_told() -> None:
    pulses = RegularPulses(
        start=100 * 1024, end=160 * 1024, pulses=np.arange(20), sites=("sensor_3",),
        interval_seconds=3.0, interval_deviation=0.0, missed_share=0.0, strength_deviation=0.0,
        likeness=1.0, stray_share=0.0, breath_known=None, breath_concentration=None,
        reason="one_sensor",
    )  # fmt: skip
    hiccups = HiccupAnalysis((), (), empty(), True, regular_pulses=(pulses,))
    result = checked(accept_all(night(), hiccups=hiccups))
    (told,) = result["regular_pulses"]
    assert (told["start_seconds"], told["reason"]) == (100 + TRIM, "one_sensor")
    (notice,) = [n for n in result["notices"] if n["code"] == NoticeCode.REGULAR_PULSES]
    assert "1.0 min seen by one sensor only" in notice["text"]
    unseen = HiccupAnalysis((), (), empty(), False)
    assert checked(accept_all(night(), hiccups=unseen))["regular_pulses"] is None


def test_notices_have_codes_and_are_the_sentences_of_the_recording() -> None:
    profile = night()
    notice = Notice(NoticeCode.CUT_OFF, "the file was cut off")
    off = {"sensor_6": seconds((600, 1200))}
    profile = replace(
        profile,
        info=replace(profile.info, notices=(notice,)),
        signals=replace(profile.signals, off=off),
    )
    result = checked(accept_all(profile))
    codes = [told["code"] for told in result["notices"]]
    assert codes[:2] == ["cut_off", "fewer_sensors"]
    assert result["recording"]["notices"] == [told["text"] for told in result["notices"]]


def test_what_is_known_of_the_clock_is_told() -> None:
    profile = night()
    assert checked(accept_all(profile))["recording"]["clock"] is None
    clock = Clock(60, False, 1024 * 1.0001, 0.4, (ClockStep(5.0, -3600.0),))
    told = checked(accept_all(replace(profile, info=replace(profile.info, clock=clock))))
    facts = told["recording"]["clock"]
    assert facts["drift_ppm"] == pytest.approx(100)
    assert facts["steps"] == [{"at_seconds": 5.0, "seconds": -3600.0}]


def test_without_an_imu_no_seconds_of_body_movement_are_told() -> None:
    profile = night()
    live = profile.signals.live - {"acceleration", "roll", "pitch", "yaw"}
    blind = replace(profile, signals=replace(profile.signals, live=live))
    assert checked(accept_all(blind))["recording"]["masked_seconds"] is None
    assert checked(accept_all(profile))["recording"]["masked_seconds"] == 0


def test_a_few_judged_seconds_are_not_told_as_none() -> None:
    profile = night(hidden="gap", where=(5, LENGTH))
    recording = checked(accept_all(profile))["recording"]
    assert "5 s of 61.0 min" in recording["judged_explanation"]


# What is told before any classifier


def test_inspection_lists_nothing_that_was_found_in_time_that_could_not_be_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile = night(hidden="sensor_off")
    monkeypatch.setattr("femo_signal.reporting.inspection.build_profile", lambda *_, **__: profile)
    told = inspect_recording("night.dat")
    assert told["judged_seconds"] == LENGTH - 600
    (dark,) = [row for row in told["unjudged"] if row["reason"] == "sensor_off"]
    found = np.array(told["intervals"]["detections"])
    assert len(found) == len(profile.detections) - 20
    assert not ((found[:, 1] > dark["start_seconds"]) & (found[:, 0] < dark["end_seconds"])).any()
    assert "judged" in told["detections_status"]


def test_inspection_without_an_imu_does_not_say_that_she_lay_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile = night()
    live = profile.signals.live - {"acceleration", "roll", "pitch", "yaw"}
    profile = replace(profile, signals=replace(profile.signals, live=live))
    monkeypatch.setattr("femo_signal.reporting.inspection.build_profile", lambda *_, **__: profile)
    told = inspect_recording("night.dat")
    assert told["intervals"]["body_movement"] is None
    assert "IMU" in told["body_movement_status"]


def test_inspection_tells_of_the_clock_and_of_sensors_that_were_off(tmp_path: Path) -> None:
    belt = make_calm_belt(40)
    belt.piezo[20 * 1024 :, 0] = 31000
    told = inspect_recording(write_v1(tmp_path / "a.dat", belt))
    assert {row["sensor"] for row in told["sensors_off"]} == {"sensor_3"}
    assert told["clock"]["usable"] is True
    json.dumps(told, allow_nan=False)
