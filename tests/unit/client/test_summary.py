"""The summary for people: the numbers of the response, and no verdict."""

from __future__ import annotations

from typing import Any

from femo_client.summary import RESEARCH_USE, summary_lines


def job(**changes: Any) -> dict[str, Any]:
    recording = {
        "duration_seconds": 1800.0,
        "analysed_seconds": 1200.0,
        "masked_seconds": 300.0,
        "gap_seconds": 60.0,
        "notices": [],
    }
    events = [
        {
            "event_type": "inferred_kick",
            "start_t": "2025-01-06T21:28:14.944Z",
            "end_t": "2025-01-06T21:28:18.847Z",
        },
        {
            "event_type": "fetal_hiccups",
            "start_t": "2025-01-06T21:10:00.000Z",
            "end_t": "2025-01-06T21:13:00.000Z",
        },
    ]
    result = {"recording": recording, "events": events}
    return {"status": "Completed", "result": result | changes}


def test_the_judged_time_comes_first_and_the_rate_is_per_judged_hour() -> None:
    lines = summary_lines(job())
    assert "20.0 of 30.0 min" in lines[0]
    assert "1 (3.0 per analysed hour)" in lines[1]
    assert "1 (3.0 min)" in lines[2]


def test_presses_are_counted_only_where_they_could_be_judged() -> None:
    lines = summary_lines(job(press_match={"true_positives": 3, "false_negatives": 1}))
    assert any("3 of 4" in line for line in lines)


def test_a_recording_of_which_nothing_could_be_judged_has_no_rate() -> None:
    recording = job()["result"]["recording"] | {"analysed_seconds": 0.0}
    assert "no per analysed hour" in summary_lines(job(recording=recording))[1]


def test_notices_and_the_advice_are_never_left_out() -> None:
    recording = job()["result"]["recording"] | {"notices": ["the file was cut off"]}
    lines = summary_lines(job(recording=recording))
    assert any("cut off" in line for line in lines)
    assert lines[-1] == RESEARCH_USE


def test_a_failed_job_says_why() -> None:
    failed = {"status": "Failed", "error": {"message": "No header."}}
    assert summary_lines(failed) == ["Failed: No header."]


def test_a_completed_job_whose_result_is_gone_says_so() -> None:
    gone = {"status": "Completed", "result": None, "error": {"message": "The result is gone."}}
    assert summary_lines(gone) == ["Completed: The result is gone."]
