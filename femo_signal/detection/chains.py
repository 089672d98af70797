"""Chains: pulses of one wave form that follow each other in a rhythm.

Two pulses may be linked if they are as far apart as the rhythm allows and look alike on all
sensors at once, whatever their strength. Every pulse takes the predecessor that makes the best
chain; chains are read off from their ends, best first. What was linked is then compared with the
template of the whole chain, and chains of one template that go on behind a pause are joined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.pulses import Pulses
from femo_signal.intervals import Intervals, total_before
from femo_signal.settings import TICKS_PER_SECOND, HiccupSettings

__all__ = ["PulseChain", "align", "find_chains"]

BATCH = 2048  # pairs of pulses compared at a time


@dataclass(frozen=True)
class PulseChain:
    """Pulses that follow each other; indices into the pulses that were linked."""

    index: NDArray[np.int64]  # (n,) rising
    shift: NDArray[np.int64]  # (n,) samples by which each pulse is moved to lie on the others
    likeness: NDArray[np.float64]  # (n,) correlation with the template of all
    template: NDArray[np.float64]  # (sensors, samples)


def find_chains(
    pulses: Pulses,
    *,
    hidden: Intervals,
    link_seconds: tuple[float, float],
    settings: HiccupSettings,
) -> list[PulseChain]:
    """Link pulses to chains.

    Parameters
    ----------
    pulses : Pulses
    hidden : Intervals
        Time that could not be seen, ticks.
    link_seconds : tuple of float
        Shortest and longest visible time between two linked pulses.
    settings : HiccupSettings

    Returns
    -------
    list of PulseChain
        In order of time, each of ``settings.chain_pulses`` or more; no pulse is in two.
    """
    if len(pulses.tick) < settings.chain_pulses:
        return []
    unseen = total_before(hidden, pulses.tick) / TICKS_PER_SECOND
    seen = pulses.tick / TICKS_PER_SECOND - unseen
    later, earlier = _pairs(seen, unseen, link_seconds, settings)
    alike = _likeness(pulses, later, earlier)
    good = _similar(alike, pulses, later, earlier, settings)
    paths = _best_paths(seen, unseen, later[good], earlier[good], alike[good], settings)
    least = max(settings.chain_pulses // 2, 3)
    chains = [_compare(pulses, np.array(path), settings) for path in paths if len(path) >= least]
    chains = [chain for chain in chains if len(chain.index) >= least]
    chains.sort(key=lambda chain: int(chain.index[0]))
    joined = _join(pulses, seen, chains, link_seconds, settings)
    return [chain for chain in joined if len(chain.index) >= settings.chain_pulses]


def _pairs(
    seen: NDArray[np.float64],
    unseen: NDArray[np.float64],
    link_seconds: tuple[float, float],
    settings: HiccupSettings,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs that may be linked, later and earlier, sorted by the later."""
    low, high = link_seconds
    count = np.arange(len(seen)) - np.searchsorted(seen, seen - high)
    later = np.repeat(np.arange(len(seen)), count)
    earlier = later - 1 - (np.arange(len(later)) - np.repeat(np.cumsum(count) - count, count))
    gap = seen[later] - seen[earlier]
    dark = unseen[later] - unseen[earlier]
    fits = (dark <= settings.bridge_seconds) & ((gap >= low) | (dark > 0))
    return later[fits], earlier[fits]


