"""The table of truth: a wrong analysis scores badly, and a fall below the baseline is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import femo_signal
from bench import truth
from bench.other_generator import Scene, make
from bench.truth_scores import Figures, RecordingScore, figures_of, score
from bench.truth_sets import evaluation_sets

START = datetime(2026, 1, 5, 22, 0, 0, 250_000, tzinfo=UTC)


def stamp(seconds: float) -> str:
    moment = START + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def response(
    *found: tuple[float, float], bouts: Any = (), unjudged: Any = (), notices: Any = ()
) -> dict[str, Any]:
    return {
        "output_type": "events",
        "result": {
            "events": [
                {"event_type": "inferred_kick", "start_t": stamp(a), "end_t": stamp(b)}
                for a, b in found
            ],
            "hiccup_bouts": [{"start_seconds": a, "end_seconds": b} for a, b in bouts],
            "recording": {
                "format": "v1",
                "start": stamp(0),
                "judged_seconds": 540.0,
                "unjudged": [
                    {"reason": "ends", "start_seconds": a, "end_seconds": b} for a, b in unjudged
                ],
                "notices": list(notices),
            },
        },
    }


def content(*kicks: tuple[float, float], **more: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"body_movements": [], "hiccup_bouts": [], "seconds": 600.0}
    return nothing | {"kicks": list(kicks)} | more


def scored(truth_: dict[str, Any], answer: dict[str, Any], interval: Any = None) -> RecordingScore:
    return score(truth_, answer, interval)


def test_what_is_found_missed_and_invented_is_counted_once() -> None:
    one = scored(content((100, 101), (200, 201), (300, 301)),
                 response((100.2, 101.2), (200.5, 200.6), (200.7, 201.5), (400, 401)))  # fmt: skip
    assert (one.hits, one.false, one.missed) == (2, 2, 1)
    assert one.onset_errors == pytest.approx((0.2, 0.5))


def test_one_long_detection_is_not_two_movements() -> None:
    one = scored(content((100, 101), (102.5, 103), (200, 201)), response((99, 104)))
    assert (one.hits, one.missed) == (1, 2)
    assert (one.pairs, one.pairs_apart) == (1, 0)
    apart = scored(content((100, 101), (102.5, 103)), response((100, 101), (102.4, 103)))
    assert (apart.pairs, apart.pairs_apart) == (1, 1)


def test_movements_that_nobody_could_see_are_asked_of_nobody() -> None:
    hidden = content((10, 11), (101, 102), (201, 202), (301, 302), (450, 451),
                     body_movements=[(100, 105)], gaps=[(200, 210)],
                     sensors_off=[(300, 310, f"sensor_{n}") for n in (3, 4, 5, 6)])  # fmt: skip
    one = scored(hidden, response((101, 102), (450, 451)))
    assert (one.hits, one.false, one.missed) == (1, 0, 0)


def test_time_left_unjudged_though_sensors_were_on_counts_as_missed() -> None:
    one = scored(content((100, 101)), response(unjudged=[(50, 500)]))
    assert one.missed == 1


def test_hiccups_are_found_where_half_of_the_bout_is_told() -> None:
    with_bout = content(hiccup_bouts=[(100, 200)])
    assert scored(with_bout, response(bouts=[(90, 145)])).bouts_found == 0
    one = scored(with_bout, response(bouts=[(90, 145), (150, 160)]))
    assert one.bouts_found == 1
    assert one.hiccup_share == pytest.approx(65 / 600)


@pytest.mark.parametrize(
    ("interval", "holds"),
    [({"low": 1, "high": 3}, True), ({"low": 2, "high": 3}, False), (None, None)],
)
def test_an_interval_is_held_against_what_began_in_judged_time(interval, holds) -> None:
    judged_one = content((100, 101), (200, 201))
    one = scored(judged_one, response((100, 101), unjudged=[(150, 250)]), interval)
    assert one.interval_holds is holds


def test_a_withheld_interval_is_a_wrong_one_if_the_model_gives_any() -> None:
    holds = scored(content((100, 101)), response((100, 101)), {"low": 0, "high": 2})
    withheld = replace(holds, interval_holds=None)
    assert figures_of([holds, withheld], intervals=True).interval_holds == 0.5
    assert figures_of([withheld], intervals=False).interval_holds is None


def figures(**changed: Any) -> Figures:
    one = scored(content((100, 101), (102.5, 103)), response((100, 101), (102.5, 103)))
    return replace(figures_of([one], intervals=False), **changed)


@pytest.mark.parametrize(
    ("name", "value"),
    [("f1", 0.9), ("f1", None), ("count_bias", -0.2), ("onset_seconds", 0.4), ("pairs_apart", 0.0)],
)
def test_a_figure_that_falls_fails_the_check_by_name(name: str, value: float | None) -> None:
    stored = {"close pairs": figures().__dict__}
    assert not truth.fallen({"close pairs": figures()}, stored)
    (told,) = truth.fallen({"close pairs": figures(**{name: value})}, stored)
    assert truth.KINDS[name].title in told


def test_a_set_that_is_no_longer_measured_fails_the_check() -> None:
    assert truth.fallen({}, {"close pairs": figures().__dict__})


def test_each_target_is_met_by_a_perfect_analysis_and_missed_by_a_poor_one() -> None:
    perfect = Figures(1, 10, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0)
    poor = Figures(1, 10, 0.5, -0.3, 1.4, 40.0, 0.2, 0.1, 0.9, 0.0, 0.3)
    silent = replace(perfect, interval_holds=None)
    for one, word, count in (
        (perfect, "met |", len(truth.TARGETS)),
        (poor, "**not met** |", len(truth.TARGETS)),
        (silent, "not measured |", sum(t.figure == "interval_holds" for t in truth.TARGETS)),
    ):
        text = truth.table(dict.fromkeys(evaluation_sets(), one))
        assert text.count(word) == count
    assert set(truth.OF_SET) <= set(evaluation_sets())


def test_the_baseline_has_every_set() -> None:
    assert list(json.loads(truth.BASELINE.read_text())) == list(evaluation_sets())


@pytest.mark.parametrize("recording_format", ["v1", "v2"])
def test_a_recording_of_the_other_generator_is_what_its_truth_says(
    tmp_path: Path, recording_format
) -> None:
    scene = Scene(5, minutes=2, format=recording_format, off=(("sensor_6", 0.5, 0.75),),
                  hiccup_variation=None, close_pairs=1.0)  # fmt: skip
    paths = [tmp_path / f"{number}.dat" for number in range(2)]
    for path in paths:
        make(path, scene)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    recording = femo_signal.read_recording(paths[0])
    assert (recording.format, recording.duration_seconds) == (recording_format, 120)
    assert not recording.info.notices
    values = recording.sensors["sensor_6"].values
    assert np.ptp(values[60 * 1024 : 90 * 1024]) == 0
    assert np.ptp(values[: 60 * 1024]) > 0
    told = json.loads(paths[0].with_suffix(".truth.json").read_text())
    (off,) = femo_signal.build_profile(paths[0]).info.sensors_off
    assert (off.sensor, off.start_seconds) == ("sensor_6", pytest.approx(60, abs=0.1))
    assert len(told["kicks"]) > 3


def test_a_movement_of_the_other_generator_stands_out_where_its_truth_has_it(
    tmp_path: Path,
) -> None:
    make(tmp_path / "n.dat", Scene(6, minutes=3))
    told = json.loads((tmp_path / "n.truth.json").read_text())
    settings = femo_signal.AnalysisSettings(method="adaptive")
    table = femo_signal.features(tmp_path / "n.dat", settings=settings)
    inside = [kick for kick in told["kicks"] if 10 < kick[0] < 170]
    hit = [((table.start_seconds < b) & (table.end_seconds > a)).any() for a, b in inside]
    assert np.mean(hit) > 0.7
