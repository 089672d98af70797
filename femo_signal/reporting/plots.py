"""The picture of an analysis: numbers, never a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from femo_result.words import RESEARCH_USE, lasting, lasting_of
from femo_signal.intervals import Intervals, clip, empty, intersection, overlapping, union
from femo_signal.pictures import blank_figure
from femo_signal.recording import RecordingInfo
from femo_signal.reporting.judging import Analysis
from femo_signal.reporting.result import report
from femo_signal.settings import TICKS_PER_SECOND

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_analysis", "plot_analysis"]

# Okabe and Ito (2008): told apart with any colour vision.
_FOUND, _PRESSED, _HICCUP, _SIGNAL = "#0072B2", "#D55E00", "#009E73", "#555555"
_JUDGED, _AXIS = "#6BAED6", "#888888"
_LANES = {"pressed": 2.0, "found": 1.0, "hiccups": 0.0}
_ONE_ROW_SECONDS = 75 * 60  # longer recordings get one row an hour
_ROW_SECONDS = 3600


@dataclass(frozen=True)
class _Look:
    """How time that was not judged is drawn, so that it never looks quiet."""

    name: str
    face: str
    edge: str
    hatch: str
    above: bool  # the curve of the signal: nothing of it can be trusted


_UNJUDGED = {
    "ends": _Look("left out at the ends", "white", "#CFCFCF", "////", above=True),
    "gap": _Look("no data", "white", "#888888", "xxxx", above=True),
    "sensor_off": _Look("sensors off", "white", "#B07AA1", "....", above=True),
    "body_movement": _Look("maternal movement", "#CFCFCF", "#B8B8B8", "||||", False),
    "regular_pulses": _Look("regular pulses", "#F5EBDD", "#C9A36A", "++++", above=False),
    "hiccups": _Look("hiccups taken out", "#E3F3EC", _HICCUP, "\\\\\\\\", above=False),
}


def plot_analysis(analysis: Analysis, path: str | Path) -> None:
    """Draw what could be judged, what the mother marked and what was found.

    What was not judged is hatched, in a way of its own for each reason, so that none of it looks
    quiet. Recordings longer than 75 minutes get one row an hour.

    Parameters
    ----------
    analysis : Analysis
    path : path
        The file's ending chooses the format.
    """
    draw_analysis(analysis).savefig(path, dpi=110)


def draw_analysis(analysis: Analysis) -> Figure:
    """Return the figure that `plot_analysis` writes; hatched time carries its reason as gid."""
    figure = blank_figure()
    edges = _rows(analysis.profile.info)
    with_signal = len(edges) == 1
    row_height = 1.3 if with_signal else 0.72
    heights = [0.24, *([row_height] * len(edges)), *([1.7] if with_signal else [])]
    spacing = 0.5 if with_signal else 0.28
    total_height = 1.75 + sum(heights) + spacing * len(heights) + 0.5
    figure.set_size_inches(13, total_height)
    grid = figure.add_gridspec(
        len(heights),
        1,
        height_ratios=heights,
        left=0.105,
        right=0.965,
        top=1 - 1.42 / total_height,
        bottom=0.88 / total_height,
        hspace=spacing * len(heights) / sum(heights),
    )
    _heading(figure, analysis, total_height)
    _budget(figure.add_subplot(grid[0]), analysis)
    for number, (start, end) in enumerate(edges):
        axes = figure.add_subplot(grid[number + 1])
        _lanes(axes, analysis, start, end, named=with_signal)
        if with_signal:
            signal = figure.add_subplot(grid[number + 2])
            _strength(signal, analysis, start, end)
            _clock(signal, analysis.profile.info, start, end)
            axes.set_xticks(signal.get_xticks(), [""] * len(signal.get_xticks()))
        else:
            _hour(axes, analysis.profile.info, start, last=number == len(edges) - 1)
    _legend(figure, analysis, total_height)
    _footer(figure, analysis, 0.1 / total_height)
    return figure


def _rows(info: RecordingInfo) -> list[tuple[float, float]]:
    """Return the start and end of each row, s."""
    if info.duration_seconds <= _ONE_ROW_SECONDS:
        return [(0.0, info.duration_seconds)]
    shown = info.duration_seconds - info.trim_seconds  # no row for the end that is left out
    count = max(int(np.ceil(shown / _ROW_SECONDS)), 1)
    return [(row * _ROW_SECONDS, (row + 1) * _ROW_SECONDS) for row in range(count)]


def _hour(axes: Axes, info: RecordingInfo, start: float, *, last: bool) -> None:
    """Label a row of an hour."""
    moment = info.start + timedelta(seconds=start)
    axes.set_ylabel(f"{moment:%H:%M}", rotation=0, ha="right", va="center", fontsize=9)
    axes.set_yticks([])
    axes.set_xticks(np.arange(0, _ROW_SECONDS + 1, 600) + start)
    labels = [f"+{minute} min" for minute in range(0, 61, 10)]
    axes.set_xticklabels(labels if last else [], fontsize=8)


def _footer(figure: Figure, analysis: Analysis, bottom: float) -> None:
    figure.text(0.015, bottom, RESEARCH_USE, fontsize=8.5, color="#333333")
    about = f"model {analysis.model.version} · settings {analysis.model.card.settings_digest}"
    figure.text(0.985, bottom, about, fontsize=7.5, color="#777777", ha="right", va="bottom")


def _heading(figure: Figure, analysis: Analysis, height: float) -> None:
    # The figures of the result itself: picture and numbers cannot differ.
    result = report(analysis, extract_events=False)["result"]
    info, recording = analysis.profile.info, result["recording"]
    figure.text(
        0.015,
        1 - 0.32 / height,
        f"{lasting_of(recording['judged_seconds'], info.duration_seconds)} could be judged",
        fontsize=15,
        fontweight="bold",
    )
    figure.text(
        0.985,
        1 - 0.32 / height,
        f"{info.start:%Y-%m-%d %H:%M:%S} UTC, format {info.format}",
        fontsize=10,
        ha="right",
    )
    figure.text(
        0.015, 1 - 0.62 / height, _not_judged_words(recording), fontsize=10, color="#333333"
    )
    words = [_movement_words(result), _hiccup_words(result), _press_words(result)]
    figure.text(0.015, 1 - 0.92 / height, "   |   ".join(words), fontsize=11)


def _not_judged_words(recording: Mapping[str, Any]) -> str:
    names = {
        "ends": "left out at the ends",
        "gap": "without data",
        "sensor_off": "with sensors off",
        "body_movement": "masked by maternal movement",
        "regular_pulses": "of regular pulses on one sensor",
        "hiccups": "of hiccup bouts",
    }
    seconds = recording["unjudged_seconds"]
    told = [
        f"{lasting(seconds[reason])} {name}" for reason, name in names.items() if seconds[reason]
    ]
    unseen = recording["body_movement_unseen_seconds"]
    if unseen:
        told.append(f"maternal movement cannot be told for {lasting(unseen)}")
    return "Not judged: " + ", ".join(told) if told else "All of it was judged"


def _movement_words(result: Mapping[str, Any]) -> str:
    summary = result["summary"]
    if summary["kicks"] is None:
        return "movements could not be counted"
    rate = summary["kicks_per_analysed_hour"]
    told = "too little judged for a rate" if rate is None else f"{rate:.1f} per judged hour"
    expected = result["expected_kicks"]
    if expected is not None:
        told += f", likely {expected['low']:.0f} to {expected['high']:.0f} in all"
    return f"{summary['kicks']} movements found, {told}"


def _hiccup_words(result: Mapping[str, Any]) -> str:
    totals = result["hiccups"]
    if totals is None:
        return "hiccups could not be looked for"
    if not totals["bouts"]:
        return "no hiccup bout found"
    plural = "" if totals["bouts"] == 1 else "s"
    return (
        f"{totals['bouts']} hiccup bout{plural} ({lasting(60 * totals['minutes'])}), "
        f"{result['hiccup_bouts_status']}"
    )


def _press_words(result: Mapping[str, Any]) -> str:
    match = result.get("press_match")
    if match is None:
        return "the button was not pressed"
    return f"{match['presses']} presses, {match['judged_presses']} of them could be judged"


def _budget(axes: Axes, analysis: Analysis) -> None:
    """Draw one bar of the whole recording: what could be judged and what could not."""
    info = analysis.profile.info
    axes.set_xlim(0, info.duration_seconds)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([0.5], ["judged"], fontsize=9)
    axes.tick_params(length=0)
    axes.broken_barh(_bars(info, analysis.judged.judged), (0, 1), color=_JUDGED, gid="judged")
    _hatch(axes, analysis)


def _bars(info: RecordingInfo, intervals: Intervals) -> list[tuple[float, float]]:
    seconds = info.seconds(intervals)
    return [(float(start), float(end - start)) for start, end in seconds]


def _hatch(axes: Axes, analysis: Analysis) -> None:
    """Draw all that was not judged over the axes' whole height, by reason."""
    low, high = axes.get_ylim()
    for reason, intervals in analysis.judged.unjudged.items():
        look = _UNJUDGED[reason]
        if len(intervals):
            axes.broken_barh(
                _bars(analysis.profile.info, intervals),
                (low, high - low),
                facecolor=look.face,
                edgecolor=look.edge,
                hatch=look.hatch,
                linewidth=0.0,
                zorder=3 if look.above else 1,
                gid=reason,
            )


