"""A small result, whole: half an hour with one movement, two presses and a bout of hiccups."""

from __future__ import annotations

import base64
import copy
from typing import Any

_STRETCH = {
    "start": "2025-01-06T21:10:00.000Z",
    "end": "2025-01-06T21:10:01.000Z",
    "start_seconds": 600.0,
    "end_seconds": 601.0,
}
_STATISTICS = {"count": 0} | dict.fromkeys(("mean", "std", "min", "max", "median", "p25", "p75"))
_NOT_JUDGED = {"ends": 60.0, "gap": 60.0, "sensor_off": 120.0, "body_movement": 300.0,
               "hiccups": 60.0}  # fmt: skip
_LEVELS = base64.b64encode(
    bytes([255] * 30 + [4] * 270 + [255] * 60 + [4] * 240 + [40] + [4] * 1169 + [255] * 30)
).decode()

_RESULT: dict[str, Any] = {
    "recording": {
        "judged_seconds": 1200.0,
        "judged_status": "ok",
        "judged_explanation": "20.0 of 30.0 min could be judged.",
        "unjudged_seconds": _NOT_JUDGED,
        "unjudged": [{"reason": "gap", "start_seconds": 300.0, "end_seconds": 360.0}],
        "judged_on_fewer_sensors_seconds": 0.0,
        "body_movement_unseen_seconds": 0.0,
        "analysed_seconds": 1200.0,
        "masked_seconds": 300.0,
        "format": "v1",
        "start": "2025-01-06T21:00:00.000Z",
        "duration_seconds": 1800.0,
        "trim_seconds": 30.0,
        "gap_seconds": 60.0,
        "gaps": [{"start_seconds": 300.0, "end_seconds": 360.0, "reason": "lost"}],
        "sensors_off": [],
        "live_sensors": ["sensor_3", "sensor_6"],
        "clock": None,
        "notices": [],
    },
    "movement_count": 1,
    "summary": {
        "kicks": 1,
        "total_minutes": 29.0,
        "analysed_minutes": 20.0,
        "judged_status": "ok",
        "movement_minutes": 0.1,
        "still_minutes": 19.9,
        "undilated_movement_minutes": 0.1,
        "kicks_per_analysed_hour": 3.0,
        "analysed_seconds_to_tenth_kick": None,
        "longest_quiet_seconds": 90.0,
        "onset_intervals_over_unjudged": 0,
        "onset_statistics": _STATISTICS,
    },
    "expected_kicks": None,
    "expected_kicks_status": "left out",
    "training_distance": {"distance": 1.5, "limit": 4.0, "strange": False, "most_unlike": []},
    "movements": [{**_STRETCH, "probability": 0.9, "sensors": ["sensor_3"]}],
    "hiccup_bouts": [
        {
            "start": "2025-01-06T21:10:00.000Z",
            "end": "2025-01-06T21:13:00.000Z",
            "start_seconds": 600.0,
            "end_seconds": 780.0,
            "sensors": ["sensor_3", "sensor_6"],
            "interval_seconds": 2.5,
            "breath_known": True,
        }
    ],
    "hiccup_bouts_status": "taken out",
    "movements_in_hiccup_bouts": 2,
    "regular_pulses": [],
    "presses": [],
    "model": {
        "version": "0123456789ab",
        "package": None,
        "method": "adaptive",
        "method_version": 2,
        "classifier": "trees",
        "settings_digest": "0" * 64,
        "threshold": 0.5,
    },
    "notices": [],
    "overview": {
        "seconds_per_sample": 1.0,
        "sample_count": 1800,
        "level_unit": "z",
        "level_offset": 0.0,
        "level_step": 0.25,
        "unusable_byte": 255,
        "groups": [
            {
                "group": "piezo",
                "sensors": ["sensor_3", "sensor_6"],
                "usable_seconds": 1680.0,
                "seen_level": 3.0,
                "levels": _LEVELS,
            },
            {
                "group": "accelerometer",
                "sensors": [],
                "usable_seconds": 0.0,
                "seen_level": 3.0,
                "levels": None,
            },
        ],
    },
    "event_count": 1,
    "events": [
        {
            "event_type": "inferred_kick",
            "start_t": "2025-01-06T21:10:00.000Z",
            "end_t": "2025-01-06T21:10:01.000Z",
        }
    ],
}


def events_result() -> dict[str, Any]:
    """Return a result with events, for a test to change."""
    return copy.deepcopy(_RESULT)


def events_response() -> dict[str, Any]:
    """Return the response that holds it."""
    return {
        "status": "Completed",
        "processing_time_seconds": 0.5,
        "output_type": "events",
        "result": events_result(),
        "completedTimeStamp": "2025-01-07T06:00:00.000Z",
    }
