"""What becomes of a deployment: the outcomes of its state machine, in words."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["OUTCOMES", "Outcome"]


class Outcome(StrEnum):
    """How the deployment machine ends."""

    DEPLOYED = "DEPLOYED"
    ROLLED_BACK = "ROLLED_BACK"
    NOT_ROLLED_BACK = "NOT_ROLLED_BACK"
    WITHDRAWN = "WITHDRAWN"
    SUPERSEDED = "SUPERSEDED"
    REFUSED = "REFUSED"


OUTCOMES = {
    Outcome.DEPLOYED: "version {version} is in service",
    Outcome.ROLLED_BACK: "version {version} is not in service, the old model is",
    Outcome.NOT_ROLLED_BACK: "version {version} serves although it could not be proven",
    Outcome.WITHDRAWN: "no model is in service",
    Outcome.SUPERSEDED: "version {version} is not in service",
    Outcome.REFUSED: "version {version} is not in service",
}
"""Each outcome in words, of a version."""
