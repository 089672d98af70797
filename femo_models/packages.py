"""The packages of a model package group, as SageMaker has them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
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
    sagemaker: SageMakerClient, group: str, *, limit: int, serving: Collection[int]
) -> list[Package]:
    """Return the newest packages, newest first, and those that serve however old they are.

    Parameters
    ----------
    limit
        Packages at most, beside those that serve.
    serving
        Their versions.
    """
    arns: list[str] = []
    missing = set(serving)
    for arn in _arns(sagemaker, group):
        if len(arns) < limit or _version(arn) in missing:
            arns.append(arn)
            missing.discard(_version(arn))
        if len(arns) >= limit and not missing:
            break
    return [describe(sagemaker, arn, serving) for arn in arns]


def describe(sagemaker: SageMakerClient, arn: str, serving: Collection[int]) -> Package:
    """Return the package of that ARN; ``serving`` are the versions that serve."""
    found: Any = sagemaker.describe_model_package(ModelPackageName=arn)
    said = found.get("CustomerMetadataProperties", {})
    version = int(found["ModelPackageVersion"])
    return Package(
        version=version,
        arn=found["ModelPackageArn"],
        approval=Approval.of(found),
        created=found["CreationTime"],
        serves=version in serving,
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
