"""Finds all pairs of near fingerprints among a million by multi-index hashing, page by page.

After Norouzi, Punjani and Fleet, Fast Search in Hamming Space with Multi-Index Hashing (2012): two near fingerprints
agree wholly in at least one of 16 runs of 16 signs. That is certain up to a distance of 15 and was so for 95 % of
the altered copies at 29 to 36 (a change gathers in the high frequencies, and the low runs stay whole).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.analysis.hashing import VIEWS, view_words

Places = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
KEYS_COUNT = 16
KEY_VALUES = 1 << 16
# Rows turned at once (32 MB of signs), and pairs looked at in one page (100 MB of numbers).
ROWS_PER_PAGE = 1 << 17
PAIRS_PER_PAGE = 1 << 21
# A key that this many different fingerprints share says nothing about them.
SHARED_MAX = 2000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Places first < second of near fingerprints, and the distance of each pair in bits; sorted, without repeats."""

    first: Places
    second: Places
    distances: Places


def find_pairs(packed: npt.NDArray[np.uint8], radius: int) -> Pairs:
    """Pair different fingerprints, packed [n, 32], that differ in at most radius bits in any of their eight views."""
    base = _turn_all(packed, 0)
    keys = base.view(np.uint16)
    found: list[Places] = []
    buckets = [_Bucket(np.ascontiguousarray(keys[:, number])) for number in range(KEYS_COUNT)]
    for view in range(len(VIEWS)):
        turned = base if view == 0 else _turn_all(packed, view)
        turned_keys = turned.view(np.uint16)
        for number, bucket in enumerate(buckets):
            for first, second in bucket.meet(turned_keys[:, number]):
                found.append(_keep_near(base, turned, first, second, radius))
    return _sort_pairs(found, len(packed))


def _turn_all(packed: npt.NDArray[np.uint8], view: int) -> Words:
    words = np.empty((len(packed), 4), np.uint64)
    for start in range(0, len(packed), ROWS_PER_PAGE):
        words[start : start + ROWS_PER_PAGE] = view_words(packed[start : start + ROWS_PER_PAGE], view)
    return words


class _Bucket:
    """Places sorted by one key, so that all that share a value stand together."""

    def __init__(self, keys: npt.NDArray[np.uint16]) -> None:
        self.order = np.argsort(keys, kind="stable").astype(np.int32)
        sizes = np.bincount(keys, minlength=KEY_VALUES)
        self.starts = np.cumsum(sizes) - sizes
        self.sizes = np.where(sizes <= SHARED_MAX, sizes, 0)

    def meet(self, keys: npt.NDArray[np.uint16]) -> Iterator[tuple[Places, Places]]:
        """Give pages of places first < second, where the key of first equals the turned key of second."""
        sizes = self.sizes[keys]
        ends = np.cumsum(sizes)
        position = 0
        while position < len(keys):
            done = int(ends[position - 1]) if position else 0
            stop = max(position + 1, int(np.searchsorted(ends, done + PAIRS_PER_PAGE, side="right")))
            part = sizes[position:stop]
            second = np.repeat(np.arange(position, stop, dtype=np.int64), part)
            inside = np.arange(len(second)) - np.repeat(np.cumsum(part) - part, part)
            first = self.order[np.repeat(self.starts[keys[position:stop]], part) + inside].astype(np.int64)
            ahead = first < second
            yield first[ahead], second[ahead]
            position = stop


def _keep_near(base: Words, turned: Words, first: Places, second: Places, radius: int) -> Places:
    """Count differing bits, half of them first, since strangers already differ there; gives rows [pair, 3]."""
    near = _count_bits(base[first, :2] ^ turned[second, :2]) <= radius
    first, second = first[near], second[near]
    rows = np.stack([first, second, _count_bits(base[first] ^ turned[second])], axis=1)
    return rows[rows[:, 2] <= radius]


def _count_bits(words: Words) -> Places:
    bits: Places = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return bits


def _sort_pairs(found: list[Places], count: int) -> Pairs:
    rows = np.concatenate(found) if found else np.empty((0, 3), np.int64)
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    labels = rows[:, 0] * count + rows[:, 1]
    nearest = rows[np.concatenate([[True], labels[1:] != labels[:-1]])] if len(rows) else rows
    return Pairs(nearest[:, 0], nearest[:, 1], nearest[:, 2])
