"""Whether one model is better than another: on the same recordings, paired by subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from femo_signal.learning.dataset import Dataset
from femo_signal.learning.model import MovementModel
from femo_signal.learning.outcomes import RecordingOutcome, familiarity, misfit, model_outcomes
from femo_signal.learning.scoring import paired_differences

__all__ = ["gain_over", "no_gain"]


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

    The new method is out of fold; the model in service is as it is and may have been trained on
    some of the recordings, which favours it: ``recordings_seen_by_serving`` says how many.

    Parameters
    ----------
    dataset : Dataset
    outcomes : sequence of RecordingOutcome
        Of the new method, for each of the dataset's recordings in their order.
    serving : MovementModel
    seed : int
        Of the bootstrap.

    Returns
    -------
    mapping
        ``f1``: new less serving, with ``low`` and ``high`` of a 95 % interval by a bootstrap over
        subjects (recordings where no subject is named); ``recordings``, ``subjects``;
        ``recordings_seen_by_serving``, of the recordings or their subjects, None where the model
        came without training.json; ``serving_version``; and ``status``: ``compared``,
        ``one_subject`` (no interval), ``undefined`` (no movement to find, nor found), or why it
        could not be compared: ``other_settings``, ``other_features``.
    """
    why_not = misfit(dataset, serving)
    if why_not is not None:
        return {**no_gain(why_not), "serving_version": serving.version}
    theirs = model_outcomes(dataset, serving)
    gain = paired_differences(outcomes, theirs, seed=seed)["f1"]
    known = familiarity(dataset, serving)
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
        "subjects": len({outcome.group for outcome in theirs}),
        "recordings_seen_by_serving": None if known is None else int((~known.unseen).sum()),
        "serving_version": serving.version,
        "status": status,
    }
