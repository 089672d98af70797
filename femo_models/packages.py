"""The packages of a model package group, as SageMaker has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from femo_models.approval import Approval

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

__all__ = ["Package", "arn_of", "describe", "listed", "serving_version"]


@dataclass(frozen=True)
class Package:
    """One version of the stack's model package group."""

    version: int
    arn: str
    approval: Approval
    created: datetime
    serves: bool
    metrics: Mapping[str, float] = field(default_factory=dict)  # out of fold, unitless or per hour
    compared_with: str | None = None  # the package in service as this one was trained

    def interval(self, metric: str) -> tuple[float, float] | None:
        """Return a metric's interval (95 %) where the package has one."""
        low, high = (self.metrics.get(f"{metric}{end}") for end in ("_low", "_high"))
        return None if low is None or high is None else (low, high)


def listed(
    sagemaker: SageMakerClient, group: str, *, limit: int, serving: int | None
) -> list[Package]:
    """Return the newest packages, newest first, and the one that serves however old it is.

    Parameters
    ----------
    limit
        Packages at most, beside the one that serves.
    serving
        Its version, or None where none does.
    """
    arns: list[str] = []
    for arn in _arns(sagemaker, group):
        if len(arns) < limit:
            arns.append(arn)
        elif serving is None or any(_version(known) == serving for known in arns):
            break
        elif _version(arn) == serving:
            arns.append(arn)
            break
    return [describe(sagemaker, arn, serving) for arn in arns]


def describe(sagemaker: SageMakerClient, arn: str, serving: int | None) -> Package:
    """Return the package of that ARN."""
    found: Any = sagemaker.describe_model_package(ModelPackageName=arn)
    said = found.get("CustomerMetadataProperties", {})
    version = int(found["ModelPackageVersion"])
    return Package(
        version=version,
        arn=found["ModelPackageArn"],
        approval=Approval.of(found),
        created=found["CreationTime"],
        serves=version == serving,
        metrics={
            name: value for name, text in said.items() if (value := _number(text)) is not None
        },
        compared_with=said.get("compared_with"),
    )


def arn_of(sagemaker: SageMakerClient, group: str, version: int) -> str | None:
    """Return the ARN of a version, or None where there is none of that number."""
    return next((arn for arn in _arns(sagemaker, group) if _version(arn) == version), None)


def serving_version(config_name: str | None, group: str) -> int | None:
    """Return the version that serves by the name of its endpoint's configuration.

    The deployment machine writes it there; without it, the model is not a registered one.
    """
    found = re.match(rf"{re.escape(group)}-v(\d+)-", config_name or "")
    return int(found[1]) if found else None


def _arns(sagemaker: SageMakerClient, group: str) -> Iterator[str]:
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        for one in page["ModelPackageSummaryList"]:
            yield one["ModelPackageArn"]


def _version(arn: str) -> int:
    return int(arn.rsplit("/", 1)[-1])


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", text) else None
