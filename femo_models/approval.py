"""The approval of a package: its state, and who has decided with which words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

__all__ = ["Approval", "Decision", "decide"]

APPROVED = "Approved"
# A user's id in a Cognito user pool, which names nobody, before the comment
_DESCRIBED = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}): (.*)", re.DOTALL)


class Decision(StrEnum):
    """What a person can say of a package, in SageMaker's words."""

    APPROVED = "Approved"
    REJECTED = "Rejected"


@dataclass(frozen=True)
class Approval:
    """What has been decided of a package."""

    status: str  # Approved, Rejected or PendingManualApproval
    user_id: str | None = None  # pseudonym of who decided; None where that is not recorded
    comment: str | None = None

    @classmethod
    def of(cls, package: Mapping[str, Any]) -> Self:
        """Read it from a package as SageMaker describes it."""
        said = package.get("ApprovalDescription") or None
        named = _DESCRIBED.fullmatch(said) if said else None
        status = package["ModelApprovalStatus"]
        return cls(status, named[1], named[2]) if named else cls(status, None, said)

    @property
    def is_given(self) -> bool:
        """Whether the package may be put into service."""
        return self.status == APPROVED


def decide(
    sagemaker: SageMakerClient, arn: str, decision: Decision, *, user_id: str, comment: str
) -> None:
    """Approve or reject a package; an approval starts its deployment.

    Parameters
    ----------
    user_id
        Pseudonym of who decides, which is kept with the package.
    """
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus=decision.value,
        ApprovalDescription=f"{user_id}: {comment}",
    )
