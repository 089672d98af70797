"""Words for people: lengths of time, and what stands on every page and report."""

from __future__ import annotations

__all__ = ["RESEARCH_USE", "lasting", "lasting_of", "percent"]

RESEARCH_USE = (
    "For research use. If you are worried about your baby's movements, "
    "contact your maternity unit now."
)

_MINUTES_FROM_SECONDS = 60.0
_HOURS_FROM_SECONDS = 2 * 3600.0


def lasting(seconds: float) -> str:
    """Return a length of time: seconds below a minute, hours from two on.

    What is not nothing is never called so: 0.04 s are "less than 0.1 s".
    """
    if 0 < seconds < 0.1:
        return "less than 0.1 s"
    if round(seconds, 1) < 10:
        return f"{round(seconds, 1):g} s"
    if round(seconds) < _MINUTES_FROM_SECONDS:
        return f"{seconds:.0f} s"
    if seconds < _HOURS_FROM_SECONDS:
        return f"{seconds / 60:.1f} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def lasting_of(part: float, whole: float) -> str:
    """Return how much of a length of time; minutes of minutes are named once."""
    told, of = lasting(part), lasting(whole)
    if told.endswith(" min") and of.endswith(" min") and whole < _HOURS_FROM_SECONDS:
        told = told.removesuffix(" min")
    return f"{told} of {of}"


def percent(share: float) -> str:
    """Return a share in percent; a part of something is never told as nothing or as all of it."""
    if 0 < share < 0.01:
        return "<1%"
    if 0.99 < share < 1:
        return ">99%"
    return f"{share:.0%}"
