"""The interval of the count keeps its promise, or is withheld with a reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from femo_signal.detection.judged import JudgedTime, judge_time
from femo_signal.intervals import Intervals, as_intervals, empty
from femo_signal.learning.count_fit import (
    count_coverage,
    count_intervals,
    fit_count,
    out_of_fold_intervals,
)
from femo_signal.learning.domain import DomainResult, SignalStatistics
from femo_signal.learning.expected_count import (
    LEAST_GROUPS,
    CountModel,
    ExpectedCount,
    FormatCount,
    Withheld,
    in_judged_time,
)
from femo_signal.learning.model import MovementModel
from femo_signal.learning.training import evaluate_model, train_model

LIKE_TRAINING = DomainResult(format="v1", distance=1.0, limit=4.0, strange=False)
LEARNT = FormatCount(
    bias=1.1, spread=0.1, strays_per_hour=4.0, missed=0.1, groups=12, recordings=24
)


@dataclass(frozen=True)
class Outcome:
    group: str
    probability: np.ndarray
    reference: Intervals
    detections: Intervals
    statistics: SignalStatistics | None
    label_source: str = "annotations"
    analysed_seconds: float = 1800.0


def events(count: int) -> Intervals:
    return as_intervals(np.arange(count)[:, None] * 4096 + [0, 1024])


def outcomes(groups: int, *, seed: int, spread: float = 0.15, form: str = "v1") -> list[Outcome]:
    """Two recordings a group; 80 % of the movements become candidates, with p = 0.9."""
    rng = np.random.default_rng(seed)
    found = []
    for group in range(groups):
        own = np.exp(spread * rng.standard_normal())
        for _ in range(2):
            candidates = int(rng.integers(10, 60))
            count = int(rng.poisson(0.9 * candidates * own / 0.8))
            found.append(
                Outcome(
                    group=f"{form}-{seed}-{group}",
                    probability=np.full(candidates, 0.9),
                    reference=events(count),
                    detections=events(min(candidates, int(0.8 * count) + 1)),
                    statistics=SignalStatistics(form, {}),
                )
            )
    return found


def judged(*, length_seconds: float = 1800, off: Intervals | None = None) -> JudgedTime:
    ticks = round(length_seconds * 1024)
    on = as_intervals([[0, ticks]])
    return judge_time(
        length=ticks,
        lead=0,
        duration=ticks,
        gaps=empty() if off is None else off,
        body_movement=empty(),
        sensors_on={"sensor_3": on},
        enough_on=on,
        motion_on=on,
        pulses=empty(),
        hiccups=empty(),
    )


def model_with(model: MovementModel, count: CountModel | None) -> MovementModel:
    changed = model.card.model_copy(update={"count": count})
    return replace(model, card=changed)


@pytest.fixture
def counting(model):
    return model_with(model, CountModel(formats={"v1": LEARNT}))


def test_the_interval_holds_the_count_of_women_the_model_never_met():
    learnt = fit_count(outcomes(12, seed=1))
    others = [one for seed in range(2, 12) for one in outcomes(10, seed=seed)]
    found = count_coverage(others, count_intervals(others, learnt))
    assert found.withheld == 0
    assert found.share >= 0.87
    assert found.median_width < 1.2 * found.median_count


def test_what_the_candidates_miss_is_added():
    learnt = fit_count(outcomes(30, seed=3)).formats["v1"]
    assert learnt.bias == pytest.approx(1 / 0.8, rel=0.1)
    assert learnt.missed == pytest.approx(0.2, abs=0.05)


def test_few_women_give_a_wider_interval_than_many():
    few = LEARNT.model_copy(update={"groups": LEAST_GROUPS})
    probability = np.full(40, 0.8)
    wide, narrow = few.interval(probability, 0.5), LEARNT.interval(probability, 0.5)
    assert wide.low < narrow.low
    assert wide.high > narrow.high


def test_women_who_differ_more_give_a_wider_interval():
    alike, unlike = (
        fit_count(outcomes(15, seed=4, spread=spread)).formats["v1"] for spread in (0.05, 0.5)
    )
    assert unlike.spread > 2 * alike.spread


def test_a_count_is_never_below_nothing_and_nothing_is_possible_without_candidates():
    found = LEARNT.interval(np.zeros(0), 0.5)
    assert found.low == 0
    assert 0 < found.high <= 6
    assert found.expected == 0


def test_a_format_that_was_not_learnt_from_gets_no_interval(counting):
    other = replace(LIKE_TRAINING, format="v2")
    found = counting.expected_count(np.full(20, 0.9), judged(), other)
    assert isinstance(found, Withheld)
    assert "format v2" in found.reason


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"strange": True, "notice": "unlike"}, "unlike_training"),
        ({"strange": None, "notice": None}, "unknown_whether_like_training"),
    ],
)
def test_no_interval_is_vouched_for_on_a_recording_unlike_the_training(counting, change, code):
    found = counting.expected_count(np.full(20, 0.9), judged(), replace(LIKE_TRAINING, **change))
    assert isinstance(found, Withheld)
    assert found.code == code
    assert found.reason


def test_too_little_judged_time_gives_no_interval(counting):
    hidden = as_intervals([[0, 1600 * 1024]])
    found = counting.expected_count(np.full(3, 0.9), judged(off=hidden), LIKE_TRAINING)
    assert isinstance(found, Withheld)
    assert found.code == "too_little_judged"


def test_a_model_that_learnt_no_counts_says_so(model):
    found = model_with(model, None).expected_count(np.full(9, 0.9), judged(), LIKE_TRAINING)
    assert isinstance(found, Withheld)
    assert found.code == "not_learnt"


def test_a_recording_like_the_training_gets_its_interval(counting):
    found = counting.expected_count(np.full(20, 0.9), judged(), LIKE_TRAINING)
    assert isinstance(found, ExpectedCount)
    assert found.low < found.expected < found.high
    assert found.expected == pytest.approx(1.1 * 18)


def test_presses_are_no_true_count():
    pressed = [replace(one, label_source="presses") for one in outcomes(8, seed=5)]
    assert fit_count(pressed) is None
    assert count_coverage(pressed, count_intervals(pressed, None)) is None


def test_two_women_are_too_few_to_tell_how_women_differ():
    assert fit_count(outcomes(LEAST_GROUPS - 1, seed=6)) is None
    both = outcomes(8, seed=6) + outcomes(LEAST_GROUPS - 1, seed=7, form="v2")
    assert set(fit_count(both).formats) == {"v1"}


def test_a_recording_does_not_vouch_for_its_own_interval():
    usual = outcomes(10, seed=8, spread=0.05)
    rare = [
        replace(one, group="rare", reference=events(6 * len(one.reference))) for one in usual[:2]
    ]
    intervals = out_of_fold_intervals(usual + rare)
    told = count_coverage(usual + rare, intervals)
    assert told.held == len(usual)
    assert not intervals[-1].holds(len(rare[-1].reference))


def test_candidates_outside_judged_time_are_not_expected():
    detections = events(4)
    kept = in_judged_time(
        np.array([0.1, 0.2, 0.3, 0.4]), detections, detections, as_intervals([[4000, 9000]])
    )
    assert kept.tolist() == [0.2, 0.3]


def test_training_learns_counts_out_of_fold_and_the_evaluation_tells_their_coverage(dataset, model):
    card = model.card
    assert card.count.formats["v1"].groups == len(set(dataset.group_names))
    assert card.count.model_dump(mode="json") == model.record.evaluation["count_model"]
    told = evaluate_model(dataset, model=model).count_coverage
    assert told["recordings"] == len(dataset.recordings)
    assert told["share"] >= 0.8


def test_the_reference_method_vouches_for_no_count(reference_model):
    assert reference_model.card.count is None
    forced = model_with(reference_model, CountModel(formats={"v1": LEARNT}))
    found = forced.expected_count(np.full(20, 0.9), judged(), LIKE_TRAINING)
    assert isinstance(found, Withheld)
    assert found.code == "reference_method"


def test_the_version_of_a_model_tells_another_count_apart(model):
    card = model.card
    wider = CountModel(formats={"v1": LEARNT.model_copy(update={"spread": 0.9})})
    assert card.model_copy(update={"count": wider}).version_of_content() != card.version
    assert card.model_copy(update={"domain": None}).version_of_content() != card.version


def test_without_statistics_of_the_recordings_a_model_has_no_interval(dataset):
    bare = replace(
        dataset,
        recordings=tuple(replace(one, statistics=None) for one in dataset.recordings),
    )
    card = train_model(bare, hyperparameters={"num_iterations": 5}).card
    assert card.count is None
    assert card.domain is None
