"""Labels come from annotations where there are any, else from the presses."""

from __future__ import annotations

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.errors import LabelError
from femo_signal.intervals import overlapping
from femo_signal.learning.labels import extract_recording, read_annotations
from femo_signal.settings import AnalysisSettings

REFERENCE = AnalysisSettings(method="reference")


def written(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text)
    return path


def test_annotations_are_read_sorted_and_other_labels_passed_over(tmp_path):
    path = written(
        tmp_path,
        "start_seconds,end_seconds,label\n9,10.5,kick\n3,4,\n5,6,hiccup\n1,2,fetal_movement\n",
    )
    assert read_annotations(path).tolist() == [[1, 2], [3, 4], [9, 10.5]]


@pytest.mark.parametrize("kind", ["kick", "roll", "stretch", "startle"])
def test_no_kind_of_movement_that_the_cohort_draws_is_missing_from_the_truth(tmp_path, kind):
    path = written(tmp_path, f"start_seconds,end_seconds,label\n1,2,kick\n3,4,{kind}\n")
    assert len(read_annotations(path)) == 2


def test_annotations_need_no_label_column_and_may_be_empty(tmp_path):
    assert len(read_annotations(written(tmp_path, "start_seconds,end_seconds\n1,2\n"))) == 1
    assert read_annotations(written(tmp_path, "start_seconds,end_seconds\n")).shape == (0, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "start_seconds is missing"),
        ("begin,end\n1,2\n", "start_seconds is missing"),
        ("start_seconds,end_seconds\n2,1\n", "line 2"),
        ("start_seconds,end_seconds\n1,2\nx,3\n", "line 3"),
        ("start_seconds,end_seconds\n1\n", "line 2"),
        ("start_seconds,end_seconds\nnan,3\n", "line 2"),
        ("start_seconds,end_seconds\n-1,3\n", "line 2"),
        ("start_seconds,end_seconds,label\n1,2,cough\n", "none of its 1 rows"),
    ],
)
def test_malformed_annotations_are_refused_with_their_place(tmp_path, text, told):
    with pytest.raises(LabelError, match=told):
        read_annotations(written(tmp_path, text))


def test_missing_annotations_are_refused(tmp_path):
    with pytest.raises(LabelError, match="cannot read"):
        read_annotations(tmp_path / "none.csv")


def test_annotations_of_a_longer_recording_are_refused(tmp_path, cohort):
    path = written(tmp_path, "start_seconds,end_seconds\n700,701\n")
    with pytest.raises(LabelError, match="600"):
        extract_recording(cohort.parent / "recording-001.dat", labels_csv=path, recording_id="a")


def test_presses_label_what_shares_a_sample_with_the_sensation_map(cohort):
    path = cohort.parent / "recording-001.dat"
    features = extract_recording(path, recording_id="a")
    profile = build_profile(path)
    assert features.label_source == "presses"
    expected = overlapping(profile.detections, profile.sensation)
    assert features.labels.tolist() == expected.astype(int).tolist()
    assert len(features.reference) <= len(profile.presses)


def test_an_annotated_movement_labels_only_the_dilated_detection_that_it_made(tmp_path, cohort):
    path = cohort.parent / "recording-001.dat"
    profile = build_profile(path, settings=REFERENCE)
    start, end = profile.info.seconds(profile.detections[3])

    def labelled(rows: str) -> list[int]:
        labels = written(tmp_path, f"start_seconds,end_seconds\n{rows}\n")
        found = extract_recording(path, labels_csv=labels, recording_id="a", settings=REFERENCE)
        return np.flatnonzero(found.labels).tolist()

    assert labelled(f"{start + 0.1},{start + 0.3}") == []
    assert labelled(f"{start},{end}") == [3]


def test_extracted_features_survive_the_disk(tmp_path, dataset):
    recording = dataset.recordings[1]
    recording.save(tmp_path / "r.npz")
    again = type(recording).load(tmp_path / "r.npz")
    np.testing.assert_array_equal(again.features, recording.features)
    np.testing.assert_array_equal(again.reference, recording.reference)
    assert (again.recording_id, again.settings) == (recording.recording_id, recording.settings)
    assert again.fingerprint == recording.fingerprint
