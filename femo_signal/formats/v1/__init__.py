"""The v1 format: one record per sample instant, each announced by a descriptor byte."""

from femo_signal.formats.v1.layout import HEADER_BYTES, parse_header
from femo_signal.formats.v1.reading import V1Reader

__all__ = ["HEADER_BYTES", "V1Reader", "parse_header"]
