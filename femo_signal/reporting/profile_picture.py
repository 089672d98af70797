"""Pictures for whoever works with recordings in Python: a figure of a profile or an analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from femo_result.words import RESEARCH_USE
from femo_signal.detection.profile import Profile
from femo_signal.intervals import Intervals, empty, union
from femo_signal.pictures import blank_figure
from femo_signal.reporting.analysis import Analysis
from femo_signal.reporting.plots import draw_analysis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_profile", "plot"]

# Okabe and Ito (2008): told apart with any colour vision.
_FOUND, _PRESSED, _SIGNAL, _MOVING, _UNSEEN = "#0072B2", "#D55E00", "#555555", "#CFCFCF", "#F0E442"
_POINTS = 4000  # of a curve: more than a picture has columns


def plot(what: Analysis | Profile) -> Figure:
    """Draw an analysis, or a profile before any classifier.

    Parameters
    ----------
    what : Analysis or Profile

    Returns
    -------
    matplotlib.figure.Figure
        Not known to pyplot: show it in a notebook, or ``savefig`` it.

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> import femo_signal
    >>> model = femo_signal.MovementModel.load("model")
    >>> profile = femo_signal.build_profile("night.dat", settings=model.settings)
    >>> figure = femo_signal.plot(profile)
    >>> figure.savefig("candidates.png")
    >>> figure = femo_signal.plot(femo_signal.analyze_profile(profile, model))
    >>> figure.savefig("movements.png")
    """
    if isinstance(what, Analysis):
        return draw_analysis(what)
    if isinstance(what, Profile):
        return draw_profile(what)
    raise TypeError(f"plot: give an Analysis or a Profile, not {type(what).__name__}")


def draw_profile(profile: Profile) -> Figure:
    """Return a figure of each sensor's signal with what was found on it, one row a sensor."""
    names = sorted(profile.signals.sensors)
    figure = blank_figure()
    rows = len(names) + 1
    figure.set_size_inches(13, 1.2 + 0.95 * rows)
    grid = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    figure.suptitle(
        f"{profile.info.path_name}: {len(profile.detections)} candidates before any classifier, "
        f"{profile.settings.method} method",
        x=0.01,
        ha="left",
    )
    _candidates(grid[0], profile)
    for axes, name in zip(grid[1:], names, strict=True):
        _signal(axes, profile, name)
    grid[0].set_xlim(0, profile.info.duration_seconds / 60)
    grid[-1].set_xlabel(f"minutes from {profile.info.start:%Y-%m-%d %H:%M:%S} UTC", fontsize=9)
    figure.text(0.01, 0.005, RESEARCH_USE, fontsize=8, color="#333333")
    return figure


def _candidates(axes: Axes, profile: Profile) -> None:
    """Draw what was found, what the mother marked, and where she moved."""
    _shade(axes, profile, profile.body_movement, _MOVING, "body_movement")
    _shade(axes, profile, profile.gaps, _UNSEEN, "gap")
    axes.broken_barh(_bars(profile, profile.detections), (0.1, 0.5), color=_FOUND, gid="candidates")
    pressed = profile.info.seconds(union(profile.presses, profile.end_presses)[:, 0]) / 60
    axes.plot(pressed, np.full(len(pressed), 0.8), "v", color=_PRESSED, markersize=5)
    axes.set_ylim(0, 1)
    axes.set_yticks([0.35, 0.8], ["candidates", "mother pressed"], fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _signal(axes: Axes, profile: Profile, name: str) -> None:
    """Draw a sensor's envelope in mV, and where it shows nothing."""
    channel = profile.signals.sensors[name]
    nothing = union(profile.gaps, profile.signals.off.get(name, empty()))
    if name in profile.signals.live and len(channel.samples):
        block = max(1, len(channel.samples) // _POINTS)
        count = len(channel.samples) // block
        values = 1000 * channel.samples[: count * block].reshape(count, block)
        ticks = channel.start_tick + (np.arange(count) + 0.5) * block * channel.step_ticks
        minutes = profile.info.seconds(ticks) / 60
        axes.fill_between(
            minutes, values.min(axis=1), values.max(axis=1), color=_SIGNAL, linewidth=0.4
        )
        highest = float(np.quantile(np.abs(values).max(axis=1), 0.999))
        axes.set_ylim(*(np.array([-1.1, 1.1]) * max(highest, 1e-3)))
    _shade(axes, profile, nothing, _UNSEEN, "off")
    axes.set_ylabel(f"{name}\n(mV)", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _bars(profile: Profile, intervals: Intervals) -> list[tuple[float, float]]:
    minutes = profile.info.seconds(intervals) / 60
    return [(float(start), float(end - start)) for start, end in minutes]


def _shade(axes: Axes, profile: Profile, intervals: Intervals, colour: str, gid: str) -> None:
    if len(intervals):
        axes.broken_barh(
            _bars(profile, intervals),
            (0, 1),
            transform=axes.get_xaxis_transform(),
            facecolor=colour,
            alpha=0.6,
            zorder=0,
            gid=gid,
        )
