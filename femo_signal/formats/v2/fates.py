"""Counts the packets that did not simply follow the one before."""

from __future__ import annotations

from dataclasses import dataclass, field

from femo_signal.formats.v2.layout import PACKET_MS
from femo_signal.notices import Notice, NoticeCode

__all__ = ["Fates", "Tally"]


@dataclass
class Tally:
    """How many packets met a fate, and where the first one is."""

    count: int = 0
    first_byte: int = 0
    first_seconds: float = 0.0
    latest: int = 0  # packets by which one was late

    def add(self, count: int, at: int, index: int, late: int = 0) -> None:
        if not self.count:
            self.first_byte, self.first_seconds = at, max(index, 0) * PACKET_MS / 1000
        self.count += count
        self.latest = max(self.latest, late)

    def __str__(self) -> str:
        place = "it is" if self.count == 1 else "the first is"
        return f"({place} at byte {self.first_byte}, {self.first_seconds:.0f} s after the start)"


@dataclass
class Fates:
    """What became of packets."""

    repeated: Tally = field(default_factory=Tally)
    put_back: Tally = field(default_factory=Tally)
    too_late: Tally = field(default_factory=Tally)
    same_sequence: Tally = field(default_factory=Tally)

    def notices(self) -> list[Notice]:
        """Tell of each fate that packets met."""
        late = PACKET_MS / 1000
        told = (
            (NoticeCode.REPEATED, self.repeated, "packets stored again, dropped: {0} {1}"),
            (
                NoticeCode.OUT_OF_ORDER,
                self.put_back,
                "packets up to {2:.1f} s late, put back in order: {0} {1}",
            ),
            (
                NoticeCode.OUT_OF_ORDER,
                self.too_late,
                "packets up to {2:.0f} s late, dropped: {0} {1}",
            ),
            (
                NoticeCode.OUT_OF_ORDER,
                self.same_sequence,
                "the sequence number stands still, time stamps rule: {0} {1}",
            ),
        )
        return [
            Notice(code, text.format(tally.count, tally, tally.latest * late))
            for code, tally, text in told
            if tally.count
        ]
