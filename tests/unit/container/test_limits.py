"""Promises about logs, memory and names that a job keeps whatever it is given."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from femo_container import logs
from femo_container.extraction import WORKER_BYTES, output_name, workers_for
from femo_container.storage import ObjectName


def test_a_field_that_is_not_on_the_list_cannot_be_logged() -> None:
    with pytest.raises(ValueError, match="s3_key"):
        logs.log_event("job started", s3_key="s3://bucket/jane-doe.dat")


def test_an_error_is_logged_by_kind_and_place_and_not_by_its_text() -> None:
    try:
        raise ValueError("jane-doe.dat")
    except ValueError:
        caught = sys.exc_info()
    ours = logging.LogRecord("femo_container", 40, "x", 1, "job failed", (), caught)
    others = logging.LogRecord("botocore", 40, "x", 1, "GET jane-doe.dat", (), None)
    lines = [json.loads(logs.JsonLines().format(record)) for record in (ours, others)]
    assert lines[0]["error_type"] == "ValueError"
    assert "jane" not in json.dumps(lines)


@pytest.mark.parametrize(
    ("recordings", "cores", "free", "expected"),
    [
        (100, 8, 64 * WORKER_BYTES, 8),  # a worker for each core
        (3, 8, 64 * WORKER_BYTES, 3),  # none without work
        (100, 8, 2 * WORKER_BYTES, 2),  # as many as memory holds
        (100, 8, 0, 1),  # one always, for nothing is won by not trying
    ],
)
def test_no_more_recordings_are_analysed_at_once_than_memory_holds(
    recordings: int, cores: int, free: int, expected: int
) -> None:
    assert workers_for(recordings, cores=cores, free_bytes=free) == expected


def test_recordings_of_the_same_name_in_other_folders_have_files_of_their_own() -> None:
    names = {
        output_name("algo-1", ObjectName(bucket, key))
        for bucket in ("a", "b")
        for key in ("x/night.dat", "y/night.dat", "y/night.bin", "ünusual näme/night 1?.dat")
    }
    assert len(names) == 8
    assert all("/" not in name and name.isascii() for name in names)
