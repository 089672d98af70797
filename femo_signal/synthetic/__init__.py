"""Synthetic cohorts with ground truth: belt recordings of invented subjects, in both formats.

No person was measured. A ``lifelike`` cohort has the published rates of movements, hiccups and
presses, the signal-to-noise ratio of real recordings, and every nuisance that a belt meets, each
with a label. A ``rich`` one has many clear events, to learn from. A recording is drawn in two
steps: a plan (what happens when, which is the ground truth) and its rendering to samples, chunk by
chunk, so that a whole night needs no more memory than a minute.
"""

from femo_signal.synthetic.cohort import (
    ground_truth,
    synthesize_cohort,
    write_recording,
)
from femo_signal.synthetic.maternal import BodyMovement
from femo_signal.synthetic.movements import KICK_FIELDS, Movement
from femo_signal.synthetic.nuisances import Nuisance
from femo_signal.synthetic.plan import DEFAULT_START, RecordingPlan, draw_plan
from femo_signal.synthetic.rendering import Chunk, render
from femo_signal.synthetic.sensors import RecordingFormat
from femo_signal.synthetic.states import movements_per_hour
from femo_signal.synthetic.subjects import CohortKind, SubjectTraits, draw_subject
from femo_signal.synthetic.waveforms import Waveform

__all__ = [
    "DEFAULT_START",
    "KICK_FIELDS",
    "BodyMovement",
    "Chunk",
    "CohortKind",
    "Movement",
    "Nuisance",
    "RecordingFormat",
    "RecordingPlan",
    "SubjectTraits",
    "Waveform",
    "draw_plan",
    "draw_subject",
    "ground_truth",
    "movements_per_hour",
    "render",
    "synthesize_cohort",
    "write_recording",
]
