"""A recording and what was found in it, in formats that other programs open.

The modules need what the extra ``exports`` brings (EDF: edfio; WFDB: wfdb; Parquet: pyarrow).
"""
