"""Reads the MATLAB files of the two public data sets of belt recordings (docs/public_data.md).

First set, variable ``data_var``, a cell of four, 1024 Hz, volts: the samples and the button of one
data card, then those of the other. Second set, struct ``Subject_data``: four acoustic channels
(1024 Hz), an IMU (64 Hz, g) and one value a second that tells whether the button was down.
"""

from femo_signal.formats.public_sets.layouts import read_session
from femo_signal.formats.public_sets.session import Block, Session

__all__ = ["Block", "Session", "read_session"]
