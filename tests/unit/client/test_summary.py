"""The summary for people: the numbers of the response, a reason where there is none, no verdict."""

from __future__ import annotations

from typing import Any

from femo_client.summary import summary_lines
from femo_result.words import RESEARCH_USE
from tests.unit.result.examples import events_result


def job(recording: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    result = events_result()
    result["recording"] |= recording or {}
    return {"status": "Completed", "result": result | changes}


def figures(**changes: Any) -> dict[str, Any]:
    return {"summary": events_result()["summary"] | changes, "movement_count": changes["kicks"]}


def line(start: str, told: dict[str, Any]) -> str:
    (found,) = [line for line in summary_lines(told) if line.startswith(start)]
    return found


def match(**changes: Any) -> dict[str, Any]:
    shares = ("accuracy", "specificity", "precision", "f1", "false_positive_rate", "pabak")
    return {
        **dict.fromkeys(shares),
        "false_negatives": 1,
        "false_positives": 0,
        "true_negatives": 9,
        "chance_f1": None,
        "chance_f1_upper": None,
        "presses": 7,
        "judged_presses": 4,
        "true_positives": 3,
        "presses_not_judged": {"ends": 0, "gap": 1, "body_movement": 2},
        "sensitivity": 0.75,
        "chance_sensitivity": 0.3,
        "chance_sensitivity_upper": 0.5,
    } | changes


def test_the_judged_time_comes_first_then_why_the_rest_was_not() -> None:
    lines = summary_lines(job())
    assert "20.0 of 30.0 min" in lines[0]
    for told in ("maternal movement 5.0 min", "no data 1.0 min", "sensors off 2.0 min"):
        assert told in lines[1]
    assert "1, 3.0 per judged hour" in lines[2]


def test_presses_are_counted_only_where_they_could_be_judged_and_beside_chance() -> None:
    told = line("Presses", job(press_match=match()))
    assert "3 of 4 that could be judged" in told
    assert "75%; by chance 30%, in 95 of 100 shifts at most 50%" in told
    assert "3 could not be judged (no data 1, maternal movement 2)" in told


def test_presses_that_chance_could_hardly_meet_are_not_told_to_be_beyond_it() -> None:
    told = line("Presses", job(press_match=match(chance_sensitivity=0.004, sensitivity=0.996)))
    assert ">99%; by chance <1%, in" in told


def test_presses_of_which_none_could_be_judged_have_no_share() -> None:
    nothing = dict.fromkeys(("sensitivity", "chance_sensitivity", "chance_sensitivity_upper"))
    told = line("Presses", job(press_match=match(judged_presses=0, true_positives=0, **nothing)))
    assert "0 of" not in told
    assert "7 could not be judged" in told


def test_a_recording_of_which_nothing_could_be_judged_has_no_count() -> None:
    nothing = figures(kicks=None, kicks_per_analysed_hour=None, longest_quiet_seconds=None)
    told = job({"judged_explanation": "Nothing could be judged."}, movements=None, **nothing)
    assert line("Movements", told).endswith("not counted. Nothing could be judged.")
    # "no time without movement" would be a finding
    assert line("Longest quiet", told).endswith("unknown: nothing was judged")


def test_a_short_recording_has_a_count_and_says_why_it_has_no_rate() -> None:
    few = figures(kicks=5, kicks_per_analysed_hour=None, longest_quiet_seconds=9.0)
    told = job({"judged_explanation": "Only 1.0 min: too little."}, **few)
    assert line("Movements", told).endswith("5, no rate. Only 1.0 min: too little.")


def test_hiccups_are_told_whether_taken_out_or_not() -> None:
    assert "1 (3.0 min), taken out with the 2 detections" in line("Hiccup", job())
    kept = job(hiccup_bouts_status="not taken out")
    assert "1 (3.0 min), not taken out: 2 of the movements" in line("Hiccup", kept)


def test_hiccups_that_were_not_looked_for_are_not_none() -> None:
    told = line("Hiccup", job(hiccup_bouts=None, hiccup_bouts_status="not looked for: too short"))
    assert told.endswith("not looked for: too short")
    assert line("Hiccup", job(hiccup_bouts=[])).endswith("none found")


def test_a_count_is_told_with_its_interval_or_why_there_is_none():
    lines = summary_lines(job(expected_kicks={"low": 3, "high": 9, "expected": 5.5, "level": 0.9}))
    assert "3 to 9 in judged time (90%" in next(x for x in lines if x.startswith("Likely"))
    lines = summary_lines(job(expected_kicks=None, expected_kicks_status="too little was judged"))
    assert "too little was judged" in next(x for x in lines if x.startswith("Likely"))


def test_notices_and_the_advice_are_never_left_out() -> None:
    lines = summary_lines(job(notices=[{"code": "cut_off", "text": "the file was cut off"}]))
    assert any("cut off" in line for line in lines)
    assert lines[-1] == RESEARCH_USE


def test_a_failed_job_says_why() -> None:
    failed = {"status": "Failed", "error": {"message": "No header."}}
    assert summary_lines(failed) == ["Failed: No header."]


def test_a_completed_job_whose_result_is_gone_says_so() -> None:
    gone = {"status": "Completed", "result": None, "error": {"message": "The result is gone."}}
    assert summary_lines(gone) == ["Completed: The result is gone."]


def test_a_few_judged_seconds_are_not_told_as_none() -> None:
    told = job({"judged_seconds": 5.0, "unjudged_seconds": {"gap": 2.5}})
    assert line("Judged", told).endswith(" 5 s of 30.0 min")
    assert line("Not judged", told).endswith("no data 2.5 s")


def test_a_result_that_is_too_large_for_the_answer_is_told_where_it_is() -> None:
    large = {"status": "Completed", "resultUrl": "https://s3.example/result"}
    assert "resultUrl" in summary_lines(large)[0]


def test_a_result_of_an_older_service_is_told_as_such_and_not_misread() -> None:
    older = {"status": "Completed", "result": {"recording": {"judged_seconds": 1.0}}}
    told = summary_lines(older)
    assert "older service" in told[0]
    assert told[-1] == RESEARCH_USE
