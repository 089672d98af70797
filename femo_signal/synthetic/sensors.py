"""The belt's six sensors: names, channels in a file, sites on the abdomen."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "ACCELEROMETERS",
    "ACOUSTIC",
    "AXIS_DIRECTION",
    "CHANNELS",
    "PIEZOS",
    "SENSORS",
    "SIDE",
    "RecordingFormat",
    "sensors_of",
]

RecordingFormat = Literal["v1", "v2"]

ACCELEROMETERS = ("sensor_1", "sensor_2")
PIEZOS = ("sensor_3", "sensor_6")  # large discs
ACOUSTIC = ("sensor_4", "sensor_5")
SENSORS = ("sensor_1", "sensor_2", "sensor_3", "sensor_4", "sensor_5", "sensor_6")

# Channels of a rendered block: the four of a piezo block, then the axes of both accelerometers.
CHANNELS: dict[str, tuple[int, ...]] = {
    "sensor_1": (4, 5, 6),
    "sensor_2": (7, 8, 9),
    "sensor_3": (0,),
    "sensor_4": (1,),
    "sensor_5": (2,),
    "sensor_6": (3,),
}
# One of each kind sits on either side of the navel.
SIDE = {
    "sensor_1": -1.0,
    "sensor_2": 1.0,
    "sensor_3": -1.0,
    "sensor_4": -1.0,
    "sensor_5": 1.0,
    "sensor_6": 1.0,
}
# In which direction a movement pushes an accelerometer, as a unit vector; it points nearly along
# the vector at rest, so that the length of the vector changes by nearly as much.
AXIS_DIRECTION = (0.495, 0.396, 0.773)


def sensors_of(recording_format: RecordingFormat) -> tuple[str, ...]:
    """Return the sensors that a recording of this format has."""
    return SENSORS if recording_format == "v1" else PIEZOS
