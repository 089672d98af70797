"""Waiting for something to be gone, and telling what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Failure", "Tell", "is_denied", "pauses"]

FIRST_PAUSE = 0.1  # seconds; doubled at each look
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Failure:
    """What could not be taken away."""

    step: str
    name: str
    reason: str
    todo: str

    def as_json(self) -> dict[str, str]:
        """Return the failure as JSON holds it."""
        return {"step": self.step, "name": self.name, "reason": self.reason, "todo": self.todo}


def is_denied(reason: str | None) -> bool:
    """Whether an error's text tells of a missing permission, which no waiting gives."""
    return reason is not None and any(f"({code})" in reason for code in DENIED)


def pauses(longest: float) -> Iterator[float]:
    """Yield the seconds to wait between looks: short at first, `longest` in the end."""
    seconds = FIRST_PAUSE
    while True:
        yield min(seconds, longest)
        seconds *= 2
