"""A recording and what was found in it, in formats that other programs open."""

from femo_signal.exporting.counts import CountedSignal, Counts, read_counts
from femo_signal.exporting.edf import write_edf
from femo_signal.exporting.marks import Mark, marks_of
from femo_signal.exporting.pairing import check_same_recording
from femo_signal.exporting.parquet import write_parquet
from femo_signal.exporting.wfdb_record import write_wfdb

__all__ = [
    "CountedSignal",
    "Counts",
    "Mark",
    "check_same_recording",
    "marks_of",
    "read_counts",
    "write_edf",
    "write_parquet",
    "write_wfdb",
]
