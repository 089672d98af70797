"""Training keeps test data apart, repeats to the byte, and says what it cannot do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from femo_signal.errors import ModelError
from femo_signal.learning.calibration import best_threshold, correct_for_presses, fit_calibration
from femo_signal.learning.dataset import Dataset, RecordingFeatures, prepare_dataset
from femo_signal.learning.fitting import split_by_group
from femo_signal.learning.model import Calibration
from femo_signal.learning.training import Hyperparameters, evaluate_model, train_model
from femo_signal.manifest import load_manifest
from femo_signal.method_version import METHOD_VERSION
from femo_signal.settings import AnalysisSettings
from femo_signal.synthetic import synthesize_cohort


def with_labels(dataset, label):
    return Dataset(
        tuple(replace(r, labels=np.full_like(r.labels, label)) for r in dataset.recordings)
    )


def test_training_twice_gives_the_same_bytes(tmp_path, dataset, model, model_folder):
    shuffled = prepare_dataset(list(reversed(dataset.recordings)))
    train_model(shuffled).save(tmp_path, with_record=True)
    for name in ("model.txt", "model.json", "training.json"):
        assert (tmp_path / name).read_bytes() == (model_folder / name).read_bytes()


def test_no_subject_is_in_two_folds(dataset):
    folds = split_by_group(dataset, range(len(dataset.recordings)), 8)
    names = dataset.group_names
    assert sorted(k for _, test in folds for k in test) == list(range(len(dataset.recordings)))
    for train, test in folds:
        assert not {names[k] for k in train} & {names[k] for k in test}
    assert len(folds) == 3  # leave one of three subjects out


def test_recordings_are_the_groups_where_no_subject_is_named(dataset):
    nameless = Dataset(tuple(replace(r, subject_id=None) for r in dataset.recordings))
    assert len(split_by_group(nameless, range(6), 8)) == 6
    assert evaluate_model(nameless).method.endswith("by recording")


def test_one_subject_alone_is_split_by_recording_and_told(dataset):
    single = Dataset(tuple(replace(r, subject_id="S") for r in dataset.recordings))
    evaluation = evaluate_model(single)
    assert "by recording" in evaluation.method
    assert any("one subject" in notice for notice in evaluation.notices)


def test_the_model_beats_accepting_everything_out_of_fold(model):
    metrics, everything = model.metadata["metrics"], model.metadata["evaluation"]["accept_all"]
    assert metrics["f1"] > everything["f1"]
    assert metrics["precision"] > 0.9
    assert metrics["false_detections_per_hour"] < everything["false_detections_per_hour"] / 5
    assert metrics["chance_sensitivity"] < metrics["sensitivity"]
    assert model.metadata["evaluation"]["baseline"]["f1"] > everything["f1"]


def test_presses_alone_train_a_model_that_rejects_hiccups(tmp_path, dataset):
    from femo_signal.learning.labels import extract_recording

    # Ten recordings: of six, presses tell hardly more than chance does.
    others = synthesize_cohort(tmp_path, recordings=10, minutes=10, seed=1)
    pressed = prepare_dataset(
        [
            extract_recording(
                tmp_path / item.dat_file_key,
                recording_id=item.recording_id,
                subject_id=item.subject_id,
            )
            for item in load_manifest(others).items
        ]
    )
    accepted = train_model(pressed)
    chosen = accepted.predict_proba(dataset.features) >= accepted.threshold
    truth = dataset.labels == 1
    assert chosen[truth].mean() > 0.6
    assert chosen[~truth].mean() < 0.2


def test_presses_that_tell_no_more_than_chance_leave_the_calibration_as_it_is():
    raw = np.linspace(0, 1, 20)
    calibration = fit_calibration(raw, np.tile([0, 1], 10).astype(np.int8))
    assert correct_for_presses(calibration, raw, 0.95) is None


@pytest.mark.parametrize(("label", "word"), [(0, "false"), (1, "true")])
def test_one_class_only_is_refused_with_what_to_do(dataset, label, word):
    with pytest.raises(ModelError, match=f"labelled {word}.*add recordings") as caught:
        train_model(with_labels(dataset, label))
    assert caught.value.code == "one_class_only"


def test_one_recording_is_refused(dataset):
    with pytest.raises(ModelError, match="one recording is not enough"):
        train_model(Dataset(dataset.recordings[:1]))


def test_too_few_detections_are_refused(dataset):
    few = Dataset(
        tuple(
            replace(r, features=r.features[:3], labels=r.labels[:3], detections=r.detections[:3])
            for r in dataset.recordings[:2]
        )
    )
    with pytest.raises(ModelError, match="only 6 detections"):
        train_model(few)


def test_a_recording_without_detections_does_no_harm(dataset):
    first = dataset.recordings[0]
    silent = replace(
        first,
        recording_id="silent",
        features=first.features[:0],
        labels=first.labels[:0],
        detections=first.detections[:0],
    )
    evaluation = evaluate_model(Dataset((*dataset.recordings, silent)))
    row = next(r for r in evaluation.per_recording if r["recording"] == "silent")
    assert row["detections"] == 0
    assert row["precision"] is None


def copied(dataset, **changes):
    """The dataset with its first recording once more under other names."""
    first = replace(dataset.recordings[0], recording_id="other/name.dat", **changes)
    return prepare_dataset([*dataset.recordings, first])


@pytest.mark.parametrize("subject", ["somebody-else", None])
def test_a_copy_under_another_name_or_subject_is_told_and_in_no_other_fold(dataset, subject):
    with_copy = copied(dataset, subject_id=subject)
    original = [r.recording_id for r in with_copy.recordings].index(
        dataset.recordings[0].recording_id
    )
    copy = [r.recording_id for r in with_copy.recordings].index("other/name.dat")
    for least in (1, 4, 100):  # also where recordings are kept apart for want of subjects
        for _, test in split_by_group(
            with_copy, range(len(with_copy.recordings)), 8, least_groups=least
        ):
            assert (original in test) == (copy in test)
    assert any("other/name.dat" in notice for notice in with_copy.notices)


def test_a_copy_joins_the_subjects_that_share_it(dataset):
    with_copy = copied(dataset, subject_id=dataset.recordings[-1].subject_id)
    assert len(set(with_copy.group_names)) == len(set(dataset.group_names)) - 1


def test_the_same_file_is_a_copy_even_if_nothing_was_detected_in_it(dataset):
    first = dataset.recordings[0]
    silent = replace(
        first, features=first.features[:0], labels=first.labels[:0], detections=first.detections[:0]
    )
    one, two, three = (
        replace(silent, recording_id=name, content_sha256=content, subject_id=None)
        for name, content in (("a", "0" * 64), ("b", "0" * 64), ("c", "1" * 64))
    )
    groups = Dataset((one, two, three)).content_groups
    assert groups[0] == groups[1] != groups[2]


def test_copies_of_one_recording_are_not_enough_to_train_on(dataset):
    first = dataset.recordings[0]
    copies = [replace(first, recording_id=name, subject_id=name) for name in "abc"]
    with pytest.raises(ModelError, match="one recording is not enough"):
        train_model(prepare_dataset(copies))


def test_an_evaluation_tells_of_a_recording_known_under_another_name(dataset, model):
    renamed = [replace(r, recording_id=f"new-{r.recording_id}") for r in dataset.recordings[:2]]
    notices = evaluate_model(prepare_dataset(renamed), model=model).notices
    assert any("trained on 2 of these 2" in notice for notice in notices)


def test_an_evaluation_tells_of_subjects_that_the_model_knows(dataset, model):
    other = replace(
        dataset.recordings[0], recording_id="later", detections=dataset.recordings[0].detections + 8
    )
    notices = evaluate_model(prepare_dataset([other]), model=model).notices
    assert any("subjects of 1 of these 1" in notice for notice in notices)


def test_an_evaluation_that_cannot_know_says_so(dataset, model):
    silent = replace(model, record=None, card=model.card.model_copy(update={"trained_on": None}))
    notices = evaluate_model(dataset, model=silent).notices
    assert any("not known" in notice for notice in notices)


def test_values_that_were_given_are_the_ones_that_train(dataset):
    given = {"min_data_in_leaf": 7, "lambda_l2": 3.0, "num_leaves": 5, "num_iterations": 3}
    model = train_model(dataset, hyperparameters=given)
    assert model.trees.count("\nTree=") == 3
    used = model.card.hyperparameters.model_dump()
    assert {name: used[name] for name in given} == given
    for name in ("min_data_in_leaf", "lambda_l2", "num_leaves"):
        assert f"[{name}: {given[name]:g}]" in model.trees


def test_values_that_were_left_open_are_in_the_card_as_they_were_used(dataset, model):
    used = model.card.hyperparameters
    assert None not in used.model_dump().values()
    assert f"[min_data_in_leaf: {used.min_data_in_leaf}]" in model.trees
    assert f"[lambda_l2: {used.lambda_l2:g}]" in model.trees
    again = evaluate_model(dataset, used)
    assert again.metrics == model.card.metrics


def test_every_hyperparameter_is_one_of_lightgbm_and_described(dataset, model):
    for name, text in Hyperparameters.described():
        assert text.strip()
        assert name == "folds" or f"[{name}: " in model.trees


DAMAGED = {
    "labels of another length": {"labels": np.zeros(1, np.int8)},
    "labels of other kinds": {"labels": 7},
    "features without a column": {"features": "narrow"},
    "detections out of order": {"detections": "reversed"},
    "seconds that are no number": {"masked_seconds": float("nan")},
    "an unknown source of labels": {"label_source": "guesses"},
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_file_of_features_whose_parts_do_not_fit_is_refused(tmp_path, dataset, kind):
    first = dataset.recordings[0]
    ((name, value),) = DAMAGED[kind].items()
    changed = {
        "narrow": first.features[:, 1:],
        "reversed": first.detections[::-1],
        7: np.full_like(first.labels, 7),
    }
    if isinstance(value, str | int):
        value = changed.get(value, value)
    replace(first, **{name: value}).save(tmp_path / "f.npz")
    with pytest.raises(ModelError, match="not a file of extracted features"):
        RecordingFeatures.load(tmp_path / "f.npz")


@pytest.mark.parametrize("kept", [0, 10, 300, 2000])
def test_a_file_of_features_that_was_cut_is_refused(tmp_path, dataset, kept):
    path = tmp_path / "f.npz"
    dataset.recordings[0].save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError):
        RecordingFeatures.load(path)


def test_features_of_another_method_version_are_extracted_again(tmp_path, dataset, monkeypatch):
    path = tmp_path / "f.npz"
    monkeypatch.setattr("femo_signal.learning.dataset.METHOD_VERSION", METHOD_VERSION + 1)
    dataset.recordings[0].save(path)
    monkeypatch.undo()
    with pytest.raises(ModelError, match="extract them again"):
        RecordingFeatures.load(path)


def test_two_recordings_are_enough(dataset):
    model = train_model(Dataset(dataset.recordings[1:3]))
    assert 0 < model.threshold < 1


def test_recordings_of_other_settings_do_not_mix(dataset):
    other = AnalysisSettings.model_validate({"detection": {"noise_multiplier": 30.0}})
    changed = replace(dataset.recordings[0], settings=other)
    with pytest.raises(ModelError, match="different settings"):
        prepare_dataset([changed, *dataset.recordings[1:]])


def test_an_evaluation_of_a_model_tells_when_it_knows_the_recordings(dataset, model):
    evaluation = evaluate_model(dataset, model=model)
    assert any("trained on 6 of these 6" in notice for notice in evaluation.notices)


def test_a_model_of_other_settings_is_not_evaluated(dataset, model):
    other = AnalysisSettings.model_validate({"detection": {"noise_multiplier": 30.0}})
    changed = Dataset(tuple(replace(r, settings=other) for r in dataset.recordings))
    with pytest.raises(ModelError, match="other settings"):
        evaluate_model(changed, model=model)


def test_hyperparameters_are_understood_as_text_and_checked():
    chosen = Hyperparameters.parse({"num_iterations": "50", "learning_rate": "0.1"})
    assert (chosen.num_iterations, chosen.learning_rate) == (50, 0.1)
    assert Hyperparameters.parse(Hyperparameters(num_leaves=9)).num_leaves == 9
    with pytest.raises(ModelError, match=r"bushes.*known are num_iterations"):
        Hyperparameters.parse({"bushes": 3})
    for name, value in (("num_iterations", 0), ("learning_rate", "nan"), ("lambda_l2", "1e999")):
        with pytest.raises(ModelError, match=name):
            Hyperparameters.parse({name: value})


def test_a_dataset_survives_the_disk(tmp_path, dataset):
    dataset.save(tmp_path)
    again = Dataset.load(tmp_path)
    np.testing.assert_array_equal(again.features, dataset.features)
    assert again.group_names == dataset.group_names
    assert json.loads((tmp_path / "dataset.json").read_text())["schema_version"] == 1


def test_a_folder_without_a_dataset_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no dataset"):
        Dataset.load(tmp_path)


def test_calibration_maps_scores_to_observed_shares():
    rng = np.random.default_rng(1)
    truth = rng.random(4000)
    labels = (rng.random(4000) < truth).astype(np.int8)
    raw = truth**2 / (truth**2 + (1 - truth) ** 2)  # overconfident scores
    for size in (400, 4000):
        curve = fit_calibration(raw[:size], labels[:size])
        assert np.abs(curve(raw) - truth).mean() < 0.06


def test_a_threshold_separates_what_can_be_separated():
    probability = np.array([0.05, 0.1, 0.15, 0.8, 0.9])
    threshold = best_threshold(probability, np.array([0, 0, 0, 1, 1.0]))
    assert 0.15 < threshold <= 0.8


def test_presses_are_corrected_between_chance_and_how_often_she_feels_one():
    curve = Calibration(raw=(0.0, 1.0), probability=(0.2, 0.6))
    corrected = correct_for_presses(curve, np.array([0.0, 0.1, 1.0, 1.0]), chance=0.2)
    assert corrected.probability == (0.0, 1.0)
    assert correct_for_presses(curve, np.array([0.0, 1.0]), chance=0.58) is None
