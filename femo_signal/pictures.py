"""What all pictures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RESEARCH_NOTE", "blank_figure"]

RESEARCH_NOTE = (
    "For research use. If you are worried about your baby's movements, "
    "contact your maternity unit now."
)


def blank_figure() -> Figure:
    """Return a figure that needs no display and that pyplot does not keep."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    return figure
