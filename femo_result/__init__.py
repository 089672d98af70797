"""The response of an analysis, typed and described field by field; it needs pydantic alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from femo_result.codes import EventType, NoticeCode, PulseReason, SensorGroup, UnjudgedReason
    from femo_result.found import (
        Event,
        ExpectedKicks,
        HiccupBout,
        HiccupTotals,
        ModelFacts,
        Movement,
        OnsetStatistics,
        Press,
        PressMatch,
        RegularPulses,
        Summary,
        TrainingDistance,
        UnlikeTraining,
    )
    from femo_result.overview import Overview, OverviewGroup
    from femo_result.recording import (
        ClockFacts,
        ClockStep,
        Gap,
        Notice,
        Recording,
        SensorOff,
        UnjudgedTime,
    )
    from femo_result.response import (
        AnalysisResponse,
        EventsResponse,
        EventsResult,
        MetadataResponse,
        MetadataResult,
        Result,
        Source,
        read_common,
        read_response,
        read_result,
    )

__all__ = [
    "AnalysisResponse",
    "ClockFacts",
    "ClockStep",
    "Event",
    "EventType",
    "EventsResponse",
    "EventsResult",
    "ExpectedKicks",
    "Gap",
    "HiccupBout",
    "HiccupTotals",
    "MetadataResponse",
    "MetadataResult",
    "ModelFacts",
    "Movement",
    "Notice",
    "NoticeCode",
    "OnsetStatistics",
    "Overview",
    "OverviewGroup",
    "Press",
    "PressMatch",
    "PulseReason",
    "Recording",
    "RegularPulses",
    "Result",
    "SensorGroup",
    "SensorOff",
    "Source",
    "Summary",
    "TrainingDistance",
    "UnjudgedReason",
    "UnjudgedTime",
    "UnlikeTraining",
    "read_common",
    "read_response",
    "read_result",
]


def __getattr__(name: str) -> Any:
    """Load the models with the first of their names that is asked for.

    What needs the errors alone (`femo_result.errors`) then needs no pydantic, nor waits for it.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for module in ("codes", "found", "overview", "recording", "response"):
        held = vars(import_module(f"{__name__}.{module}"))
        globals().update({key: held[key] for key in __all__ if key in held})
    return globals()[name]
