"""Events of a recording, at absolute and correct times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from femo_signal.intervals import Intervals
from femo_signal.recording import RecordingInfo

__all__ = ["EVENT_TYPES", "list_events", "timestamp"]

EVENT_TYPES = (
    "maternal_body_movement",
    "inferred_kick",
    "fetal_hiccups",
    "button_press_pre_debounce",
    "button_press_post_debounce",
    "maternally_sensed_kick",
)


def timestamp(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, in milliseconds, with Z.

    Rounded to the nearest millisecond, where `datetime.isoformat` would cut off.
    """
    milliseconds = round(moment.timestamp() * 1000)
    rounded = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{rounded:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def list_events(info: RecordingInfo, maps: Mapping[str, Intervals]) -> list[dict[str, str]]:
    """Turn maps into events, in order of time.

    Parameters
    ----------
    info : RecordingInfo
    maps : mapping
        Intervals in ticks of the trimmed axis by event type (`EVENT_TYPES`).

    Returns
    -------
    list of dict
        ``event_type``, ``start_t`` and ``end_t`` each.
    """
    rows = [
        (int(start), EVENT_TYPES.index(kind), int(end), kind)
        for kind, intervals in maps.items()
        for start, end in intervals
    ]
    return [
        {
            "event_type": kind,
            "start_t": timestamp(info.time(start)),
            "end_t": timestamp(info.time(end)),
        }
        for start, _, end, kind in sorted(rows)
    ]
