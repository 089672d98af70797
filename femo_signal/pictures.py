"""What all pictures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from femo_result.words import RESEARCH_USE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RESEARCH_NOTE", "blank_figure"]

RESEARCH_NOTE = RESEARCH_USE


def blank_figure() -> Figure:
    """Return a figure that needs no display and that pyplot does not keep."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    return figure
