"""A recording's raw signals as arrays or a table: what the belt measured, before any analysis."""

from femo_signal.formats.raw.reading import MOST_BYTES, read_recording
from femo_signal.formats.raw.recording import IMU_COLUMNS, RawRecording, RawSignal

__all__ = ["IMU_COLUMNS", "MOST_BYTES", "RawRecording", "RawSignal", "read_recording"]
