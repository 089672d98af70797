"""A stored model is data that is checked; it refuses what it was not trained on."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from pydantic import ValidationError

from femo_signal.errors import ModelError, OutputError
from femo_signal.learning.features import feature_names
from femo_signal.learning.model import Calibration, MovementModel, trees_digest
from femo_signal.learning.native_trees import NativeTrees
from femo_signal.learning.training import train_model
from femo_signal.method_version import METHOD_VERSION


@pytest.fixture(scope="module")
def dataset(reference_dataset):
    return reference_dataset


@pytest.fixture(scope="module")
def model(reference_model):
    return reference_model


@pytest.fixture(scope="module")
def model_folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    model.save(folder, with_record=True)
    return folder


@pytest.fixture
def copy(model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "model")
    return tmp_path / "model"


def edited(folder, **changes):
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**card, **changes}))
    return folder


def test_a_model_survives_the_disk(model, model_folder, dataset):
    again = MovementModel.load(model_folder)
    np.testing.assert_array_equal(
        again.predict_proba(dataset.features), model.predict_proba(dataset.features)
    )
    assert again.threshold == model.threshold
    assert again.settings == model.settings


def test_a_model_is_text_and_json_and_nothing_else(model, model_folder, tmp_path):
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.txt"]
    assert (model_folder / "model.txt").read_text().startswith("tree\n")
    card = json.loads((model_folder / "model.json").read_text())
    assert card["feature_names"] == list(feature_names)
    assert card["libraries"]["lightgbm"]
    assert card["metrics"]["f1"] == card["evaluation"]["metrics"]["f1"]


def test_other_features_are_refused(model, dataset):
    with pytest.raises(ModelError, match="other features"):
        model.predict_proba(dataset.features[:, :-1], feature_names[:-1])


def test_the_same_features_in_another_order_are_refused(model, dataset):
    with pytest.raises(ModelError, match="another order"):
        model.predict_proba(dataset.features[:, ::-1], feature_names[::-1])


def test_no_detections_give_no_probabilities(model):
    assert model.predict_proba(np.zeros((0, len(feature_names)))).shape == (0,)


def test_a_card_of_other_features_is_refused(copy):
    with pytest.raises(ModelError, match="other features"):
        MovementModel.load(edited(copy, feature_names=["a", "b"]))


def test_settings_that_were_changed_by_hand_are_noticed(copy):
    card = json.loads((copy / "model.json").read_text())
    card["settings"]["detection"]["noise_multiplier"] = 12.0
    with pytest.raises(ModelError, match="settings_digest"):
        MovementModel.load(edited(copy, **card))


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 2.0},
        {"schema_version": 1},
        {"schema_version": 3},
        {"method_version": METHOD_VERSION + 1},
        {"trees_sha256": "x"},
        {"threshold": float("nan")},
        {"hyperparameters": {"num_leaves": float("inf")}},
        {"metrics": {"f1": float("inf")}},
        {"training": {"deep": [{"er": float("nan")}]}},
        {"surprise": 1},
        {"calibration": {"raw": [0.0, 1.0], "probability": [1.0, 0.0]}},
        {"calibration": {"raw": [0.0], "probability": [0.0]}},
        {"calibration": {"raw": [0.0, 1.0], "probability": [0.0, float("nan")]}},
        {"calibration": {"raw": [0.0, float("inf")], "probability": [0.0, 1.0]}},
        {"calibration": {"raw": [0.4, 0.6], "probability": [0.0, 1.0]}},
    ],
)
def test_a_malformed_card_is_refused_by_the_field(copy, changes):
    with pytest.raises(ModelError, match=next(iter(changes))):
        MovementModel.load(edited(copy, **changes))


def test_missing_files_are_told(tmp_path):
    with pytest.raises(ModelError, match=r"model\.txt"):
        MovementModel.load(tmp_path)


def test_damaged_trees_are_refused_before_anything_parses_them(copy):
    trees = (copy / "model.txt").read_text()
    for damaged in ("tree\nnonsense\n", "", trees[: len(trees) // 2], trees.replace("1", "2", 1)):
        (copy / "model.txt").write_text(damaged)
        with pytest.raises(ModelError, match=r"model\.txt.*use the two files of one training"):
            MovementModel.load(copy)


def rebuilt(model, trees):
    """The model with other trees, and a card that says that they are the right ones."""
    card = model.card.model_copy(update={"trees_sha256": trees_digest(trees)})
    return replace(model, trees=trees, card=card)


def sub(pattern, replacement):
    return lambda trees: re.sub(pattern, replacement, trees, count=1)


def resized(change):
    """Change a tree and let tree_sizes fit again, as whoever forges one would."""

    def changed(trees):
        head, *blocks = change(trees).split("\n\nTree=")
        last, end, rest = blocks[-1].partition("\n\n\nend of trees")
        blocks[-1] = last + "\n"
        blocks = [block.rstrip("\n") + "\n\n\n" for block in blocks]
        sizes = " ".join(str(len("Tree=") + len(block)) for block in blocks)
        head = re.sub("tree_sizes=.*", f"tree_sizes={sizes}", head)
        return head + "\n\n" + "".join("Tree=" + block for block in blocks) + end[3:] + rest

    return changed


FORGED = {
    "cut in the middle of a tree": lambda t: t[: t.index("Tree=3") + 90],
    "cut before its end": lambda t: t[: t.index("end of trees")],
    "without a tree": lambda t: t[: t.index("Tree=0")] + t[t.index("end of trees") :],
    "with a tree left out": lambda t: t[: t.index("Tree=2")] + t[t.index("Tree=3") :],
    "of another objective": sub("objective=binary sigmoid:1", "objective=regression"),
    "of several classes": sub("num_class=1", "num_class=3"),
    "of another format": sub("version=v4", "version=v3"),
    "with more features than its names": sub(r"max_feature_idx=\d+", "max_feature_idx=999999"),
    "with a header line twice": sub("num_class=1", "num_class=1\nnum_class=1"),
    "with sizes that do not fit": sub(r"tree_sizes=\d+", "tree_sizes=999999999"),
    "with a feature out of range": resized(sub(r"split_feature=\d+", "split_feature=99999")),
    "with a negative feature": resized(sub(r"split_feature=\d+", "split_feature=-7")),
    "with a child out of range": resized(sub(r"left_child=-?\d+", "left_child=12345")),
    "with a leaf out of range": resized(sub(r"left_child=-?\d+", "left_child=-12345")),
    "with a circle": resized(sub(r"left_child=-?\d+", "left_child=0")),
    "with a leaf that is no number": resized(sub(r"leaf_value=\S+", "leaf_value=nan")),
    "with an endless leaf": resized(sub(r"leaf_value=\S+", "leaf_value=inf")),
    "with an overflowing leaf": resized(sub(r"leaf_value=\S+", "leaf_value=1e999")),
    "with a huge leaf": resized(sub(r"leaf_value=\S+", "leaf_value=1e300")),
    "with too many leaves": resized(sub(r"num_leaves=\d+", "num_leaves=1000000000")),
    "with more leaves than values": resized(sub(r"num_leaves=\d+", "num_leaves=5")),
    "with a threshold too many": resized(sub(r"threshold=", "threshold=0.5 ")),
    "with no threshold": resized(sub(r"threshold=.*\n", "")),
    "with a threshold that is no number": resized(sub(r"threshold=\S+", "threshold=nan")),
    "with a categorical split": resized(sub(r"decision_type=\d+", "decision_type=1")),
    "with linear leaves": resized(sub("is_linear=0", "is_linear=1")),
    "with a line that is none": resized(sub("num_cat=0", "num_cat=0\nsurprise")),
    "with letters that LightGBM never writes": resized(sub("shrinkage=1", "shrinkage=\u0661")),
}


@pytest.mark.parametrize("kind", FORGED)
def test_trees_that_would_break_the_process_are_refused_even_with_a_digest_that_fits(model, kind):
    trees = FORGED[kind](model.trees)
    assert trees != model.trees
    with pytest.raises(ModelError, match=r"model\.txt"):
        rebuilt(model, trees).warm_up()


def test_resizing_alone_leaves_trees_that_load(model, dataset):
    trees = resized(lambda text: text)(model.trees)
    np.testing.assert_array_equal(
        rebuilt(model, trees).predict_proba(dataset.features), model.predict_proba(dataset.features)
    )


def test_a_threshold_changed_by_hand_is_noticed(copy):
    card = json.loads((copy / "model.json").read_text())
    with pytest.raises(ModelError, match="version does not belong"):
        MovementModel.load(edited(copy, threshold=card["threshold"] / 2))


def test_a_calibration_under_which_nothing_could_be_accepted_is_refused(copy):
    flat = {"raw": [0.0, 1.0], "probability": [0.0, 0.0]}
    with pytest.raises(ModelError, match="no detection could be accepted"):
        MovementModel.load(edited(copy, calibration=flat))


def test_a_probability_that_is_no_number_makes_no_calibration():
    with pytest.raises(ValidationError):
        Calibration(raw=(0.0, 1.0), probability=(0.0, float("nan")))


def test_what_an_endpoint_is_given_names_no_recording_and_no_subject(model, tmp_path, dataset):
    noted = replace(dataset, notices=("left out jane-doe.dat: empty",))
    train_model(noted, hyperparameters={"num_iterations": 5}).save(tmp_path)
    given = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "jane-doe" not in given
    for recording in dataset.recordings:
        for name in (recording.recording_id, recording.subject_id, recording.fingerprint):
            assert name not in given


def test_an_evaluation_still_knows_what_the_model_was_trained_on(model_folder, dataset):
    record = MovementModel.load(model_folder).record
    assert record is not None
    assert [one.recording_id for one in record.recordings] == [
        recording.recording_id for recording in dataset.recordings
    ]
    assert len(record.evaluation["per_recording"]) == len(dataset.recordings)


def test_a_record_of_another_training_is_noticed(copy):
    record = json.loads((copy / "training.json").read_text())
    (copy / "training.json").write_text(json.dumps({**record, "model_version": "0" * 12}))
    with pytest.raises(ModelError, match=r"training\.json.*one training"):
        MovementModel.load(copy)


def test_a_model_is_not_overwritten_unless_that_is_asked_for(model, copy):
    before = (copy / "model.json").read_bytes()
    with pytest.raises(OutputError, match="exists already") as caught:
        model.save(copy)
    assert caught.value.code == "output_exists"
    assert (copy / "model.json").read_bytes() == before
    model.save(copy, overwrite=True)
    assert MovementModel.load(copy).version == model.version


def test_a_model_folder_that_holds_a_pipe_is_refused_and_not_waited_for(copy):
    (copy / "model.txt").unlink()
    os.mkfifo(copy / "model.txt")
    with pytest.raises(ModelError, match="no regular file"):
        MovementModel.load(copy)


def test_trees_decide_as_lightgbm_itself_does_to_the_last_bit(model, dataset):
    features = dataset.features.copy()
    features[::7, ::2] = np.nan
    theirs = lightgbm.Booster(model_str=model.trees).predict(features, num_threads=1)
    trees = NativeTrees(model.trees, features.shape[1])
    np.testing.assert_array_equal(trees.predict(features), theirs)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(trees)).predict(features), theirs)
    with pytest.raises(ValueError, match="columns"):
        trees.predict(features[:, 1:])
