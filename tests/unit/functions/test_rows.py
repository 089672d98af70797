"""A row is read as it was written, and one that cannot be read says which and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from femo_jobs.configuration import configuration
from femo_jobs.errors import UnreadableRowError
from femo_jobs.jobs import Job, JobRequest, new_job

from .conftest import RECORDINGS


@pytest.fixture
def job() -> Job:
    request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True)
    return new_job("a", request, settings=configuration())


def test_a_row_survives_being_written_and_read(job: Job) -> None:
    whole = replace(job, attempts=3, last_fault="lost", recording_version="v", next_check_at=7)
    assert Job.from_item(whole.to_item()) == whole


@pytest.mark.parametrize("value", [None, {"S": "x"}, {"N": "nan"}, {"N": "1.5"}, {"L": []}])
def test_a_number_of_an_odd_kind_is_named(job: Job, value: dict[str, Any] | None) -> None:
    item = {name: given for name, given in job.to_item().items() if name != "deadline"}
    item |= {"deadline": value} if value else {}
    with pytest.raises(UnreadableRowError, match="deadline"):
        Job.from_item(item)


def test_attributes_that_a_newer_version_adds_do_not_make_a_row_unreadable(job: Job) -> None:
    more: dict[str, Any] = {"tags": {"L": [{"S": "x"}]}, "owner": {"M": {}}, "blob": {"B": b"1"}}
    assert Job.from_item(job.to_item() | more) == job
