"""The zero-phase band-pass of the reference at an eighth of its cost.

The band of interest ends at 30 Hz, the recordings have 1024 Hz. So the signals are first thinned
to 256 Hz by short filters of small integers, and the band-pass is then applied block by block in
the frequency domain (overlap-save), where its response is exactly the reference's, and where what
thinning did to the band is undone. Thinning to 128 Hz is leaving out the upper half of the
spectrum. Blocks lie at fixed places of the recording, so nothing depends on how it was read.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.preprocessing import fourier
from femo_signal.settings import TICKS_PER_SECOND

__all__ = [
    "LOW_RATE",
    "QUARTER_CONTEXT",
    "QUARTER_RATE",
    "TICKS_PER_LOW_SAMPLE",
    "UPSAMPLE_INNER",
    "OverlapSave",
    "bandpass_response",
    "interpolation_response",
    "quarter",
    "quarter_response",
    "ringing_seconds",
    "upsample_blocks",
]

QUARTER_RATE = 256
LOW_RATE = 128  # Hz, of all band-passed signals
TICKS_PER_LOW_SAMPLE = TICKS_PER_SECOND // LOW_RATE
BLOCK_SECONDS = 128
RESERVED_SAMPLES = 12 * 3600 * LOW_RATE  # of an output; twice as many where it outgrows these

QUARTER_CONTEXT = 8  # ticks that an output of `quarter` needs on either side
_FIRST_ADDITIONS, _SECOND_ADDITIONS = 4, 6


def bandpass_response(
    frequencies: NDArray[np.float64], band_hz: tuple[float, float], *, order: int
) -> NDArray[np.float64]:
    """Return the gain of a Butterworth band-pass at 1024 Hz, applied forward and backward.

    Parameters
    ----------
    frequencies : ndarray of float64, shape (n,)
        Hz, below 512.
    band_hz : tuple of float
        Edges, at which one pass has a gain of -3 dB.
    order : int
        Order per edge.

    Returns
    -------
    ndarray of float64, shape (n,)
        The squared magnitude of the filter that ``scipy.signal.butter(order, band_hz,
        "bandpass", fs=1024)`` designs (bilinear transform, edges prewarped), in closed form.
    """
    low, high = np.tan(np.pi * np.array(band_hz) / TICKS_PER_SECOND)
    warped = np.tan(np.pi * np.asarray(frequencies) / TICKS_PER_SECOND)
    gain = np.zeros_like(warped)
    above = warped > 0
    w = warped[above]
    gain[above] = 1 / (1 + ((w**2 - low * high) / ((high - low) * w)) ** (2 * order))
    return gain


def quarter(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Thin signals from 1024 to 256 Hz.

    Twice, every other sample of a binomial filter is kept: ``[1 1] * ... * [1 1]``, four times
    before the first halving and six before the second. What would fold into 0-30 Hz is damped by
    at least 97 dB. The gain is `quarter_response`.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)

    Returns
    -------
    ndarray of float32, shape (channels, m)
        Column j lies at column ``QUARTER_CONTEXT + 4 * j`` of the input;
        ``m = (n - 2 * QUARTER_CONTEXT + 3) // 4``.
    """
    thinned = samples
    for additions in (_FIRST_ADDITIONS, _SECOND_ADDITIONS):
        for _ in range(additions):
            thinned = thinned[:, :-1] + thinned[:, 1:]
        thinned = thinned[:, ::2]
    return thinned


