"""Pictures of an analysis and of an evaluation: numbers, never a verdict."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.analysis import Analysis
from femo_signal.evaluation import Evaluation
from femo_signal.intervals import Intervals, clip, total
from femo_signal.recording import RecordingInfo
from femo_signal.settings import TICKS_PER_SECOND

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["RESEARCH_NOTE", "plot_analysis", "plot_evaluation"]

RESEARCH_NOTE = (
    "For research use. If you are worried about your baby's movements, "
    "contact your maternity unit now."
)

# Okabe and Ito (2008): told apart with any colour vision.
_FOUND, _PRESSED, _HICCUP, _SIGNAL = "#0072B2", "#D55E00", "#009E73", "#555555"
_MASKED, _UNSEEN = "#CFCFCF", "#888888"
_LANES = {"pressed": 2.0, "found": 1.0, "hiccups": 0.0}
_ONE_ROW_SECONDS = 75 * 60  # longer recordings get one row an hour
_ROW_SECONDS = 3600


def plot_analysis(analysis: Analysis, path: str | Path) -> None:
    """Draw what could be judged, what the mother marked and what was found.

    Maternal movement is shaded and gaps are hatched, so that neither looks quiet. Recordings
    longer than 75 minutes get one row an hour.

    Parameters
    ----------
    analysis : Analysis
    path : path
        The file's ending chooses the format.
    """
    figure = _blank()
    info = analysis.profile.info
    if info.duration_seconds <= _ONE_ROW_SECONDS:
        edges = [(0.0, info.duration_seconds)]
    else:
        count = int(np.ceil(info.duration_seconds / _ROW_SECONDS))
        edges = [(row * _ROW_SECONDS, (row + 1) * _ROW_SECONDS) for row in range(count)]
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
            _clock(signal, info, start, end)
            axes.set_xticks(signal.get_xticks(), [""] * len(signal.get_xticks()))
        else:
            moment = info.start + timedelta(seconds=start)
            axes.set_ylabel(f"{moment:%H:%M}", rotation=0, ha="right", va="center", fontsize=9)
            axes.set_yticks([])
            last = number == len(edges) - 1
            axes.set_xticks(np.arange(0, _ROW_SECONDS + 1, 600) + start)
            labels = [f"+{minute} min" for minute in range(0, 61, 10)]
            axes.set_xticklabels(labels if last else [], fontsize=8)
    _legend(figure, analysis, total_height)
    figure.text(0.015, 0.1 / total_height, RESEARCH_NOTE, fontsize=8.5, color="#333333")
    about = f"model {analysis.model.version} · settings {analysis.model.card.settings_digest}"
    figure.text(
        0.985, 0.1 / total_height, about, fontsize=7.5, color="#777777", ha="right", va="bottom"
    )
    figure.savefig(path, dpi=110)


def plot_evaluation(evaluation: Evaluation, path: str | Path) -> None:
    """Draw an evaluation: sensitivity beside chance per recording, and the calibration.

    Parameters
    ----------
    evaluation : Evaluation
    path : path
    """
    figure = _blank()
    figure.set_size_inches(12, 4.8)
    bars, curve = figure.subplots(1, 2, width_ratios=[2.2, 1])
    rows = list(evaluation.per_recording)[:60]
    place = np.arange(len(rows))
    for offset, key, colour, name in (
        (-0.2, "sensitivity", _FOUND, "sensitivity"),
        (0.2, "precision", _HICCUP, "precision"),
    ):
        values = [np.nan if row[key] is None else row[key] for row in rows]
        bars.bar(place + offset, values, 0.36, color=colour, label=name)
    chance = [np.nan if r["chance_sensitivity"] is None else r["chance_sensitivity"] for r in rows]
    bars.plot(place - 0.2, chance, "_", color="black", markersize=14, label="sensitivity by chance")
    bars.set(ylim=(0, 1.02), xlabel="recording", ylabel="share", title="Per recording")
    bars.set_xticks(place if len(rows) <= 20 else place[:: len(rows) // 10])
    bars.legend(loc="lower right", fontsize=8, framealpha=0.9)
    curve.plot([0, 1], [0, 1], color=_UNSEEN, linewidth=0.8)
    points = evaluation.reliability
    sizes = np.array([point["count"] for point in points], dtype=float)
    curve.scatter(
        [point["mean_predicted"] for point in points],
        [point["observed"] for point in points],
        s=20 + 180 * sizes / max(float(sizes.sum()), 1.0),
        color=_FOUND,
    )
    curve.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="predicted probability",
        ylabel="observed share",
        title="Calibration (size: detections)",
    )
    for axes in (bars, curve):
        axes.spines[["top", "right"]].set_visible(False)
    metrics = evaluation.metrics
    headline = ", ".join(
        f"{name} {_shown(metrics.get(key))}"
        for key, name in (
            ("f1", "F1"),
            ("sensitivity", "sensitivity"),
            ("chance_sensitivity", "by chance"),
            ("precision", "precision"),
            ("false_detections_per_hour", "false detections an hour"),
        )
    )
    figure.suptitle(f"{headline}\n{evaluation.method}", fontsize=10)
    figure.text(0.01, 0.012, RESEARCH_NOTE, fontsize=7.5, color="#333333")
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, dpi=110)


def _blank() -> Figure:
    """Return a figure that needs no display and that pyplot does not keep."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    return figure


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.2f}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _heading(figure: Figure, analysis: Analysis, height: float) -> None:
    profile = analysis.profile
    info = profile.info
    judged = total(analysis.analysed) / TICKS_PER_SECOND
    masked = total(profile.body_movement) / TICKS_PER_SECOND
    missing = sum(gap.end_seconds - gap.start_seconds for gap in info.gaps)
    rate = len(analysis.movements) / judged * 3600 if judged else None
    figure.text(
        0.015,
        1 - 0.32 / height,
        f"{_span(judged)} of {_span(info.duration_seconds)} could be judged",
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
        0.015,
        1 - 0.62 / height,
        f"{_span(masked)} masked by maternal movement, {_span(missing)} without data, "
        f"{_span(2 * info.trim_seconds)} left out at the ends",
        fontsize=10,
        color="#333333",
    )
    words = [f"{len(analysis.movements)} movements found"]
    if rate is not None:
        words.append(f"{rate:.0f} per judged hour")
    bouts = analysis.hiccups.bouts
    plural = "" if len(bouts) == 1 else "s"
    words.append(
        f"{len(bouts)} hiccup bout{plural} ({_span(total(bouts) / TICKS_PER_SECOND)}"
        f"{', taken out' if analysis.hiccups_removed and len(bouts) else ''})"
        if len(bouts)
        else "no hiccup bout found"
    )
    words.append(f"{len(profile.presses)} presses")
    figure.text(0.015, 1 - 0.92 / height, "   |   ".join(words), fontsize=11)


