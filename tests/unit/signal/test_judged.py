"""Nothing is counted, timed, rated or drawn as quiet in time that could not be judged.

A handmade night of an hour: a movement each half minute, a press with each. Ten minutes of it are
hidden, for one reason at a time; each figure that a person reads must take them out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from femo_client.summary import summary_lines
from femo_signal.detection.hiccups import HiccupAnalysis, find_hiccups
from femo_signal.detection.judged import REASONS
from femo_signal.detection.presses import match_presses, sensation_map
from femo_signal.detection.profile import Profile
from femo_signal.intervals import (
    complement,
    difference,
    empty,
    intersection,
    overlapping,
    total,
    union,
)
from femo_signal.learning.calibration import fit_calibration
from femo_signal.learning.evaluation import summarize_outcomes
from femo_signal.learning.features import extract_features, feature_names
from femo_signal.learning.hyperparameters import Hyperparameters
from femo_signal.learning.labels import label_profile
from femo_signal.learning.model import ModelCard, MovementModel, trees_digest, version_of
from femo_signal.learning.outcomes import RecordingOutcome
from femo_signal.method_version import METHOD_VERSION
from femo_signal.recording import Channel, Gap, RecordingInfo, SensorOff, Signals
from femo_signal.reporting.analysis import judge_movements, report
from femo_signal.reporting.plots import draw_analysis
from femo_signal.settings import AnalysisSettings

SECOND = 1024
TRIM = 30
LENGTH = 3600  # s, trimmed
HIDDEN = (1200, 1800)  # s of the trimmed axis
MARGIN = AnalysisSettings().hiccups.margin_seconds
SETTINGS = AnalysisSettings(method="reference")
INNER_REASONS = [reason for reason in REASONS if reason != "ends"]


def seconds(*rows):
    return (np.array(rows, dtype=float).reshape(-1, 2) * SECOND).round().astype(np.int64)


def night(*, hidden="", length=LENGTH, where=HIDDEN, period=30.0, sensors=2, **changes):
    """Movements every `period` seconds, also in what is hidden, and a press with each."""
    dark = seconds(where)
    quiet_noise = np.random.default_rng(1).normal(0, 0.001, length * 128).astype(np.float32)
    channel = Channel(quiet_noise, 128.0, 0, 8)
    onset = np.arange(10.0, length - 10, period)
    movements = seconds(*np.column_stack((onset, onset + 4)))
    core = seconds(*np.column_stack((onset + 1.5, onset + 2.5)))
    presses = seconds(*np.column_stack((onset + 3, onset + 3.3)))
    names = ("sensor_3", "sensor_6")[:sensors]
    channels = (*names, "acceleration", "roll", "pitch", "yaw")
    off = dict.fromkeys(names, dark) if hidden == "sensor_off" else {}
    info = RecordingInfo(
        path_name="night.dat",
        format="v1",
        start=datetime(2025, 1, 6, 21, tzinfo=UTC),
        duration_seconds=length + 2.0 * TRIM,
        sample_rate=SECOND,
        trim_seconds=TRIM,
        trim_ticks=TRIM * SECOND,
        length_ticks=length * SECOND,
        gaps=(Gap(where[0] + TRIM, where[1] + TRIM, "lost"),) if hidden == "gap" else (),
        notices=(),
    )
    profile = Profile(
        info=info,
        settings=SETTINGS,
        signals=Signals(
            sensors=dict.fromkeys(names, channel),
            acceleration=channel,
            roll=channel,
            pitch=channel,
            yaw=channel,
            live=frozenset(channels),
            off=off,
        ),
        thresholds=dict.fromkeys(names, 0.01),
        body_movement=dark if hidden == "body_movement" else empty(),
        detections=movements,
        sensor_detections=dict.fromkeys(names, movements),
        core_detections=dict.fromkeys(names, core),
        sensation=sensation_map(presses, empty(), window_ticks=5 * SECOND, length=length * SECOND),
        presses=presses,
        raw_presses=presses,
        gaps=dark if hidden == "gap" else empty(),
    )
    return replace(profile, **changes)


def analysis_of(profile, *, hidden="", where=HIDDEN, bouts=None, could_be_seen=True, removed=None):
    """What is accepted is everything, and the bouts are given."""
    if bouts is None:
        inner = (HIDDEN[0] + MARGIN, HIDDEN[1] - MARGIN)
        bouts = seconds(inner) if hidden == "hiccups" else empty()
    identity = fit_calibration(np.array([0.0, 1.0]), np.array([1, 1], dtype=np.int8))
    digest = SETTINGS.digest()
    card = ModelCard(
        version=version_of(trees_digest(""), digest, METHOD_VERSION, identity, 0.5),
        trees_sha256=trees_digest(""),
        feature_names=feature_names,
        threshold=0.5,
        calibration=identity,
        settings=SETTINGS,
        settings_digest=digest,
        hyperparameters=Hyperparameters(),
    )
    return judge_movements(
        profile,
        MovementModel(card=card, trees=""),
        HiccupAnalysis(
            (),
            (),
            bouts,
            could_be_seen,
            untold=seconds(where) if hidden == "regular_pulses" else empty(),
        ),
        np.ones(len(profile.detections)),
        profile.detections,
        hiccups_removed=hidden == "hiccups" if removed is None else removed,
    )


def case(hidden, **options):
    """An analysis in which ten minutes are hidden, and what can be known about it by hand."""
    profile = night(hidden=hidden, **options)
    return profile, analysis_of(profile, hidden=hidden)


def result_of(analysis, *, events=False):
    return report(analysis, extract_events=events)["result"]


def nothing_hidden():
    seen = night()
    return {"signals": seen.signals, "body_movement": empty(), "gaps": empty()}


def in_sight(rows):
    """Rows that lie outside the hidden ten minutes."""
    return rows[~overlapping(rows, seconds(HIDDEN))]


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_the_rate_is_of_what_was_seen_in_the_time_that_was_seen(hidden):
    profile, analysis = case(hidden)
    summary = result_of(analysis)["summary"]
    assert summary["kicks"] == len(in_sight(profile.detections))
    assert summary["kicks_per_analysed_hour"] == pytest.approx(
        len(in_sight(profile.detections)) / (LENGTH - 600) * 3600
    )


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_the_wait_for_ten_movements_passes_in_judged_time_alone(hidden):
    profile = night(hidden=hidden, period=300.0)
    summary = result_of(analysis_of(profile, hidden=hidden))["summary"]
    tenth = in_sight(profile.detections)[9, 0] / SECOND
    assert summary["analysed_seconds_to_tenth_kick"] == pytest.approx(tenth - 600)


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_the_longest_quiet_holds_nothing_that_was_not_seen(hidden):
    profile = night(hidden=hidden)
    # Nothing moves from 1100 to 1900 s: 100 s of it are seen, ten minutes are not, 100 s are.
    around = seconds((1100, 1900))
    profile = replace(
        profile, detections=profile.detections[~overlapping(profile.detections, around)]
    )
    summary = result_of(analysis_of(profile, hidden=hidden))["summary"]
    assert summary["longest_quiet_seconds"] == pytest.approx(1200 - 1094)
    whole = result_of(analysis_of(replace(profile, **nothing_hidden())))["summary"]
    assert whole["longest_quiet_seconds"] == pytest.approx(1900 - 1094)


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_minutes_that_were_not_judged_are_neither_still_nor_moving(hidden):
    profile, analysis = case(hidden)
    summary = result_of(analysis)["summary"]
    kicks = len(in_sight(profile.detections))
    assert summary["analysed_minutes"] == pytest.approx((LENGTH - 600) / 60)
    assert summary["movement_minutes"] == pytest.approx(kicks * 2.5 / 60)
    assert summary["still_minutes"] == pytest.approx((LENGTH - 600 - kicks * 2.5) / 60)
    assert summary["undilated_movement_minutes"] == pytest.approx(kicks * 1.0 / 60)


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_an_interval_between_movements_across_unjudged_time_is_told(hidden):
    _, analysis = case(hidden)
    assert result_of(analysis)["summary"]["onset_intervals_over_unjudged"] == 1
    assert result_of(case("")[1])["summary"]["onset_intervals_over_unjudged"] == 0


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_no_event_of_a_movement_lies_in_time_that_was_not_judged(hidden):
    profile, analysis = case(hidden)
    events = result_of(analysis, events=True)["events"]
    kicks = [event for event in events if event["event_type"] == "inferred_kick"]
    assert len(kicks) == len(in_sight(profile.detections))


@pytest.mark.parametrize("hidden", INNER_REASONS)
@pytest.mark.parametrize("events", [True, False])
def test_the_recording_says_what_was_not_judged_and_why(hidden, events):
    _, analysis = case(hidden)
    told = result_of(analysis, events=events)["recording"]
    assert told["judged_seconds"] == told["analysed_seconds"] == LENGTH - 600
    assert told["unjudged_seconds"][hidden] == 600
    assert told["unjudged_seconds"]["ends"] == 2 * TRIM
    whole = told["judged_seconds"] + sum(told["unjudged_seconds"].values())
    assert whole == pytest.approx(told["duration_seconds"])
    (row,) = [row for row in told["unjudged"] if row["reason"] == hidden]
    assert (row["start_seconds"], row["end_seconds"]) == (HIDDEN[0] + TRIM, HIDDEN[1] + TRIM)
    ends = [row for row in told["unjudged"] if row["reason"] == "ends"]
    assert [row["start_seconds"] for row in ends] == [0, LENGTH + TRIM]


def test_time_with_two_reasons_is_not_judged_once_and_told_once():
    profile = night(hidden="body_movement")
    profile = replace(profile, gaps=seconds((1500, 2000)))
    judged = profile.judge(pulses=seconds((1900, 2050)), hiccups=seconds((1700, 2100)))
    assert judged.seconds == LENGTH - 900
    assert judged.unjudged_seconds == {
        "ends": 60,
        "gap": 500,
        "sensor_off": 0,
        "body_movement": 300,
        "regular_pulses": 50,
        "hiccups": 50,
    }


# Labels and evaluation


@pytest.mark.parametrize("annotated", [True, False])
@pytest.mark.parametrize("hidden", ["gap", "sensor_off", "body_movement"])
def test_reference_events_that_nobody_could_see_are_no_misses(hidden, annotated):
    profile = night(hidden=hidden)
    marks = profile.info.seconds(profile.core_detections["sensor_3"]) if annotated else None
    labelled = label_profile(profile, annotated=marks, recording_id="a", subject_id=None)
    visible = in_sight(profile.presses + np.array([-5, 5]) * SECOND)
    expected = len(in_sight(profile.detections)) if annotated else len(visible)
    # The press windows of the first and the last movement reach into the ends by construction.
    assert len(labelled.reference) == expected
    assert labelled.analysed_seconds == LENGTH - 600
    assert len(labelled.detections) == len(labelled.labels) == len(labelled.features)
    assert len(labelled.detections) == len(in_sight(profile.detections))


def test_a_press_at_the_cut_off_ends_is_no_miss():
    profile = night(presses=seconds((2, 3), (100, 101), (3598, 3599)))
    labelled = label_profile(profile, annotated=None, recording_id="a", subject_id=None)
    assert len(labelled.reference) == 1


def outcome(found, reference, judged):
    accepted = np.ones(len(found), dtype=bool)
    return RecordingOutcome(
        recording_id="r",
        group="r",
        subject_id=None,
        label_source="annotations",
        detections=found,
        labels=accepted.astype(np.int8),
        probability=accepted.astype(float),
        accepted=accepted,
        reference=reference,
        judged=judged,
    )


@pytest.mark.parametrize("hidden", ["gap", "sensor_off", "body_movement"])
def test_chance_in_an_evaluation_is_that_of_judged_time(hidden):
    """Movement fills half of what was seen: chance is a half, however long the night was."""
    where = (300, 3500)
    profile = night(hidden=hidden, where=where)
    busy = seconds(*[(at, at + 5) for at in range(0, 300, 10)])
    marks = seconds(*[(at, at + 0.1) for at in range(3, 300, 10)])
    judged = profile.judge().judged
    pooled = summarize_outcomes([outcome(busy, marks, judged)], method="").metrics
    assert pooled["analysed_hours"] == pytest.approx((LENGTH - 3200) / 3600)
    share = total(intersection(busy, judged)) / total(judged)
    assert pooled["chance_sensitivity"] == pytest.approx(share, abs=0.08)
    assert pooled["chance_f1"] == pytest.approx(share, abs=0.08)
    assert pooled["chance_f1"] <= pooled["chance_f1_upper"] <= pooled["f1"] == 1
    assert pooled["chance_sensitivity"] <= pooled["chance_sensitivity_upper"]


# Presses in an analysis


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_presses_that_could_not_be_judged_are_told_and_are_no_misses(hidden):
    profile, analysis = case(hidden)
    # Without a movement that answers for it, an unseen press would count as a miss.
    match = result_of(analysis)["press_match"]
    seen = in_sight(profile.presses + np.array([-5, 5]) * SECOND)
    assert match["presses"] == len(profile.presses)
    assert match["judged_presses"] == len(seen)
    assert match["presses_not_judged"][hidden] == len(profile.presses) - len(seen)
    assert sum(match["presses_not_judged"].values()) == len(profile.presses) - len(seen)
    assert (match["true_positives"], match["false_negatives"]) == (len(seen), 0)
    assert match["false_positives"] == 0


def test_presses_in_the_ends_and_beside_them_are_told_as_not_judged():
    profile = night(
        presses=seconds((2, 3), (100, 101)), end_presses=seconds((-20, -19), (3610, 3611))
    )
    match = match_presses(profile.detections, profile, profile.judge())
    assert match.presses == 4
    assert match.judged_presses == 1
    assert match.not_judged["ends"] == 3


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_windows_without_movement_are_of_judged_time(hidden):
    profile = night(hidden=hidden, presses=seconds((100, 101)), sensation=seconds((95, 106)))
    match = result_of(analysis_of(profile, hidden=hidden))["press_match"]
    windows = match["true_negatives"] + match["false_positives"]
    assert windows == pytest.approx((LENGTH - 600 - 11) / 10, abs=2)


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_chance_beside_the_presses_is_that_of_judged_time(hidden):
    """Movement fills two thirds of 400 s that were seen; the rest of the hour was not."""
    where = (200, 3400)
    profile = night(hidden=hidden, where=where)
    onset = [*range(5, 195, 30), *range(3405, 3590, 30)]
    moved = seconds(*[(at, at + 10) for at in onset])
    presses = seconds(*[(at + 5, at + 5.2) for at in onset])
    profile = replace(
        profile,
        detections=moved,
        core_detections={"sensor_3": moved},
        presses=presses,
        sensation=empty(),
    )
    inner = seconds((where[0] + MARGIN, where[1] - MARGIN))
    analysis = analysis_of(
        profile, hidden=hidden, where=where, bouts=inner if hidden == "hiccups" else empty()
    )
    match = result_of(analysis)["press_match"]
    # A window of 10.2 s meets movements of 10 s, 30 s apart, in about 20 of 30 positions.
    assert match["chance_sensitivity"] == pytest.approx(20.2 / 30, abs=0.1)
    assert match["sensitivity"] == 1
    assert 0 < match["chance_f1"] <= match["chance_f1_upper"] <= 1


def test_chance_is_the_same_each_time():
    _, analysis = case("gap")
    assert result_of(analysis)["press_match"] == result_of(analysis)["press_match"]


def test_where_no_press_could_be_judged_there_is_no_share_and_no_chance():
    profile = night(hidden="gap", presses=seconds((1500, 1501)))
    match = result_of(analysis_of(profile))["press_match"]
    assert match["judged_presses"] == 0
    for name in ("sensitivity", "chance_sensitivity", "chance_f1", "chance_sensitivity_upper"):
        assert match[name] is None
    (told,) = lines(analysis_of(profile), "Presses:")
    assert "1 could not be judged (no data 1)" in told


# What sensors can see


def test_one_of_two_sensors_judges_and_says_so():
    profile = night()
    off = {"sensor_6": seconds((600, 1200))}
    profile = replace(profile, signals=replace(profile.signals, off=off))
    told = result_of(analysis_of(profile))["recording"]
    assert told["judged_seconds"] == LENGTH
    assert told["judged_on_fewer_sensors_seconds"] == 600
    assert any("10.0 min were judged though" in notice for notice in told["notices"])


@pytest.mark.parametrize("fault", ["not live", "no threshold", "off"])
def test_without_any_detecting_sensor_nothing_is_judged(fault):
    profile = night()
    names = profile.thresholds
    if fault == "not live":
        live = profile.signals.live - set(names)
        profile = replace(profile, signals=replace(profile.signals, live=live))
    elif fault == "no threshold":
        profile = replace(profile, thresholds=dict.fromkeys(names, float("inf")))
    else:
        off = dict.fromkeys(names, seconds((0, LENGTH)))
        profile = replace(profile, signals=replace(profile.signals, off=off))
    result = result_of(analysis_of(profile))
    assert result["recording"]["unjudged_seconds"]["sensor_off"] == LENGTH
    assert result["recording"]["judged_status"] == "none"


def test_where_a_detection_needs_two_sensors_one_is_not_enough():
    settings = AnalysisSettings.model_validate({"detection": {"minimum_sensors": 2}})
    profile = night(settings=settings)
    off = {"sensor_6": seconds((600, 1200))}
    profile = replace(profile, signals=replace(profile.signals, off=off))
    assert profile.judge().unjudged_seconds["sensor_off"] == 600


@pytest.mark.parametrize("absent", [True, False])
def test_time_without_an_imu_is_judged_and_it_is_said(absent):
    profile = night()
    motion = ("acceleration", "roll", "pitch", "yaw")
    signals = profile.signals
    if absent:
        signals = replace(signals, live=signals.live - set(motion))
    else:
        signals = replace(signals, off=dict.fromkeys(motion, seconds((600, 1200))))
    told = result_of(analysis_of(replace(profile, signals=signals)))["recording"]
    assert told["judged_seconds"] == LENGTH
    assert told["body_movement_unseen_seconds"] == (LENGTH if absent else 600)
    assert any("IMU" in notice for notice in told["notices"])


@pytest.mark.parametrize("hidden", ["gap", "sensor_off", "body_movement"])
def test_time_that_a_sensor_does_not_show_is_no_background(hidden):
    """Most of the night is at zero there: without more ado any noise would be a pulse."""
    profile = night(hidden=hidden, where=(0, 0.6 * LENGTH))
    channel = profile.signals.sensors["sensor_3"]
    samples = channel.samples.copy()
    samples[: int(len(samples) * 0.6)] = 0
    sensors = {"sensor_3": replace(channel, samples=samples)}
    (train,) = find_hiccups(
        replace(profile, signals=replace(profile.signals, sensors=sensors))
    ).trains
    assert train.level == pytest.approx(find_hiccups(night()).trains[0].level, rel=0.05)


@pytest.mark.parametrize("hidden", ["gap", "sensor_off", "body_movement"])
def test_features_compare_a_movement_with_what_its_sensor_showed(hidden):
    """Zeros for most of the night, hidden, must not make a movement infinitely strong."""
    profile = night(hidden=hidden, where=(0, 0.6 * LENGTH), period=600.0)
    channel = profile.signals.sensors["sensor_3"]
    samples = channel.samples.copy()
    samples[: int(len(samples) * 0.6)] = 0
    channel = replace(channel, samples=samples)
    every = ("sensor_3", "sensor_6", "acceleration", "roll", "pitch", "yaw")
    off = dict.fromkeys(every, seconds((0, 0.6 * LENGTH))) if hidden == "sensor_off" else {}
    signals = replace(
        profile.signals,
        sensors=dict.fromkeys(profile.signals.sensors, channel),
        **dict.fromkeys(("acceleration", "roll", "pitch", "yaw"), channel),
        off=off,
    )
    table = extract_features(replace(profile, signals=signals))
    last = dict(zip(feature_names, table[-1], strict=True))
    for name in ("piezo_both", "imu_acceleration", "imu_rotation"):
        assert abs(last[name]) < 1, name


# Movements at the borders


def test_a_lost_packet_does_not_make_two_movements_of_one():
    profile = night(gaps=seconds((12.0, 12.0625)))
    assert len(analysis_of(profile).movements) == len(profile.detections)


def test_a_movement_ends_where_what_was_seen_ends():
    profile = night(gaps=seconds((13.0, 20.0), (35.0, 41.0)))
    counted = analysis_of(profile).movements[:2] / SECOND
    assert counted.tolist() == [[10, 13], [41, 44]]


def test_what_merely_reaches_out_of_hidden_time_is_no_movement():
    profile = night(gaps=seconds((11.0, 13.0)))  # the core lies in it, the dilation beyond
    assert len(analysis_of(profile).movements) == len(profile.detections) - 1


# Too little, and nothing


@pytest.mark.parametrize(
    ("length", "status"), [(299, "too_little"), (300, "ok"), (60, "too_little")]
)
def test_less_than_five_judged_minutes_give_a_count_and_no_rate(length, status):
    profile = night(length=length)
    result = result_of(analysis_of(profile))
    assert result["recording"]["judged_status"] == result["summary"]["judged_status"] == status
    assert result["summary"]["kicks"] == len(profile.detections)
    assert (result["summary"]["kicks_per_analysed_hour"] is None) == (status != "ok")
    (told,) = lines(analysis_of(profile), "Movements:")
    assert ("no rate" in told) == (status != "ok")
    if status != "ok":
        assert "too little for a rate" in told


def test_less_than_a_tenth_of_the_recording_gives_no_rate():
    profile = night(hidden="gap", where=(330, 3600))
    assert profile.judge().seconds > 300
    result = result_of(analysis_of(profile))
    assert result["summary"]["kicks_per_analysed_hour"] is None
    assert result["recording"]["judged_status"] == "too_little"


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_where_nothing_was_judged_every_figure_is_absent_and_a_word_says_why(hidden):
    profile = night(hidden=hidden, where=(0, LENGTH))
    bouts = seconds((0, LENGTH)) if hidden == "hiccups" else empty()
    analysis = analysis_of(profile, hidden=hidden, where=(0, LENGTH), bouts=bouts)
    result = result_of(analysis)
    summary = result["summary"]
    for name in (
        "kicks",
        "movement_minutes",
        "still_minutes",
        "undilated_movement_minutes",
        "kicks_per_analysed_hour",
        "analysed_seconds_to_tenth_kick",
        "longest_quiet_seconds",
    ):
        assert summary[name] is None, name
    assert summary["onset_statistics"]["count"] is None
    assert summary["onset_intervals_over_unjudged"] is None
    assert result["recording"]["judged_status"] == "none"
    assert "Nothing" in result["recording"]["judged_explanation"]
    (told,) = lines(analysis, "Movements:")
    assert "not counted. Nothing" in told
    (told,) = lines(analysis, "Longest quiet:")
    assert "unknown" in told


def test_an_expected_count_that_nobody_can_vouch_for_is_left_out_with_a_word():
    result = result_of(case("")[1])
    assert result["expected_kicks"] is None
    assert "reference method" in result["expected_kicks_status"]


# Hiccups


@pytest.mark.parametrize("events", [True, False])
@pytest.mark.parametrize("removed", [True, False])
def test_the_bouts_are_told_whatever_is_done_with_them(events, removed):
    profile = night()
    bout = seconds((1202, 1798))
    result = result_of(analysis_of(profile, bouts=bout, removed=removed), events=events)
    (told,) = result["hiccup_bouts"]
    assert (told["start_seconds"], told["end_seconds"]) == (1202 + TRIM, 1798 + TRIM)
    assert told["start"] == "2025-01-06T21:20:32.000Z"
    inside = overlapping(profile.detections, seconds((1200, 1800))).sum()
    assert result["movements_in_hiccup_bouts"] == inside == 20
    kicks = result["summary"]["kicks"]
    assert kicks == len(profile.detections) - (inside if removed else 0)


def test_hiccups_that_stay_in_are_told_to_the_reader():
    (told,) = lines(analysis_of(night(), bouts=seconds((1202, 1798)), removed=False), "Hiccup")
    assert "1 (9.9 min), not taken out: 20 of the movements" in told
    (told,) = lines(analysis_of(night(), bouts=empty()), "Hiccup")
    assert "none found" in told


def test_hiccups_that_nobody_could_see_are_not_none():
    analysis = analysis_of(night(), bouts=empty(), could_be_seen=False)
    result = result_of(analysis)
    assert result["hiccup_bouts"] is result["hiccups"] is None
    assert result["movements_in_hiccup_bouts"] is None
    (told,) = lines(analysis, "Hiccup")
    assert "not looked for" in told
    assert any("could not be looked for" in text.get_text() for text in figure(analysis).texts)


def test_hiccups_are_looked_for_only_where_two_sensors_show_a_minute():
    assert not find_hiccups(night(sensors=1)).could_be_seen
    assert find_hiccups(night(length=60)).could_be_seen
    assert not find_hiccups(night(length=59)).could_be_seen
    for hidden in ("gap", "sensor_off", "body_movement"):
        profile = night(hidden=hidden, where=(0, LENGTH))
        assert not find_hiccups(profile).could_be_seen


# What people read


def lines(analysis, start):
    job = {"status": "Completed", **report(analysis)}
    return [line for line in summary_lines(job) if line.startswith(start)]


NAMES = {
    "gap": "no data 10.0 min",
    "sensor_off": "sensors off 10.0 min",
    "body_movement": "maternal movement 10.0 min",
    "regular_pulses": "regular pulses 10.0 min",
    "hiccups": "hiccup bouts 10.0 min",
}


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_the_printed_summary_begins_with_what_could_be_judged(hidden):
    profile, analysis = case(hidden)
    first, second, third = summary_lines({"status": "Completed", **report(analysis)})[:3]
    assert first.split() == ["Judged:", "50.0", "of", "61.0", "min"]
    assert NAMES[hidden] in second
    assert "left out at the ends 1.0 min" in second
    kicks = len(in_sight(profile.detections))
    assert third.split(None, 1)[1] == f"{kicks}, {kicks / 3000 * 3600:.1f} per judged hour"


def test_the_summary_is_that_of_both_kinds_of_result():
    _, analysis = case("gap")
    printed = [
        summary_lines({"status": "Completed", **report(analysis, extract_events=events)})
        for events in (True, False)
    ]
    assert printed[0] == printed[1]


def test_no_press_is_told_as_no_press():
    profile = night(presses=empty(), sensation=empty())
    assert lines(analysis_of(profile), "Presses:") == ["Presses:       the button was not pressed"]


def figure(analysis):
    return draw_analysis(analysis)


def drawn(axes, gid):
    """Return the stretches that a row of bars covers, in ticks of the trimmed axis."""
    spans = [
        (path.vertices[:, 0].min() - TRIM, path.vertices[:, 0].max() - TRIM)
        for bars in axes.collections
        if bars.get_gid() == gid
        for path in bars.get_paths()
    ]
    return union(seconds(*spans))


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("length", [LENGTH, 2 * LENGTH])
def test_the_picture_hatches_what_was_not_judged_in_every_row(reason, length):
    hidden = "" if reason == "ends" else reason
    profile = night(hidden=hidden, length=length)
    analysis = analysis_of(profile, hidden=hidden)
    expected = analysis.judged.unjudged[reason]
    assert len(expected) > 0
    picture = figure(analysis)
    assert len(picture.axes) >= 3
    for axes in picture.axes:
        assert np.array_equal(drawn(axes, reason), expected)
    (budget, *_) = picture.axes
    assert np.array_equal(drawn(budget, "judged"), analysis.judged.judged)
    labels = [text.get_text() for text in picture.legends[0].get_texts()]
    words = {
        "ends": "ends",
        "gap": "no data",
        "sensor_off": "sensors off",
        "body_movement": "maternal movement",
        "regular_pulses": "regular pulses",
        "hiccups": "taken out",
    }
    assert any(words[reason] in label for label in labels)
    hatches = {bars.get_hatch() for bars in budget.collections if bars.get_gid() == reason}
    assert hatches.isdisjoint({None, ""})


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_the_picture_shows_no_movement_where_nothing_was_judged(hidden):
    profile, analysis = case(hidden)
    shown = union(*(drawn(axes, "movements") for axes in figure(analysis).axes))
    assert np.array_equal(shown, in_sight(profile.detections))


@pytest.mark.parametrize("hidden", INNER_REASONS)
def test_the_heading_of_the_picture_tells_the_figures_of_the_result(hidden):
    _, analysis = case(hidden)
    words = " ".join(text.get_text() for text in figure(analysis).texts)
    summary = result_of(analysis)["summary"]
    assert "50.0 of 61.0 min could be judged" in words
    assert "10.0 min" in words.split("Not judged:")[1].split("   ")[0]
    told = f"{summary['kicks']} movements found, {summary['kicks_per_analysed_hour']:.1f} per"
    assert told in words


def test_the_picture_of_a_night_that_nobody_could_judge_gives_no_count():
    profile = night(hidden="gap", where=(0, LENGTH))
    words = " ".join(text.get_text() for text in figure(analysis_of(profile)).texts)
    assert "could not be counted" in words
    assert "0 movements" not in words


def test_the_sensors_that_were_off_are_listed():
    info = replace(night().info, sensors_off=(SensorOff("sensor_3", 1.0, 2.0, "railed"),))
    told = result_of(analysis_of(night(info=info)))["recording"]["sensors_off"]
    assert told == [
        {"sensor": "sensor_3", "start_seconds": 1.0, "end_seconds": 2.0, "reason": "railed"}
    ]


def test_judged_and_unjudged_time_make_up_the_axis_and_never_meet():
    for hidden in INNER_REASONS:
        judged = case(hidden)[1].judged
        hidden_time = union(*judged.unjudged.values())
        assert np.array_equal(
            difference(hidden_time, judged.unjudged["ends"]),
            complement(judged.judged, judged.length),
        )


def test_a_recording_in_pieces_is_not_said_to_be_free_of_hiccups():
    holes = np.arange(0, LENGTH) * SECOND
    profile = night(gaps=np.column_stack((holes, holes + SECOND // 2)))
    assert find_hiccups(night()).could_be_seen
    assert not find_hiccups(profile).could_be_seen


def test_movements_in_a_bout_that_could_not_be_judged_are_unknown_and_not_none():
    inner = (HIDDEN[0] + MARGIN, HIDDEN[1] - MARGIN)
    analysis = analysis_of(night(hidden="gap"), bouts=seconds(inner), removed=False)
    assert result_of(analysis)["movements_in_hiccup_bouts"] is None
    lines = "\n".join(summary_lines({"result": result_of(analysis)}))
    assert "in time that could not be judged" in lines