def quarter_response(frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gain of `quarter` at frequencies in Hz, shape (n,)."""
    angle = np.pi * np.asarray(frequencies) / TICKS_PER_SECOND
    gain = (2 * np.cos(angle)) ** _FIRST_ADDITIONS * (2 * np.cos(2 * angle)) ** _SECOND_ADDITIONS
    return np.asarray(gain, dtype=np.float64)


def interpolation_response(frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gain of linear interpolation from 128 to 1024 Hz at frequencies in Hz."""
    angle = np.pi * np.asarray(frequencies) / TICKS_PER_SECOND
    steps = TICKS_PER_LOW_SAMPLE
    gain = np.ones_like(angle)
    rising = angle > 0
    gain[rising] = (np.sin(steps * angle[rising]) / (steps * np.sin(angle[rising]))) ** 2
    return gain


def ringing_seconds(lowest_hz: float) -> int:
    """Return how far the band-pass rings: below 1e-6 of its peak, from 8 s at 1 Hz."""
    return int(np.ceil(8 / lowest_hz))


class OverlapSave:
    """Filters signals of any length block by block; the output has 128 Hz.

    Before its first and after its last sample a signal is taken to stay as it is, which is what
    ``scipy.signal.sosfiltfilt`` starts and ends with.

    Parameters
    ----------
    channels : int
    rate : int
        Hz of the input: 128 or a multiple of it.
    response : ndarray of float, shape (64 * BLOCK_SECONDS + 1,)
        Gain at multiples of 1 / BLOCK_SECONDS Hz up to 64 Hz; see `frequencies`.
    overlap_seconds : int
        How far the impulse response reaches.
    """

    frequencies = np.arange(BLOCK_SECONDS * LOW_RATE // 2 + 1) / BLOCK_SECONDS

    def __init__(
        self, channels: int, rate: int, response: NDArray[np.floating[Any]], *, overlap_seconds: int
    ) -> None:
        if not 0 < 2 * overlap_seconds < BLOCK_SECONDS:
            raise ValueError("the overlap must be shorter than half a block")
        self._response = response.astype(np.float32, copy=False)
        self._rate = rate
        self._overlap = overlap_seconds * rate
        self._block = BLOCK_SECONDS * rate
        self._origin: NDArray[np.float32] | None = None
        self._buffer = np.zeros((channels, self._block), dtype=np.float32)
        self._filled = self._overlap  # the time before the start: zero, as the origin is taken off
        self._received = 0
        self.live = np.zeros(channels, dtype=bool)  # channels that were not constant
        self._output = [_reserved(RESERVED_SAMPLES) for _ in range(channels)]
        self._written = 0  # of the output, what was skipped included
        self._first = 0  # where the output at hand begins
        self._parts: list[tuple[int, list[NDArray[np.float32]]]] = []  # before what was skipped

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take further samples, shape (channels, n)."""
        if not samples.shape[1]:
            return
        if self._origin is None:
            self._origin = samples[:, :1].copy()
        if not self.live.all():
            self.live |= (samples != self._origin).any(axis=1)
        self._received += samples.shape[1]
        taken = 0
        while taken < samples.shape[1]:
            count = min(self._block - self._filled, samples.shape[1] - taken)
            np.subtract(
                samples[:, taken : taken + count],
                self._origin,
                out=self._buffer[:, self._filled : self._filled + count],
            )
            self._filled += count
            taken += count
            if self._filled == self._block:
                self._filter()

    def hold(self, count: int) -> None:
        """Take ``count`` more samples that equal the last one; long runs cost nothing."""
        if self._origin is None:
            raise ValueError("there is no sample yet that could be held")
        last = self._buffer[:, self._filled - 1, None] + self._origin
        hop = self._block - 2 * self._overlap
        lead = min(count, self._block)
        self.push(np.repeat(last, lead, axis=1))
        hops = (count - lead) // hop  # of blocks that hold nothing else: the band-pass is at rest
        if hops:
            self._received += hops * hop
            self._skip(hops * hop * LOW_RATE // self._rate)
        self.push(np.repeat(last, count - lead - hops * hop, axis=1))

    def finish(self) -> list[NDArray[np.float32]]:
        """Return the filtered channels, each of shape (ceil(received * 128 / rate),)."""
        step = self._rate // LOW_RATE
        length = -(-self._received // step)
        while self._written < length:
            self._buffer[:, self._filled :] = self._buffer[:, self._filled - 1, None]
            self._filled = self._block
            self._filter()
        if not self._parts:
            return [output[:length] for output in self._output]
        return self._joined(length)

    def _joined(self, length: int) -> list[NDArray[np.float32]]:
        """Put the parts in their places; memory between them is never touched."""
        whole = [np.zeros(length, dtype=np.float32) for _ in self._output]
        for first, outputs in (*self._parts, (self._first, self._output)):
            for channel, output in zip(whole, outputs, strict=True):
                count = min(len(output), length - first)
                channel[first : first + count] = output[:count]
        return whole

    def _skip(self, count: int) -> None:
        """Leave ``count`` samples of the output at 0."""
        written = self._written - self._first
        self._parts.append((self._first, [output[:written].copy() for output in self._output]))
        self._written += count
        self._first = self._written

    def _filter(self) -> None:
        spectrum = fourier.rfft(self._buffer)[:, : self._response.shape[-1]]
        filtered = fourier.irfft(spectrum * self._response, BLOCK_SECONDS * LOW_RATE)
        step = self._rate // LOW_RATE
        inner = slice(self._overlap // step, (self._block - self._overlap) // step)
        start = self._written - self._first
        end = start + inner.stop - inner.start
        self._written += end - start
        if end > len(self._output[0]):
            self._grow(start)
        for output, row in zip(self._output, filtered, strict=True):
            np.divide(row[inner], np.float32(step), out=output[start:end])
        kept = 2 * self._overlap
        self._buffer[:, :kept] = self._buffer[:, -kept:].copy()
        self._filled = kept

    def _grow(self, written: int) -> None:
        for number, output in enumerate(self._output):
            self._output[number] = _reserved(2 * len(output))
            self._output[number][:written] = output[:written]


def _reserved(samples: int) -> NDArray[np.float32]:
    """Return room for samples; what is never written to takes address space and no memory.

    Memory of the heap would be copied, and left in pieces, whenever a signal outgrows it.
    """
    return np.frombuffer(mmap.mmap(-1, samples * 4), dtype=np.float32)


UPSAMPLE_BLOCK = 1024  # samples at 128 Hz
UPSAMPLE_CONTEXT = 64  # ... of them on either side that are only context
UPSAMPLE_INNER = UPSAMPLE_BLOCK - 2 * UPSAMPLE_CONTEXT
_FADE = UPSAMPLE_CONTEXT // 2
_FALL_HZ = 59.0


def _upsampling_taper() -> NDArray[np.float32]:
    """Keep the band of the signals, and let the gain fall smoothly to 0 at 64 Hz.

    Without the fall the kernel would be a sinc, whose sides do not die out within the context.
    """
    frequencies = np.arange(UPSAMPLE_BLOCK // 2 + 1) * (LOW_RATE / UPSAMPLE_BLOCK)
    fall = np.clip((frequencies - _FALL_HZ) / (LOW_RATE / 2 - _FALL_HZ), 0, 1)
    gain = np.cos(np.pi / 2 * fall) ** 2 * TICKS_PER_LOW_SAMPLE
    return np.asarray(gain, dtype=np.float32)


def _block_window() -> NDArray[np.float32]:
    """Fade the outer half of the context, so that the ends of a block meet without a step."""
    ramp = np.sin(np.pi / 2 * (np.arange(_FADE) + 0.5) / _FADE) ** 2
    window = np.concatenate((ramp, np.ones(UPSAMPLE_BLOCK - 2 * _FADE), ramp[::-1]))
    return np.asarray(window, dtype=np.float32)


_TAPER, _WINDOW = _upsampling_taper(), _block_window()


def upsample_blocks(
    samples: NDArray[np.float32], blocks: NDArray[np.int64], *, lead: int = 0
) -> NDArray[np.float32]:
    """Bring blocks of a band-limited signal from 128 Hz back to 1024 Hz.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        The whole signal at 128 Hz; nothing above 59 Hz counts.
    blocks : ndarray of int64, shape (k,)
        Numbers of the blocks wanted. Block b covers the UPSAMPLE_INNER samples from
        ``lead + UPSAMPLE_INNER * b`` on.
    lead : int
        Samples that come before block 0 and are only context.

    Returns
    -------
    ndarray of float32, shape (k, 8 * UPSAMPLE_INNER)
        The last block goes on beyond the end of the signal.
    """
    offsets = np.arange(-UPSAMPLE_CONTEXT, UPSAMPLE_INNER + UPSAMPLE_CONTEXT)
    index = np.clip(lead + blocks[:, None] * UPSAMPLE_INNER + offsets, 0, len(samples) - 1)
    spectrum = fourier.rfft(samples[index] * _WINDOW) * _TAPER
    fine = fourier.irfft(spectrum, UPSAMPLE_BLOCK * TICKS_PER_LOW_SAMPLE)
    edge = UPSAMPLE_CONTEXT * TICKS_PER_LOW_SAMPLE
    result: NDArray[np.float32] = fine[:, edge:-edge]
    return result