def _budget(axes: Axes, analysis: Analysis) -> None:
    """Draw one bar of the whole recording: what could be judged and what could not."""
    info = analysis.profile.info
    axes.set_xlim(0, info.duration_seconds)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([0.5], ["judged"], fontsize=9)
    axes.tick_params(length=0)
    axes.broken_barh(_bars(info, analysis.analysed), (0, 1), color="#6BAED6")
    axes.broken_barh(_bars(info, analysis.profile.body_movement), (0, 1), color=_MASKED)
    _unseen(axes, info)


def _bars(info: RecordingInfo, intervals: Intervals) -> list[tuple[float, float]]:
    seconds = info.seconds(intervals)
    return [(float(start), float(end - start)) for start, end in seconds]


def _unseen(axes: Axes, info: RecordingInfo) -> None:
    """Hatch what is not in the analysis: gaps in the file, and the trimmed ends."""
    trim, end = info.trim_seconds, info.duration_seconds
    low, high = axes.get_ylim()
    for gap in info.gaps:
        axes.axvspan(
            gap.start_seconds,
            gap.end_seconds,
            facecolor="white",
            edgecolor=_UNSEEN,
            hatch="xxxx",
            linewidth=0.5,
            zorder=3,
        )
    for start, stop in ((0.0, trim), (end - trim, end)):
        axes.broken_barh(
            [(start, stop - start)],
            (low, high - low),
            facecolor="white",
            edgecolor=_MASKED,
            hatch="////",
            linewidth=0.0,
            zorder=2,
        )


