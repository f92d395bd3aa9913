"""A perceptual hash from which the hashes of the mirrored and turned picture can be computed."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Signs = npt.NDArray[np.uint8]
CELLS = 32
SIDE = 16
BITS = SIDE * SIDE
FINGERPRINT_BYTES = BITS // 8


def _cosines() -> npt.NDArray[np.float64]:
    """The first 16 rows of the DCT-II of length 32."""
    frequency = np.arange(SIDE)[:, None]
    place = np.arange(CELLS)[None, :] * 2 + 1
    return np.cos(np.pi * frequency * place / (2 * CELLS))


COSINES = _cosines()


def fingerprint(cells: npt.NDArray[np.int64]) -> bytes:
    """Hash a picture's 32 x 32 luma cells into the 256 signs of its lowest DCT frequencies.

    After the DCT hash of Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010), but with
    signs instead of the comparison with a median: the mirror image then only has the signs of its odd frequencies
    turned, and the transposed one has them transposed, so all eight views are known from one hash.
    """
    signs = (COSINES @ cells.astype(np.float64) @ COSINES.T) > 0
    return np.packbits(signs).tobytes()


def _views() -> tuple[Callable[[Signs], Signs], ...]:
    """The eight ways to look at signs [n, 16, 16]: mirrored across, down, both, and each of them transposed."""
    odd: Signs = np.arange(SIDE, dtype=np.uint8) % np.uint8(2)
    none: Signs = np.zeros((SIDE, SIDE), np.uint8)
    across, down = none + odd, none + odd[:, None]

    def look(flips: Signs, *, transposed: bool) -> Callable[[Signs], Signs]:
        return lambda signs: (signs.transpose(0, 2, 1) if transposed else signs) ^ flips

    flips = (none, across, down, down ^ across)
    return tuple(look(flip, transposed=transposed) for transposed in (False, True) for flip in flips)


VIEWS = _views()


def _order() -> npt.NDArray[np.intp]:
    """Places of the signs from the lowest frequency to the highest: a change of the picture reaches the high ones first."""
    frequency = np.arange(SIDE)
    return np.argsort((frequency[:, None] ** 2 + frequency**2).ravel(), kind="stable")


ORDER = _order()


def view_words(packed: npt.NDArray[np.uint8], view: int) -> npt.NDArray[np.uint64]:
    """Turn packed fingerprints [n, 32] into words [n, 4] of one of their eight views, lowest frequencies first.

    View 0 is the picture as it is. The words of two views differ in as many bits as their signs.
    """
    signs = np.unpackbits(packed, axis=1).reshape(-1, SIDE, SIDE)
    turned = VIEWS[view](signs).reshape(-1, BITS)
    return np.packbits(np.take(turned, ORDER, axis=1), axis=1).view(np.uint64)


def measure_distance(one: bytes, other: bytes) -> int:
    """Count the signs that differ, in the view of the other picture where they differ least."""
    first = view_words(np.frombuffer(one, np.uint8)[None], 0)
    packed = np.frombuffer(other, np.uint8)[None]
    return min(int(np.bitwise_count(view_words(packed, view) ^ first).sum()) for view in range(len(VIEWS)))
