"""What a reader should know of a recording: a code for programs and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass

from femo_result.codes import NoticeCode

__all__ = ["Notice", "NoticeCode"]


@dataclass(frozen=True)
class Notice:
    """Something that is missing or odd, or was mended."""

    code: NoticeCode
    text: str  # one sentence

    def __str__(self) -> str:
        """Return the sentence."""
        return self.text
