"""What is known about a feature of a detection."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FeatureSpec"]


@dataclass(frozen=True)
class FeatureSpec:
    """One feature."""

    name: str
    unit: str
    description: str
    source: str
    direction: int = 0  # +1: more of it never makes a movement less likely; -1: never more
