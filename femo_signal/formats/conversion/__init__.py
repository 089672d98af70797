"""Turns sessions of the public data sets into v1 recordings that the rest of FeMo reads."""

from femo_signal.formats.conversion.files import convert_file, convert_folder
from femo_signal.formats.conversion.results import (
    START,
    ChannelScale,
    Conversion,
    FolderConversion,
)

__all__ = [
    "START",
    "ChannelScale",
    "Conversion",
    "FolderConversion",
    "convert_file",
    "convert_folder",
]
