"""Which photos are the same picture."""

import hashlib
import random

import numpy as np
import pytest
import torch
from PIL import Image

from processing.analysis import neighbors
from processing.analysis.cutting import sample_pixels
from processing.analysis.fingerprint import Candidate, Relation, compare, fingerprint
from processing.analysis.hashing import VIEWS, measure_distance, view_words
from processing.analysis.kernels import measure_sample
from tests.photos import draw_photo

RADIUS = 36


def hash_picture(pixels: np.ndarray) -> bytes:
    """The fingerprint of pixels [rows, columns, 3]."""
    counts = measure_sample(torch.from_numpy(sample_pixels(pixels))).numpy()
    return fingerprint(counts[-1024:].reshape(32, 32))


def make_candidate(
    position: int, print_: bytes, *, approved: bool = True, score: float = 0.5, of: str = ""
) -> Candidate:
    """A candidate with bytes of its own, or those of another."""
    sha256 = hashlib.sha256((of or str(position)).encode()).hexdigest()
    return Candidate(position, sha256, print_, approved, score)


def make_prints(count: int, seed: int = 0) -> list[bytes]:
    """Fingerprints of strangers."""
    return [
        row.tobytes() for row in np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)
    ]


def flip_bits(print_: bytes, places: list[int]) -> bytes:
    """The same fingerprint with some signs turned."""
    bits = np.unpackbits(np.frombuffer(print_, np.uint8))
    bits[places] ^= 1
    return np.packbits(bits).tobytes()


@pytest.mark.parametrize(
    "turn",
    [
        lambda picture: picture,
        lambda picture: picture[:, ::-1],
        lambda picture: picture[::-1],
        lambda picture: picture.transpose(1, 0, 2),
        lambda picture: np.rot90(picture),
        lambda picture: np.rot90(picture, 3),
        lambda picture: np.rot90(picture, 2),
        lambda picture: np.array(Image.fromarray(picture).resize((800, 500))),
        lambda picture: (picture * 0.7).astype(np.uint8),
    ],
)
def test_fingerprint_is_near_when_the_picture_is_turned_mirrored_or_altered(turn: object) -> None:
    picture = draw_photo(width=1200, height=900, seed=5)

    distance = measure_distance(hash_picture(picture), hash_picture(np.ascontiguousarray(turn(picture))))

    assert distance <= 12


def test_fingerprint_is_far_when_the_pictures_are_strangers() -> None:
    prints = [hash_picture(draw_photo(width=1200, height=900, seed=seed)) for seed in range(6)]

    distances = [measure_distance(one, other) for one in prints for other in prints if one is not other]

    assert min(distances) > 2 * RADIUS


def test_view_of_a_view_is_one_of_the_eight_views() -> None:
    packed = np.frombuffer(make_prints(1)[0], np.uint8)[None]

    words = {view_words(packed, view).tobytes() for view in range(len(VIEWS))}

    assert len(words) == 8


def test_same_bytes_are_duplicates_of_the_first() -> None:
    one, other = make_prints(2)
    candidates = [make_candidate(4, one, of="x"), make_candidate(2, one, of="x"), make_candidate(3, other)]

    relations = compare(candidates, RADIUS)

    assert relations == [Relation(2, 2, None, 0.0, 2), Relation(4, 2, "duplicate", 0.0, 2)]


def test_same_bytes_are_duplicates_when_they_could_not_be_decoded() -> None:
    candidates = [
        make_candidate(0, b"", approved=False, of="x"),
        make_candidate(1, b"", approved=False, of="x"),
    ]

    assert [relation.code for relation in compare(candidates, RADIUS)] == [None, "duplicate"]


def test_photos_without_fingerprint_are_not_similar() -> None:
    assert compare([make_candidate(0, b""), make_candidate(1, b"")], RADIUS) == []


def test_best_of_similar_photos_is_kept() -> None:
    near = make_prints(1)[0]
    candidates = [
        make_candidate(0, near, score=0.9, approved=False),
        make_candidate(1, flip_bits(near, [3, 200]), score=0.4),
        make_candidate(2, flip_bits(near, [3]), score=0.6),
    ]

    relations = compare(candidates, RADIUS)

    assert relations == [
        Relation(0, 0, "similar", 1.0, 2),
        Relation(1, 0, "similar", 1.0, 2),
        Relation(2, 0, None, 0.0, 2),
    ]


def test_copy_of_a_similar_photo_is_a_duplicate_in_the_same_group() -> None:
    near = make_prints(1)[0]
    other = flip_bits(near, [0])
    candidates = [
        make_candidate(0, other, of="x"),
        make_candidate(1, near, score=0.9),
        make_candidate(2, other, of="x"),
    ]

    relations = compare(candidates, RADIUS)

    assert [(one.position, one.group, one.code, one.kept) for one in relations] == [
        (0, 0, "similar", 1),
        (1, 0, None, 1),
        (2, 0, "duplicate", 1),
    ]


def test_chain_of_similar_photos_does_not_join_strangers() -> None:
    start = make_prints(1)[0]
    middle = flip_bits(start, list(range(15)))
    end = flip_bits(middle, list(range(100, 115)))
    candidates = [make_candidate(0, start, score=0.9), make_candidate(1, middle), make_candidate(2, end)]

    relations = compare(candidates, 20)

    assert [(one.position, one.code) for one in relations] == [(0, None), (1, "similar")]


def test_radius_zero_looks_for_equal_bytes_only() -> None:
    near = make_prints(1)[0]

    assert compare([make_candidate(0, near), make_candidate(1, near)], 0) == []


def test_nothing_is_compared_when_there_is_nothing() -> None:
    assert compare([], RADIUS) == []


def test_relations_do_not_depend_on_the_order_of_the_candidates() -> None:
    generator = random.Random(3)
    prints = make_prints(40)
    prints += [flip_bits(generator.choice(prints), generator.sample(range(256), 9)) for _ in range(80)]
    candidates = [
        make_candidate(number, one, approved=number % 3 > 0, score=generator.random(), of=str(number % 110))
        for number, one in enumerate(prints)
    ]
    expected = compare(candidates, RADIUS)

    generator.shuffle(candidates)

    assert compare(iter(candidates), RADIUS) == expected
    assert len(expected) > 80


@pytest.mark.parametrize("pairs_per_page", [7, 1 << 21])
def test_all_near_pairs_are_found_when_they_are_as_near_as_is_certain(
    monkeypatch: pytest.MonkeyPatch, pairs_per_page: int
) -> None:
    monkeypatch.setattr(neighbors, "PAIRS_PER_PAGE", pairs_per_page)
    generator = random.Random(1)
    prints = make_prints(30)
    prints += [
        flip_bits(generator.choice(prints), generator.sample(range(256), number % 16 + 1))
        for number in range(60)
    ]
    packed = np.frombuffer(b"".join(prints), np.uint8).reshape(-1, 32)
    expected = {
        (first, second): distance
        for second in range(len(prints))
        for first in range(second)
        if (distance := measure_distance(prints[first], prints[second])) <= 15
    }

    found = neighbors.find_pairs(packed, 15)

    assert (
        dict(
            zip(
                zip(found.first.tolist(), found.second.tolist(), strict=True),
                found.distances.tolist(),
                strict=True,
            )
        )
        == expected
    )


def test_key_is_passed_over_when_too_many_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "SHARED_MAX", 3)
    prints = [flip_bits(bytes(range(32)), [number]) for number in range(20)]
    packed = np.frombuffer(b"".join(prints), np.uint8).reshape(-1, 32)

    found = neighbors.find_pairs(packed, RADIUS)

    assert len(found.first) < 20 * 19 // 2