def _lanes(axes: Axes, analysis: Analysis, start: float, end: float, *, named: bool) -> None:
    profile = analysis.profile
    info = profile.info
    first, past = (round(edge * TICKS_PER_SECOND) - info.trim_ticks for edge in (start, end))

    def inside(intervals: Intervals) -> list[tuple[float, float]]:
        return _bars(info, clip(intervals, first, past))

    axes.set_xlim(start, end)
    axes.set_ylim(-0.6, 2.6)
    _hatch(axes, analysis)
    if info.duration_seconds < end:
        axes.axvspan(info.duration_seconds, end, color="white", zorder=4)
    axes.broken_barh(inside(analysis.hiccups.bouts), (-0.28, 0.56), color=_HICCUP, zorder=4)
    rejected = profile.detections[analysis.probability < analysis.model.threshold]
    axes.broken_barh(
        inside(intersection(rejected, analysis.judged.judged)),
        (0.72, 0.56),
        facecolor="none",
        edgecolor=_FOUND,
        linewidth=0.5,
        zorder=3,
    )
    axes.broken_barh(
        inside(analysis.movements), (0.72, 0.56), color=_FOUND, zorder=4, gid="movements"
    )
    pressed = info.seconds(clip(profile.all_presses, first, past)[:, 0])
    axes.plot(
        pressed,
        np.full(len(pressed), _LANES["pressed"]),
        "v",
        color=_PRESSED,
        markersize=7 if named else 5,
        linestyle="none",
        zorder=4,
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    if named:
        seen = analysis.hiccups.could_be_seen
        names = ["mother pressed", "movements found"]
        names.append("hiccup bouts" if seen else "hiccups: not looked for")
        axes.set_yticks([2, 1, 0], names, fontsize=9)


def _strength(axes: Axes, analysis: Analysis, start: float, end: float) -> None:
    """Draw the strongest detecting sensor relative to its threshold."""
    curve = _envelope(analysis)
    axes.set_xlim(start, end)
    axes.set_yscale("log")
    axes.set_ylim(0.05, 300)
    _hatch(axes, analysis)
    if curve is not None:
        time, values = curve
        axes.plot(time, values, color=_SIGNAL, linewidth=0.5, zorder=2)
    axes.axhline(1.0, color=_PRESSED, linewidth=0.8, linestyle="--", zorder=2)
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"], fontsize=8)
    axes.minorticks_off()
    axes.set_ylabel("strength\n(x threshold)", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _envelope(analysis: Analysis) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the curve's times and values, NaN where no detecting sensor shows anything."""
    profile = analysis.profile
    if profile.findings is not None:
        found = profile.findings
        agreed = found.candidates.rise.astype(np.float64)
        agreed[~found.evidence.on.any(axis=0)] = np.nan
        return profile.info.seconds(found.evidence.frames.ticks), agreed
    curves: list[NDArray[np.float64]] = []
    time = np.zeros(0)
    for name, threshold in profile.thresholds.items():
        channel = profile.signals.sensors.get(name)
        if channel is None or not np.isfinite(threshold):
            continue
        block = max(1, len(channel.samples) // 4000)
        count = len(channel.samples) // block
        size = np.abs(channel.samples[: count * block]).reshape(count, block).max(axis=1)
        ratio = size.astype(np.float64) / threshold
        ticks = channel.start_tick + np.arange(count + 1) * block * channel.step_ticks
        blocks = np.column_stack((ticks[:-1], ticks[1:]))
        nothing = union(profile.gaps, profile.signals.off.get(name, empty()))
        ratio[overlapping(blocks, nothing)] = np.nan
        curves.append(ratio)
        time = profile.info.seconds(blocks.mean(axis=1))
    if not curves:
        return None
    best: NDArray[np.float64] = np.fmax.reduce(curves)
    return time, best


def _clock(axes: Axes, info: RecordingInfo, start: float, end: float) -> None:
    steps = [step for step in (10, 30, 60, 300, 600) if (end - start) / step <= 14]
    step = steps[0] if steps else 900
    # Round times of day, not round times since the start.
    midnight = info.start.replace(hour=0, minute=0, second=0, microsecond=0)
    first = step - (info.start - midnight).total_seconds() % step
    ticks = np.arange(start + first % step, end, step)
    axes.set_xticks(ticks)
    axes.set_xticklabels(
        [f"{info.start + timedelta(seconds=float(tick)):%H:%M:%S}" for tick in ticks], fontsize=8
    )
    axes.set_xlabel("time of day, UTC", fontsize=9)


def _legend(figure: Figure, analysis: Analysis, height: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], marker="v", color=_PRESSED, linestyle="none", label="mother pressed"),
        Patch(color=_FOUND, label="movement found"),
        Patch(facecolor="white", edgecolor=_FOUND, label="candidate not accepted"),
        Patch(color=_HICCUP, label="hiccup bout"),
    ]
    handles.append(Line2D([], [], linestyle="none", label="not judged:"))
    handles += [
        Patch(facecolor=look.face, edgecolor=look.edge, hatch=look.hatch, label=look.name)
        for reason, look in _UNJUDGED.items()
        if len(analysis.judged.unjudged[reason])
    ]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.01, 0.26 / height),
        ncols=len(handles),
        fontsize=8,
        frameon=False,
        handlelength=1.5,
        columnspacing=1.0,
    )
