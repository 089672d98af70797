"""What a reader should know of an analysis, beside what is odd in the file."""

from __future__ import annotations

from collections import Counter

from femo_result.words import lasting
from femo_signal.detection.hiccups import shown_together
from femo_signal.intervals import difference, total
from femo_signal.notices import Notice, NoticeCode
from femo_signal.reporting.judging import Analysis
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["notices_of"]

_PULSES = {
    "one_sensor": "seen by one sensor only",
    "breath": "in step with the mother's breath",
    "breath_unknown": "as slow as breaths, which were not seen to compare with",
    "rate": "too fast or too slow for hiccups",
}


def notices_of(analysis: Analysis) -> list[Notice]:
    """Return the notices of the file, of its judging and of its hiccups, in this order."""
    return [
        *analysis.profile.info.notices,
        *_of_judging(analysis),
        *_of_unseen_hiccups(analysis),
        *_of_regular_pulses(analysis),
        *_of_training(analysis),
    ]


def _of_training(analysis: Analysis) -> list[Notice]:
    """Say where the recording is unlike those that the model was trained on."""
    domain = analysis.domain
    if not domain.strange or domain.notice is None:
        return []
    return [Notice(NoticeCode.UNLIKE_TRAINING, domain.notice)]


def _of_judging(analysis: Analysis) -> list[Notice]:
    """Say where time was judged on less than it should be."""
    judged = analysis.judged
    fewer, unseen = (
        total(rows) / TICKS_PER_SECOND for rows in (judged.fewer_sensors, judged.motion_unseen)
    )
    notices = []
    if fewer:
        notices.append(
            Notice(
                NoticeCode.FEWER_SENSORS,
                f"{lasting(fewer)} were judged though a detecting sensor was off: movements that "
                "it alone would have seen are missing",
            )
        )
    if unseen:
        notices.append(
            Notice(
                NoticeCode.MOTION_UNSEEN,
                f"for {lasting(unseen)} of judged time the IMU shows nothing: body movement cannot "
                "be told there, and may be counted as movement of the baby",
            )
        )
    return notices


def _of_unseen_hiccups(analysis: Analysis) -> list[Notice]:
    """Say where a bout could not have been seen though movements were judged."""
    profile = analysis.profile
    unseen = total(difference(analysis.judged.judged, shown_together(profile))) / TICKS_PER_SECOND
    if not analysis.hiccups.could_be_seen or unseen < profile.settings.hiccups.minimum_seconds:
        return []
    return [
        Notice(
            NoticeCode.HICCUPS_UNSEEN,
            f"for {lasting(unseen)} of judged time too few sensors were on to tell hiccups: there "
            "they may be counted as movements",
        )
    ]


def _of_regular_pulses(analysis: Analysis) -> list[Notice]:
    """Say that something repeated itself that is no bout of hiccups."""
    pulses = analysis.hiccups.regular_pulses
    if not pulses:
        return []
    ticks: Counter[str] = Counter()
    for series in pulses:
        ticks[series.reason] += series.end - series.start
    told = ", ".join(
        f"{lasting(ticks[reason] / TICKS_PER_SECOND)} {words}"
        for reason, words in _PULSES.items()
        if ticks[reason]
    )
    text = f"regular pulses of unknown origin, not told as hiccups: {told}"
    untold = analysis.judged.unjudged_seconds["regular_pulses"]
    if untold:
        text += (
            f"; {lasting(untold)} of it, when too few sensors were on to tell whether it was "
            "hiccups, movements or neither, were not judged"
        )
    return [Notice(NoticeCode.REGULAR_PULSES, text)]
