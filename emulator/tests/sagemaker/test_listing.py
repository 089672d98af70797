"""Lists are filtered, ordered and paged as the caller asks."""

from typing import Any

import pytest

from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.listing import page

DOCUMENTS = [{"Name": f"model-{n:02}", "CreationTime": float(n), "Hidden": 1} for n in range(25)]


def names(request: dict[str, Any]) -> list[str]:
    return [item["Name"] for item in page(DOCUMENTS, request, "Items", ("Name",))["Items"]]


def test_pages_follow_each_other_without_loss() -> None:
    seen: list[str] = []
    request: dict[str, Any] = {"SortOrder": "Ascending"}
    while True:
        answer = page(DOCUMENTS, request, "Items", ("Name",))
        seen += [item["Name"] for item in answer["Items"]]
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    assert seen == [document["Name"] for document in DOCUMENTS]


def test_the_newest_come_first_unless_asked_otherwise() -> None:
    assert names({"MaxResults": 2}) == ["model-24", "model-23"]
    assert names({"MaxResults": 1, "SortBy": "Name", "SortOrder": "Ascending"}) == ["model-00"]


def test_filters_are_applied() -> None:
    assert names({"NameContains": "L-07"}) == ["model-07"]
    assert names({"CreationTimeAfter": 22, "CreationTimeBefore": 24}) == ["model-23"]


def test_jobs_that_changed_in_a_time_are_found_and_ordered_by_status() -> None:
    jobs = [
        {"Name": "a", "CreationTime": 1.0, "LastModifiedTime": 9.0, "Status": "Stopped"},
        {"Name": "b", "CreationTime": 2.0, "LastModifiedTime": 4.0, "Status": "Completed"},
        {"Name": "c", "CreationTime": 3.0, "Status": "Failed"},
    ]

    def found(**request: Any) -> list[str]:
        items = page(jobs, request, "Items", ("Name",), status="Status")["Items"]
        return [item["Name"] for item in items]

    assert found(LastModifiedTimeAfter=3, LastModifiedTimeBefore=9) == ["b"]
    assert found(SortBy="Status", SortOrder="Ascending") == ["b", "c", "a"]


def test_members_that_are_not_listed_stay_out() -> None:
    assert page(DOCUMENTS[:1], {}, "Items", ("Name",)) == {"Items": [{"Name": "model-00"}]}


def test_a_token_that_is_none_of_ours_is_refused() -> None:
    with pytest.raises(ValidationError, match="NextToken"):
        page(DOCUMENTS, {"NextToken": "!"}, "Items", ("Name",))
