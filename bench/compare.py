"""How long the compare stage takes, and how much memory, for photos that are strangers but for some pairs.

python -m bench.compare --photos 1000000

Every hundredth photo is followed by an altered copy of itself (9 signs of 256 differ), every thousandth by a copy of
its bytes; all of them must be found. Random signs are the even case; real photos share keys a little more often.
"""

import argparse
import hashlib
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np

from processing.analysis.fingerprint import Candidate, compare
from processing.analysis.hashing import BITS, FINGERPRINT_BYTES

SIMILAR_EVERY, COPY_EVERY = 100, 1000
TURNED_SIGNS = 9
RADIUS = 36
SMALL_SHARE = 10


def draw_candidates(count: int) -> Iterator[Candidate]:
    """Strangers with a known number of altered copies and copies among them."""
    generator = np.random.default_rng(0)
    print_, sha256 = b"", ""
    for position in range(count):
        if position % COPY_EVERY != 1:
            sha256 = hashlib.sha256(str(position).encode()).hexdigest()
            print_ = (
                alter(print_, generator)
                if position % SIMILAR_EVERY == 3
                else generator.bytes(FINGERPRINT_BYTES)
            )
        yield Candidate(position, sha256, print_, approved=True, score=0.5)


def alter(print_: bytes, generator: np.random.Generator) -> bytes:
    """Turn some signs of a fingerprint."""
    signs = np.unpackbits(np.frombuffer(print_, np.uint8))
    signs[generator.choice(BITS, TURNED_SIGNS, replace=False)] ^= 1
    return np.packbits(signs).tobytes()


def main() -> int:
    """Compare a tenth of the photos and then all; exit 1 when a relation is missed or invented."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=100_000)
    count = parser.parse_args().photos
    for photos in (count // SMALL_SHARE, count):
        begun = time.monotonic()
        relations = compare(draw_candidates(photos), RADIUS)
        took_s = time.monotonic() - begun
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        found = Counter(relation.code for relation in relations)
        print(
            f"{photos:9,} photos: {took_s:6.1f} s, peak {peak_mb:,.0f} MB, {found['similar']} similar, {found['duplicate']} duplicates"
        )
        if (found["similar"], found["duplicate"]) != (photos // SIMILAR_EVERY, photos // COPY_EVERY):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
