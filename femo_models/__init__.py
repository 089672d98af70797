"""The versions of a stack's model: what they measured, which one serves, who approved them.

For whoever has a SageMaker client: `femo models`, and the function behind `GET /models`. It needs
the standard library alone.
"""

from femo_models.approval import Approval, Decision, decide
from femo_models.deployments import OUTCOMES, Outcome
from femo_models.packages import Package, arn_of, describe, listed, serving_version

__all__ = [
    "OUTCOMES",
    "Approval",
    "Decision",
    "Outcome",
    "Package",
    "arn_of",
    "decide",
    "describe",
    "listed",
    "serving_version",
]
