"""The v2 format: packets of 64 samples, with a sequence number and a time stamp each."""

from femo_signal.formats.v2.layout import FILE_SIGNATURE, SYNC_SIGNATURE, parse_header
from femo_signal.formats.v2.reading import V2Reader

__all__ = ["FILE_SIGNATURE", "SYNC_SIGNATURE", "V2Reader", "parse_header"]
