"""What a new method gains over the model in service: the comparison that the quality gate asks for.

The new method is tested out of fold. The model in service is as it is, and figures on what it has
learnt flatter it: where enough subjects are new to it, they alone count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from femo_signal.learning.dataset import Dataset
from femo_signal.learning.model import MovementModel
from femo_signal.learning.outcomes import (
    Familiarity,
    RecordingOutcome,
    familiarity,
    misfit,
    model_outcomes,
)
from femo_signal.learning.scoring import paired_differences

__all__ = ["LEAST_UNSEEN", "gain_over", "no_gain"]

LEAST_UNSEEN = 4
"""Subjects (recordings where none is named). Of three, one in 27 bootstraps draws the worst one
three times, more than the 2.5 % below the interval's lower bound: that bound would be hers."""

ComparedOn = Literal["unseen", "too_few_unseen", "not_known"]


def no_gain(status: str) -> dict[str, Any]:
    """Return what `gain_over` says where nothing could be compared.

    Parameters
    ----------
    status : str
        Why, in a word.
    """
    return {
        "f1": None,
        "low": None,
        "high": None,
        "recordings": 0,
        "subjects": 0,
        "recordings_seen_by_serving": None,
        "compared_on": None,
        "explanation": None,
        "serving_version": None,
        "status": status,
    }


def gain_over(
    dataset: Dataset,
    outcomes: Sequence[RecordingOutcome],
    serving: MovementModel,
    *,
    seed: int = 0,
) -> Mapping[str, Any]:
    """Tell what a new method gains in F1 over the model in service.

    Parameters
    ----------
    dataset : Dataset
    outcomes : sequence of RecordingOutcome
        Of the new method, out of fold, for each of the dataset's recordings in their order.
    serving : MovementModel
    seed : int
        Of the bootstrap.

    Returns
    -------
    mapping
        ``f1``: new less serving, with ``low`` and ``high`` of a 95 % interval by a bootstrap over
        subjects (recordings where no subject is named); ``compared_on``: ``unseen``, recordings
        that the model in service was trained neither on nor on their subjects; or all, which
        favours it where it was trained on them: ``too_few_unseen`` (fewer than `LEAST_UNSEEN`
        subjects), ``not_known`` (the model does not tell); ``explanation``, the same as a
        sentence; ``recordings`` and ``subjects`` that
        were compared; ``recordings_seen_by_serving``, of all recordings, they or their
        subjects, None where not known; ``serving_version``; and ``status``: ``compared``,
        ``one_subject`` (no interval), ``undefined`` (no movement to find, nor found), or why it
        could not be compared: ``other_settings``, ``other_features``.
    """
    why_not = misfit(dataset, serving)
    if why_not is not None:
        return {**no_gain(why_not), "serving_version": serving.version}
    known = familiarity(dataset, serving)
    compared_on, chosen = _fair(outcomes, known)
    ours = [outcomes[number] for number in chosen]
    whole = model_outcomes(dataset, serving)
    theirs = [whole[number] for number in chosen]
    gain = paired_differences(ours, theirs, seed=seed)["f1"]
    subjects = len({outcome.group for outcome in theirs})
    seen = None if known is None else int((~known.unseen).sum())
    status = "compared"
    if gain["difference"] is None:
        status = "undefined"
    elif gain["low"] is None:
        status = "one_subject"
    return {
        "f1": gain["difference"],
        "low": gain["low"],
        "high": gain["high"],
        "recordings": len(theirs),
        "subjects": subjects,
        "recordings_seen_by_serving": seen,
        "compared_on": compared_on,
        "explanation": {
            "unseen": f"compared on {len(theirs)} recordings of {subjects} subjects that the "
            "model in service has not learnt",
            "too_few_unseen": f"the model in service has learnt from {seen} of the {len(theirs)} "
            "recordings or from their subjects, which favours it: too few are left to compare on",
            "not_known": "whether the model in service has learnt from these recordings, which "
            "would favour it, is not known",
        }[compared_on],
        "serving_version": serving.version,
        "status": status,
    }


def _fair(
    outcomes: Sequence[RecordingOutcome], known: Familiarity | None
) -> tuple[ComparedOn, list[int]]:
    """Return on what a comparison flatters least, and the numbers of its recordings."""
    everything = list(range(len(outcomes)))
    if known is None:
        return "not_known", everything
    unseen = np.flatnonzero(known.unseen).tolist()
    if len({outcomes[number].group for number in unseen}) < LEAST_UNSEEN:
        return "unseen" if known.unseen.all() else "too_few_unseen", everything
    return "unseen", unseen
