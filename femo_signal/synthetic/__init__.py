"""A synthetic cohort with ground truth: belt recordings of invented subjects, in both formats.

No person was measured. Rates and bounds follow what is published about fetal movement (about 30
to 75 movements an hour asleep and far more in busy spells, mothers feel about half of them,
hiccups every 2-4 s for 1.4 minutes and longer); amplitudes follow what the belt's channels show.
A recording is drawn in two steps: a plan (what happens when, which is the ground truth) and its
rendering to samples, chunk by chunk, so that a whole night needs no more memory than a minute.
"""

from femo_signal.synthetic.cohort import (
    ground_truth,
    synthesize_cohort,
    write_recording,
)
from femo_signal.synthetic.plan import (
    DEFAULT_START,
    KICK_FIELDS,
    RecordingFormat,
    RecordingPlan,
    draw_plan,
)
from femo_signal.synthetic.subjects import SubjectTraits, draw_subject
from femo_signal.synthetic.waveforms import BodyMovement, Waveform

__all__ = [
    "DEFAULT_START",
    "KICK_FIELDS",
    "BodyMovement",
    "RecordingFormat",
    "RecordingPlan",
    "SubjectTraits",
    "Waveform",
    "draw_plan",
    "draw_subject",
    "ground_truth",
    "synthesize_cohort",
    "write_recording",
]