def _lanes(axes: Axes, analysis: Analysis, start: float, end: float, *, named: bool) -> None:
    profile = analysis.profile
    info = profile.info
    bounds = (
        round(start * TICKS_PER_SECOND) - info.trim_ticks,
        round(end * TICKS_PER_SECOND) - info.trim_ticks,
    )

    def inside(intervals: Intervals) -> list[tuple[float, float]]:
        return _bars(info, clip(intervals, *bounds))

    axes.set_xlim(start, end)
    axes.set_ylim(-0.6, 2.6)
    axes.broken_barh(inside(profile.body_movement), (-0.6, 3.2), color=_MASKED, zorder=1)
    _unseen(axes, info)
    if info.duration_seconds < end:
        axes.axvspan(info.duration_seconds, end, color="white", zorder=4)
    axes.broken_barh(inside(analysis.hiccups.bouts), (-0.28, 0.56), color=_HICCUP, zorder=3)
    axes.broken_barh(
        inside(profile.detections),
        (0.72, 0.56),
        facecolor="none",
        edgecolor=_FOUND,
        linewidth=0.5,
        zorder=3,
    )
    axes.broken_barh(inside(analysis.movements), (0.72, 0.56), color=_FOUND, zorder=4)
    pressed = info.seconds(clip(profile.presses, *bounds)[:, 0])
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
        axes.set_yticks(
            [2, 1, 0], ["mother pressed", "movements found", "hiccup bouts"], fontsize=9
        )


def _strength(axes: Axes, analysis: Analysis, start: float, end: float) -> None:
    """Draw the strongest detecting sensor relative to its threshold."""
    profile = analysis.profile
    info = profile.info
    curve = _envelope(analysis)
    axes.set_xlim(start, end)
    axes.set_yscale("log")
    axes.set_ylim(0.05, 300)
    axes.broken_barh(_bars(info, profile.body_movement), (0.05, 300), color=_MASKED, zorder=1)
    _unseen(axes, info)
    if curve is not None:
        time, values = curve
        axes.plot(time, values, color=_SIGNAL, linewidth=0.5, zorder=2)
    axes.axhline(1.0, color=_PRESSED, linewidth=0.8, linestyle="--", zorder=2)
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"], fontsize=8)
    axes.minorticks_off()
    axes.set_ylabel("strength\n(x threshold)", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _envelope(analysis: Analysis) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    profile = analysis.profile
    best: NDArray[np.float64] | None = None
    time = np.zeros(0)
    for name, threshold in profile.thresholds.items():
        channel = profile.signals.sensors.get(name)
        if channel is None or not np.isfinite(threshold):
            continue
        block = max(1, len(channel.samples) // 4000)
        count = len(channel.samples) // block
        size = np.abs(channel.samples[: count * block]).reshape(count, block).max(axis=1)
        ratio = size.astype(np.float64) / threshold
        best = ratio if best is None else np.maximum(best, ratio)
        ticks = channel.start_tick + (np.arange(count) + 0.5) * block * channel.step_ticks
        time = profile.info.seconds(ticks)
    if best is None:
        return None
    for gap in profile.info.gaps:
        best[(time >= gap.start_seconds) & (time < gap.end_seconds)] = np.nan
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
        Patch(color=_MASKED, label="maternal movement: not judged"),
        Patch(facecolor="white", edgecolor=_MASKED, hatch="////", label="ends: left out"),
    ]
    if analysis.profile.info.gaps:
        handles.append(
            Patch(facecolor="white", edgecolor=_UNSEEN, hatch="xxxx", label="gap: no data")
        )
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.01, 0.26 / height),
        ncols=len(handles),
        fontsize=8,
        frameon=False,
        handlelength=1.6,
        columnspacing=1.4,
    )
