"""A manifest is understood, or refused with the field that is wrong."""

from __future__ import annotations

import json

import pytest

from femo_signal.errors import ManifestError
from femo_signal.manifest import load_manifest, parse_manifest


def manifest(*items: dict[str, str], **more: object) -> str:
    return json.dumps({"version": "1", "items": list(items), **more})


def test_all_fields_are_read():
    item = parse_manifest(
        manifest(
            {
                "bucketName": "belt",
                "datFileKey": "a/b.dat",
                "csvFileKey": "a/b.csv",
                "subjectId": "S1",
            }
        )
    ).items[0]
    assert (item.bucket_name, item.dat_file_key) == ("belt", "a/b.dat")
    assert (item.csv_file_key, item.subject_id) == ("a/b.csv", "S1")
    assert item.recording_id == "s3://belt/a/b.dat"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "the document"),
        ("not json", "the document"),
        ("[]", "the document"),
        ('{"items": []}', "version"),
        ('{"version": "1"}', "items"),
        (manifest({"csvFileKey": "a.csv"}), "items.0.datFileKey"),
        (manifest({"datFileKey": ""}), "items.0.datFileKey"),
        (manifest({"datFileKey": "a.dat", "subject": "S1"}), "items.0.subject"),
        (manifest(owner="me"), "owner"),
        (manifest({"datFileKey": "a.dat"}, {"datFileKey": "a.dat"}), "items.1.datFileKey"),
    ],
)
def test_a_wrong_manifest_is_refused_by_the_name_of_the_field(text, named):
    with pytest.raises(ManifestError, match=named):
        parse_manifest(text)


def test_the_same_key_in_two_buckets_is_two_recordings():
    items = parse_manifest(
        manifest(
            {"bucketName": "a", "datFileKey": "x.dat"}, {"bucketName": "b", "datFileKey": "x.dat"}
        )
    ).items
    assert len(items) == 2


def test_a_missing_manifest_is_told_in_one_line(tmp_path):
    with pytest.raises(ManifestError, match="No such file") as caught:
        load_manifest(tmp_path / "none.json")
    assert "\n" not in str(caught.value)
