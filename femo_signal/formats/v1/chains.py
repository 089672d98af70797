"""Follows records one by one: each tells by its descriptor where the next one starts."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats.v1.layout import BUTTON, LAYOUT, PIEZO, RECORD_BYTES, is_possible

__all__ = ["CHAIN_RECORDS", "ChainEnd", "KnownKinds", "likely_start", "possible_chain"]

CHAIN_RECORDS = 64  # so many sound records in a row are no accident (a random byte passes at 1/4)
START_BYTES = 8192  # in which the records must start, whatever part of the file is at hand
ChainEnd = Literal["whole", "buffer", "illegal"]


class KnownKinds:
    """The descriptors that were met in sound records; the button bit makes no other kind."""

    def __init__(self) -> None:
        self.sizes = [0] * 256  # bytes of a record by its descriptor; 0: not met

    def admit(self, kind: int) -> None:
        """Count a descriptor as met."""
        for variant in (kind & LAYOUT, kind | BUTTON):
            self.sizes[variant] = int(RECORD_BYTES[variant])

    def follow(self, data: NDArray[np.uint8], position: int) -> tuple[bytes, ChainEnd]:
        """Follow a chain of known records, without the button bits.

        Returns
        -------
        kinds : bytes
            Descriptors, `CHAIN_RECORDS` at most.
        end : {"whole", "buffer", "illegal"}
            What ended it: nothing, the end of the buffer, or a descriptor that is not known.
        """
        kinds = bytearray()
        while len(kinds) < CHAIN_RECORDS:
            if position >= len(data):
                return bytes(kinds), "buffer"
            kind = int(data[position])
            if not self.sizes[kind]:
                return bytes(kinds), "illegal"
            position += self.sizes[kind]
            if position > len(data):
                return bytes(kinds), "buffer"
            kinds.append(kind & LAYOUT)
        return bytes(kinds), "whole"

    def candidates(self, data: NDArray[np.uint8], first: int, past: int) -> list[int]:
        """Return the positions from which a few known records seem to follow each other."""
        sizes = np.array(self.sizes)
        starts = ends = first + np.flatnonzero(sizes[data[first:past]])
        for _ in range(3):
            inside = ends < len(data)
            kinds = data[np.minimum(ends, len(data) - 1)]
            likely = ~inside | (sizes[kinds] > 0)
            starts, ends = starts[likely], (ends + inside * sizes[kinds])[likely]
        return [int(start) for start in starts]


def possible_chain(content: bytes, position: int) -> Literal["sound", "end", "damaged"]:
    """Tell whether a chain of possible records, known or not, starts at a position."""
    for _ in range(CHAIN_RECORDS):
        if position >= len(content):
            return "end"
        kind = content[position]
        if not is_possible(kind):
            return "damaged"
        position += int(RECORD_BYTES[kind])
    return "sound"


def likely_start(content: bytes) -> int | None:
    """Return where the records of a file seem to start whose first ones are damaged.

    Nothing is known of the file yet: a chain is believed whose records all have a piezo block,
    which no text seems to have, and which starts with its commonest kind, which a chain that only
    later falls into step seldom does.
    """
    for start in range(min(START_BYTES, len(content))):
        kinds = bytearray()
        position = start
        while len(kinds) < CHAIN_RECORDS and position < len(content):
            kind = content[position]
            if not (is_possible(kind) and kind & PIEZO):
                break
            kinds.append(kind & LAYOUT)
            position += int(RECORD_BYTES[kind])
        if len(kinds) == CHAIN_RECORDS and Counter(kinds).most_common(1)[0][0] == kinds[0]:
            return start
    return None