def _likeness(
    pulses: Pulses, later: NDArray[np.int64], earlier: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the best correlation of pairs' wave forms over small shifts, shape (pairs,).

    Over the sensors that are on at both pulses.
    """
    best = np.zeros(len(later))
    inner = pulses.snippet[:, :, pulses.margin : -pulses.margin]
    samples = inner.shape[2]
    energy = (inner * inner).sum(axis=2)
    on = pulses.on.astype(np.float32)
    for first in range(0, len(later), BATCH):
        i, j = later[first : first + BATCH], earlier[first : first + BATCH]
        norm = (energy[i] * on[j]).sum(axis=1) * (energy[j] * on[i]).sum(axis=1)
        fixed, moving = inner[i].reshape(len(i), 1, -1), pulses.snippet[j]
        products = [
            np.matmul(fixed, moving[:, :, s : s + samples].reshape(len(i), -1, 1))[:, 0, 0]
            for s in range(2 * pulses.margin + 1)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            best[first : first + BATCH] = np.where(
                norm > 0, np.max(products, axis=0) / np.sqrt(norm), 0
            )
    return best


def _similar(
    alike: NDArray[np.float64],
    pulses: Pulses,
    later: NDArray[np.int64],
    earlier: NDArray[np.int64],
    settings: HiccupSettings,
) -> NDArray[np.bool_]:
    """Tell which pairs are alike, for the noise that their wave forms carry, shape (pairs,)."""
    allowance = signal_share(pulses, settings)
    cleared = alike / np.sqrt(allowance[later] * allowance[earlier])
    similar: NDArray[np.bool_] = (alike >= settings.link_likeness) & (
        cleared >= settings.cleared_likeness
    )
    return similar


def signal_share(pulses: Pulses, settings: HiccupSettings) -> NDArray[np.float64]:
    """Return how much of each snippet's energy is not the background's, shape (n,)."""
    inner = pulses.snippet[:, :, pulses.margin : -pulses.margin]
    energy = np.einsum("nks,nks->n", inner, inner)
    noise = pulses.on.sum(axis=1) * inner.shape[2]
    share: NDArray[np.float64] = 1 - noise / np.maximum(energy, 1e-9)
    return np.maximum(share, settings.least_signal)


def _best_paths(
    seen: NDArray[np.float64],
    unseen: NDArray[np.float64],
    later: NDArray[np.int64],
    earlier: NDArray[np.int64],
    alike: NDArray[np.float64],
    settings: HiccupSettings,
) -> list[list[int]]:
    """Give every pulse its best predecessor; read the chains off, best first."""
    count = len(seen)
    score, before, step = [0.0] * count, [-1] * count, [0.0] * count
    gaps = (seen[later] - seen[earlier]).tolist()
    darks = (unseen[later] - unseen[earlier]).tolist()
    worth = (alike - settings.link_likeness / 2).tolist()
    for i, j, gap, dark, gain in zip(
        later.tolist(), earlier.tolist(), gaps, darks, worth, strict=True
    ):
        rhythm = step[j]
        gap_steps = 1.0
        if rhythm > 0 and dark == 0:
            gap_steps = max(round(gap / rhythm), 1)
            uneven = abs(gap / gap_steps - rhythm) / rhythm
            gain *= 1 - settings.uneven_cost * min(2 * uneven, 1.0)
            gain -= settings.missed_cost * (gap_steps - 1)
        elif dark > 0:
            gain -= settings.missed_cost
        if gain > 0 and score[j] + gain > score[i]:
            score[i], before[i] = score[j] + gain, j
            step[i] = rhythm if dark > 0 else gap / gap_steps
    taken = [False] * count
    paths = []
    for tail in sorted(range(count), key=lambda index: -score[index]):
        if score[tail] <= 0 or taken[tail]:
            continue
        path = []
        node = tail
        while node >= 0 and not taken[node]:
            path.append(node)
            taken[node] = True
            node = before[node]
        paths.append(path[::-1])
    return paths


def align(
    snippets: NDArray[np.float32], template: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Move snippets to where they are most like a template.

    Parameters
    ----------
    snippets : ndarray of float32, shape (n, sensors, samples + 2 margin)
    template : ndarray of float64, shape (sensors, samples)

    Returns
    -------
    shift : ndarray of int64, shape (n,)
        Samples.
    likeness : ndarray of float64, shape (n,)
        Correlation there, 0 where a snippet or the template is empty.
    """
    count, sensors, width = snippets.shape
    samples = template.shape[1]
    margin = (width - samples) // 2
    if not count:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    square = np.cumsum(np.einsum("nks,nks->ns", snippets, snippets), axis=1, dtype=np.float64)
    square = np.concatenate((np.zeros((count, 1)), square), axis=1)
    energy = square[:, samples:] - square[:, : 2 * margin + 1]  # (n, shifts)
    on = (snippets[:, :, margin:-margin] != 0).any(axis=2)
    norm = energy * (on @ (template * template).sum(axis=1))[:, None]
    # One product with all shifted templates at once.
    bank = np.zeros((sensors, width, 2 * margin + 1), dtype=np.float32)
    for shift in range(2 * margin + 1):
        bank[:, shift : shift + samples, shift] = template
    product = snippets.reshape(count, -1) @ bank.reshape(sensors * width, -1)
    table = np.where(norm > 0, product / np.sqrt(np.maximum(norm, 1e-12)), 0)
    best = table.argmax(axis=1)
    return best - margin, table[np.arange(count), best]


def shifted(
    snippets: NDArray[np.float32], shift: NDArray[np.int64], margin: int
) -> NDArray[np.float32]:
    """Return snippets moved by shifts, which leave out a margin; (n, sensors, samples)."""
    samples = snippets.shape[2] - 2 * margin
    index = (shift + margin)[:, None, None] + np.arange(samples)
    return np.take_along_axis(snippets, index, axis=2)


def _compare(pulses: Pulses, index: NDArray[np.int64], settings: HiccupSettings) -> PulseChain:
    """Build the template of some pulses, and drop what is unlike it."""
    snippets, margin = pulses.snippet[index], pulses.margin
    start = int(np.argmax(pulses.strength[index]))
    template = snippets[start][:, margin:-margin].astype(np.float64)
    some = snippets[:: max(1, len(snippets) // settings.template_pulses)]
    for _ in range(2):
        shift, _ = align(some, template)
        template = np.median(shifted(some, shift, margin), axis=0).astype(np.float64)
    shift, likeness = align(snippets, template)
    cleared = likeness / np.sqrt(signal_share(pulses.take(index), settings))
    kept = (likeness >= settings.link_likeness) & (cleared >= settings.cleared_likeness)
    return PulseChain(index[kept], shift[kept], likeness[kept], template)


def _join(
    pulses: Pulses,
    seen: NDArray[np.float64],
    chains: list[PulseChain],
    link_seconds: tuple[float, float],
    settings: HiccupSettings,
) -> list[PulseChain]:
    """Join chains of one wave form that follow each other after a short pause."""
    pause = link_seconds[1] + settings.join_seconds
    edge = (pulses.margin, pulses.margin)
    groups: list[list[PulseChain]] = []
    for chain in chains:
        template = np.pad(chain.template, ((0, 0), edge))[None].astype(np.float32)
        for group in reversed(groups):
            last = group[-1]
            gap = seen[chain.index[0]] - seen[last.index[-1]]
            if 0 < gap <= pause and align(template, last.template)[1][0] >= settings.join_likeness:
                group.append(chain)
                break
        else:
            groups.append([chain])
    return [
        group[0]
        if len(group) == 1
        else _compare(pulses, np.concatenate([chain.index for chain in group]), settings)
        for group in groups
    ]
