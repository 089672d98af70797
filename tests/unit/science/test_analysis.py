"""The service's result: right events at right times, right figures, no verdict."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from femo_result.words import RESEARCH_USE
from femo_signal.detection.building import build_profile
from femo_signal.errors import RecordingError
from femo_signal.intervals import complement, contains, overlapping, total, union
from femo_signal.learning.matching import match_one_to_one
from femo_signal.reporting.analysis import analyze_profile, analyze_recording, report
from femo_signal.reporting.events import EVENT_TYPES, list_events, timestamp
from femo_signal.reporting.plots import plot_analysis

from .conftest import ticks


@pytest.fixture(scope="module")
def hiccup_recording(cohort):
    return cohort.parent / "recording-002.dat"


def moments(result, kind):
    return [
        (datetime.fromisoformat(e["start_t"]), datetime.fromisoformat(e["end_t"]))
        for e in result["result"]["events"]
        if e["event_type"] == kind
    ]


def test_times_are_rounded_to_milliseconds_in_utc():
    moment = datetime(2024, 6, 10, 6, 13, 20, 437600, tzinfo=UTC)
    assert timestamp(moment) == "2024-06-10T06:13:20.438Z"
    assert timestamp(moment.replace(microsecond=999600)) == "2024-06-10T06:13:21.000Z"


def test_events_are_absolute_and_count_the_trimmed_start(hiccup_recording, model):
    result = analyze_recording(hiccup_recording, model)
    profile = build_profile(hiccup_recording, settings=model.settings)
    seconds = profile.info.seconds(profile.body_movement)
    found = moments(result, "maternal_body_movement")
    assert len(found) == len(seconds) > 0
    for (start, end), (a, b) in zip(found, seconds, strict=True):
        assert start == pytest.approx(
            profile.info.start + timedelta(seconds=a), abs=timedelta(milliseconds=1)
        )
        assert end == pytest.approx(
            profile.info.start + timedelta(seconds=b), abs=timedelta(milliseconds=1)
        )


def test_kicks_of_another_generator_are_found_at_their_times(golden, model):
    path, truth = golden
    result = analyze_recording(path, model)
    start = datetime.fromisoformat(result["result"]["recording"]["start"])
    events = np.array(
        [
            [(a - start).total_seconds(), (b - start).total_seconds()]
            for a, b in moments(result, "inferred_kick")
        ]
    )
    profile = build_profile(path)
    visible = complement(union(profile.body_movement), profile.info.length_ticks)
    kicks = ticks(truth["kicks"], trim_ticks=profile.info.trim_ticks)
    kicks = kicks[overlapping(kicks, visible)]
    found = (events * 1024).round().astype(np.int64) - profile.info.trim_ticks
    hits = int((match_one_to_one(found, kicks) >= 0).sum())
    f1 = 2 * hits / (len(found) + len(kicks))
    everything = profile.detections
    hits_all = int((match_one_to_one(everything, kicks) >= 0).sum())
    assert f1 >= (0.85 if path.suffix == ".bin" else 0.9)  # two sensors see less
    assert f1 >= 2 * hits_all / (len(everything) + len(kicks))


def test_events_are_of_known_types_and_in_order_of_time(hiccup_recording, model):
    result = analyze_recording(hiccup_recording, model, remove_hiccups=True)
    events = result["result"]["events"]
    assert result["result"]["event_count"] == len(events)
    assert {event["event_type"] for event in events} == set(EVENT_TYPES)
    assert [e["start_t"] for e in events] == sorted(e["start_t"] for e in events)
    assert all(e["start_t"].endswith("Z") for e in events)


def test_hiccups_are_events_only_when_they_are_to_be_removed(hiccup_recording, model):
    plain = analyze_recording(hiccup_recording, model)
    assert not moments(plain, "fetal_hiccups")
    removed = analyze_recording(hiccup_recording, model, remove_hiccups=True)
    (bout,) = moments(removed, "fetal_hiccups")
    for start, end in moments(removed, "inferred_kick"):
        assert end <= bout[0] or start >= bout[1]


def test_metadata_counts_before_and_after_removal(hiccup_recording, model):
    result = analyze_recording(hiccup_recording, model, extract_events=False, remove_hiccups=True)[
        "result"
    ]
    before, after = result["before_hiccup_removal"], result["after_hiccup_removal"]
    assert before["kicks"] >= after["kicks"] > 0
    assert before["movement_minutes"] + before["still_minutes"] == pytest.approx(
        before["analysed_minutes"]
    )
    assert before["undilated_movement_minutes"] <= before["movement_minutes"]
    assert before["onset_statistics"]["count"] == before["kicks"] - 1
    assert result["hiccups"]["bouts"] == 1
    assert "onset_intervals_seconds" not in before
    assert "press_match" in result
    assert result["recording"]["analysed_seconds"] < result["recording"]["duration_seconds"]


def test_onset_intervals_are_listed_on_request_only(hiccup_recording, model):
    result = analyze_recording(
        hiccup_recording, model, extract_events=False, include_full_intervals=True
    )["result"]
    block = result["before_hiccup_removal"]
    assert len(block["onset_intervals_seconds"]) == block["kicks"] - 1
    assert result["after_hiccup_removal"] is None


def test_a_result_is_json_without_nan(hiccup_recording, model):
    for events in (True, False):
        json.dumps(analyze_recording(hiccup_recording, model, extract_events=events),
                   allow_nan=False)  # fmt: skip


def test_the_same_file_gives_the_same_result(hiccup_recording, model):
    assert analyze_recording(hiccup_recording, model) == analyze_recording(hiccup_recording, model)


def test_a_recording_without_any_movement_is_analysed(tmp_path, model):
    from femo_signal.synthetic import draw_plan, draw_subject, write_recording

    plan = draw_plan(draw_subject("still", seed=1), seconds=60, seed=1, hiccups=False)
    for rows in (plan.kicks, plan.waveforms, plan.body_movements, plan.small_movements):
        rows.clear()
    plan.presses.clear()
    write_recording(tmp_path / "still.dat", plan)
    result = analyze_recording(tmp_path / "still.dat", model, extract_events=False)["result"]
    assert result["before_hiccup_removal"]["kicks"] == 0
    assert result["before_hiccup_removal"]["onset_statistics"]["mean"] is None
    assert result["before_hiccup_removal"]["analysed_seconds_to_tenth_kick"] is None
    assert "press_match" not in result
    profile = build_profile(tmp_path / "still.dat", settings=model.settings)
    plot_analysis(analyze_profile(profile, model), tmp_path / "still.png")
    assert (tmp_path / "still.png").stat().st_size > 5000


def test_a_file_that_is_no_recording_is_refused(tmp_path, model):
    (tmp_path / "a.dat").write_text("no recording at all")
    with pytest.raises(RecordingError):
        analyze_recording(tmp_path / "a.dat", model)


def test_the_result_holds_numbers_and_no_verdict(hiccup_recording, model):
    text = json.dumps(analyze_recording(hiccup_recording, model, extract_events=False)).lower()
    for word in ("normal", "healthy", "reassur", "abnormal", "alarm"):
        assert word not in text


def test_rates_are_per_analysed_hour(hiccup_recording, model):
    profile = build_profile(hiccup_recording, settings=model.settings)
    analysis = analyze_profile(profile, model)
    block = report(analysis, extract_events=False)["result"]["before_hiccup_removal"]
    hours = total(analysis.judged.judged) / 1024 / 3600
    assert block["kicks_per_analysed_hour"] == pytest.approx(block["kicks"] / hours)
    starts = analysis.movements[:, 0]
    assert contains(analysis.judged.judged, starts).all()


def test_the_picture_carries_the_note_for_readers(hiccup_recording, model, tmp_path):
    profile = build_profile(hiccup_recording, settings=model.settings)
    analysis = analyze_profile(profile, model, hiccups_removed=True)
    plot_analysis(analysis, tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    assert RESEARCH_USE.split(".")[0] in drawn
    assert "could be judged" in drawn


def test_events_of_nothing_are_none(hiccup_recording, model):
    info = build_profile(hiccup_recording).info
    assert list_events(info, {"inferred_kick": np.zeros((0, 2), dtype=np.int64)}) == []
