"""The view of nights as a single file: the page that the console's build makes, with results in it.

The page runs what it was built with and nothing else, and reaches no network: its
Content-Security-Policy names the digests of its script and style. Results are data in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from femo_signal.errors import FemoError

__all__ = ["Shown", "ViewerError", "empty_page", "night_page", "zone_named"]

_PLACE = '<script type="application/json" id="embedded"></script>'


class ViewerError(FemoError):
    """There is no page to put a result into."""


@dataclass(frozen=True)
class Shown:
    """What a page shows of one or several nights."""

    responses: Sequence[dict[str, Any]]  # as `femo analyze` and a completed job have them
    zone: str | None = None  # IANA; None: that of whoever looks
    recording: str | None = None  # a name, where the response has none
    subject: str | None = None  # a pseudonym, where the response has none


def night_page(shown: Shown) -> str:
    """Return the page, whole.

    Raises
    ------
    ViewerError
        As `empty_page`.
    """
    return empty_page().replace(_PLACE, _PLACE.replace("><", f">{_as_data(shown)}<"))


def empty_page() -> str:
    """Return the page that results are put into.

    Raises
    ------
    ViewerError
        The viewer was not built, or is not the one of this version.
    """
    viewer = files("femo_cli") / "viewer" / "viewer.html"
    if not viewer.is_file():
        raise ViewerError(
            "the view of a night was not built; in a checkout, run: make setup", code="no_viewer"
        )
    page = viewer.read_text(encoding="utf-8")
    if page.count(_PLACE) != 1:
        raise ViewerError(
            "the view of a night is of another version; in a checkout, run: make setup",
            code="no_viewer",
        )
    return page


def _as_data(shown: Shown) -> str:
    """Return JSON that ends no element and begins no comment, whatever its texts hold."""
    data = {
        "responses": list(shown.responses),
        "zone": shown.zone,
        "recording": shown.recording,
        "subject": shown.subject,
    }
    # ASCII alone, which escapes U+2028 and U+2029 too
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def zone_named(name: str) -> str:
    """Return the name of a time zone.

    Raises
    ------
    ValueError
        There is none of that name.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; name one as in Europe/London") from error
    return name
