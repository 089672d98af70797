"""Checks the elements of a MATLAB file (version 5 to 7) before the library reads them.

The library looks the type of an element up in a table without a bound, and takes for numbers
whatever follows an array's name: a single wrong byte ends the process, where a damaged file should
be told.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

__all__ = ["check_elements"]

HEADER_BYTES, TAG_BYTES, FLAGS_BYTES = 128, 8, 8
# MathWorks, "MAT-File Format", table 1-1: int8 to uint32, single, double, int64, uint64, matrix,
# compressed, UTF-8, UTF-16, UTF-32.
TYPES = frozenset((1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14, 15, 16, 17, 18))
MATRIX, COMPRESSED = 14, 15
NUMBER_TYPES = frozenset((1, 2, 3, 4, 5, 6, 7, 9, 12, 13))
TEXT_TYPES = NUMBER_TYPES | {16, 17, 18}
# Table 1-3: an array's class is the low byte of its flags. Of these it holds, after flags, size and
# name, so many elements, and one more (the imaginary part) where it is complex.
CHARACTERS, SPARSE, NUMBERS = 4, 5, range(6, 16)
COMPLEX = 0x0800
ELEMENTS_BEFORE_DATA = 3
DEEPEST = 32  # matrices in cells in structs in ...
PIECE_BYTES = 1 << 20


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Inflated:
    """The content of a compressed element, a piece at a time."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self._inflater = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer only at the end."""
        parts: list[bytes] = []
        while size:
            held = self._inflater.unconsumed_tail
            if not held:
                held = self._file.read(min(self._left, PIECE_BYTES))
                self._left -= len(held)
            part = self._inflater.decompress(held, size)
            if not part and not held:
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def check_elements(path: Path) -> None:
    """Walk through all elements of a file.

    Raises
    ------
    ValueError, zlib.error
        If an element is of no known type, or longer than what holds it.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        order = ">" if file.read(HEADER_BYTES)[-2:] == b"MI" else "<"
        while file.tell() < size:
            place = file.tell()
            kind, length, _ = _tag(file, order)
            end = file.tell() + length
            if end > size:
                raise ValueError(f"the element at byte {place} ends behind the end of the file")
            if kind == COMPRESSED:
                inflated = _Inflated(file, length)
                kind, length, _ = _tag(inflated, order)
                if kind == MATRIX:
                    _check_matrix(inflated, length, order, 0)
            elif kind == MATRIX:
                _check_matrix(file, length, order, 0)
            file.seek(end)


def _check_matrix(source: _Source, left: int, order: str, depth: int) -> None:
    """Walk through the elements inside a matrix of ``left`` bytes."""
    if depth > DEEPEST:
        raise ValueError(f"matrices are nested more than {DEEPEST} deep")
    flags, kinds = 0, list[int]()
    while left > 0:
        kind, length, is_small = _tag(source, order)
        kinds.append(kind)
        left -= TAG_BYTES
        if is_small:
            continue
        if length > left:
            raise ValueError(f"an element of {length} bytes lies in the last {left} of a matrix")
        padded = min(-(-length // 8) * 8, left)
        if kind == MATRIX:
            _check_matrix(source, length, order, depth + 1)
            _skip(source, padded - length)
        elif len(kinds) == 1 and length == FLAGS_BYTES:
            flags = _flags(source, order)
        else:
            _skip(source, padded)
        left -= padded
    if kinds:
        _check_data(flags, kinds[ELEMENTS_BEFORE_DATA:])


def _check_data(flags: int, kinds: list[int]) -> None:
    """Tell if the elements that hold an array's values are as many and as they must be."""
    array_class = flags & 0xFF
    if array_class == CHARACTERS:
        wanted, allowed = 1, TEXT_TYPES
    elif array_class == SPARSE or array_class in NUMBERS:
        wanted, allowed = 3 if array_class == SPARSE else 1, NUMBER_TYPES
        wanted += bool(flags & COMPLEX)
    else:
        return
    if len(kinds) != wanted or not allowed.issuperset(kinds):
        raise ValueError(f"an array of class {array_class} holds elements of the types {kinds}")


def _flags(source: _Source, order: str) -> int:
    content = source.read(FLAGS_BYTES)
    if len(content) < FLAGS_BYTES:
        raise ValueError("it ends inside the flags of an array")
    flags: int = struct.unpack(f"{order}I", content[:4])[0]
    return flags


def _tag(source: _Source, order: str) -> tuple[int, int, bool]:
    """Read type and length of an element; a small one holds its data in the tag."""
    content = source.read(TAG_BYTES)
    if len(content) < TAG_BYTES:
        raise ValueError("it ends inside the tag of an element")
    kind, length = struct.unpack(f"{order}II", content)
    small = kind >> 16
    if small:
        kind, length = kind & 0xFFFF, small
    if kind not in TYPES or small > 4:
        raise ValueError(f"an element is of type {kind} and {length} bytes, which does not exist")
    return kind, length, bool(small)


def _skip(source: _Source, size: int) -> None:
    while size:
        passed = len(source.read(min(size, PIECE_BYTES)))
        if not passed:
            raise ValueError("it ends inside an element")
        size -= passed
