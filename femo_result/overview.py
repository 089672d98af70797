"""How far each group of sensors rose above its level, from the recording's start to its end.

For drawing hours: what decided on a movement is finer, and is not told here.
"""

from __future__ import annotations

import base64
from typing import Annotated

from pydantic import Field

from femo_result.base import Count, Part, Seconds
from femo_result.codes import SensorGroupCode

__all__ = ["MOST_SAMPLES", "UNUSABLE", "Overview", "OverviewGroup"]

MOST_SAMPLES = 12 * 3600
"""Of a group: four of them, in base64, are 230 KB. Longer recordings take more seconds a sample."""

UNUSABLE = 255
"""The byte of a sample for which a group told nothing."""

Level = Annotated[float, Field(json_schema_extra={"x-unit": "`level_unit`"})]
Levels = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9+/]*={0,2}$",
        json_schema_extra={
            "contentEncoding": "base64",
            "contentMediaType": "application/octet-stream",
        },
    ),
]


class OverviewGroup(Part):
    """One group of sensors, sample by sample."""

    group: SensorGroupCode = Field(
        description="`piezo`: `sensor_3` and `sensor_6`; `accelerometer`: `sensor_1` and "
        "`sensor_2`; `acoustic`: `sensor_4` and `sensor_5`; `imu`: the mother's own movement, and "
        "nothing of the baby's"
    )
    sensors: list[str] = Field(description="Those that could be used at some time")
    usable_seconds: Seconds = Field(
        description="Time of the samples for which the group could be used; movement of the mother "
        "included, as it hides the baby and no sensor"
    )
    seen_level: Level = Field(
        description="From here on a sensor sees something; of `imu`, movement of the mother"
    )
    levels: Levels | None = Field(
        description="One byte a sample, in base64: the highest level that one of its sensors "
        "reached in that time, or `unusable_byte`. A byte b is the level `level_offset` + b x "
        "`level_step`; the lowest and the highest stand for whatever lies beyond. Null where the "
        "group could be used at no time"
    )


class Overview(Part):
    """How far each group of sensors rose above its level: for drawing, hours at a time.

    A sample is usable where for at least half of its time one of the group's sensors was on, with
    samples and a level to compare with. It tells nothing of whether that time was judged.
    """

    seconds_per_sample: Seconds = Field(
        description="Length of a sample; 1, or a whole number more in a recording beyond 12 h"
    )
    sample_count: Count = Field(
        description="Samples, from the start of the recording to its end; the first begins with it"
    )
    level_unit: str = Field(
        description="Of a level. `z`: robust standard deviations of the logarithm of the energy, "
        "over the sensor's own rolling level (method `adaptive`); `dB`: decibels over the sensor's "
        "threshold (method `reference`)"
    )
    level_offset: Level = Field(description="The level of byte 0")
    level_step: Level = Field(description="From one byte to the next")
    unusable_byte: Count = Field(
        description="255: the group could not be used; no level, and never to be drawn as quiet"
    )
    groups: list[OverviewGroup] = Field(description="The groups of which the format has a sensor")

    def levels_of(self, group: OverviewGroup) -> list[float | None]:
        """Return the level of each sample of a group; None where it could not be used.

        Examples
        --------
        >>> from femo_result import Overview
        >>> overview = Overview.model_validate(
        ...     {"seconds_per_sample": 1, "sample_count": 3, "level_unit": "z", "level_offset": 0,
        ...      "level_step": 0.25, "unusable_byte": 255, "groups": [
        ...         {"group": "piezo", "sensors": ["sensor_3"], "usable_seconds": 2,
        ...          "seen_level": 3, "levels": "AAz/"}]}
        ... )
        >>> overview.levels_of(overview.groups[0])
        [0.0, 3.0, None]
        """
        if group.levels is None:
            return [None] * self.sample_count
        return [
            None if byte == self.unusable_byte else self.level_offset + byte * self.level_step
            for byte in base64.b64decode(group.levels)
        ]
