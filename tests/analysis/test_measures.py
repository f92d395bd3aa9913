"""Each measure against pictures and sums whose true value is known."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter, ImageOps

from processing.analysis import artifacts, exposure, focus, noise
from processing.analysis.cutting import CHOSEN_COUNT, SPREAD_COUNT, TILE_PX, cut_frame, sample_pixels
from processing.analysis.findings import split_sums, turn_spot
from processing.analysis.kernels import BLOCKS_COUNT, Workspace


def sum_pixels(pixels: np.ndarray) -> list[np.ndarray]:
    """Details, noises, means and steps of a gray or RGB picture."""
    frame = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    workspace = Workspace(torch.device("cpu"))
    return split_sums(
        workspace.measure_tiles(torch.from_numpy(cut_frame(frame).tiles)).numpy().astype(np.float64)
    )


def sharpness_of(pixels: np.ndarray) -> np.ndarray:
    """Sharpness in the four directions."""
    details, noises, means, _ = sum_pixels(pixels)
    return focus.measure_sharpness(details, noise.measure_noise(noises, means))


def draw_leaves(seed: int = 0) -> Image.Image:
    """Hard-edged random disks on gray, sharp in every direction."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:900, :1200]
    picture = np.full((900, 1200), 120, np.uint8)
    for _ in range(250):
        x, y, radius = generator.integers(0, (1200, 900, 60))
        picture[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = generator.integers(40, 220)
    return Image.fromarray(picture)


def test_sharpness_falls_with_each_step_of_blur() -> None:
    leaves = draw_leaves()

    values = [
        focus.measure_focus(sharpness_of(np.array(leaves.filter(ImageFilter.GaussianBlur(radius)))))
        for radius in (0, 0.7, 1.5, 3)
    ]

    assert values == sorted(values, reverse=True)
    assert values[0] > 0.4
    assert values[3] < 0.15


def test_sharpness_does_not_depend_on_contrast() -> None:
    leaves = np.array(draw_leaves()).astype(np.float32)

    full, half = (
        focus.measure_focus(sharpness_of((60 + leaves * gain).astype(np.uint8))) for gain in (0.7, 0.35)
    )

    assert half == pytest.approx(full, rel=0.05)


@pytest.mark.parametrize("axis", [0, 1])
def test_steadiness_falls_when_the_camera_moved_one_way(axis: int) -> None:
    leaves = np.array(draw_leaves()).astype(np.float32)
    moved = np.mean([np.roll(leaves, shift, axis=axis) for shift in range(12)], axis=0)

    steady, shaken = (
        focus.measure_steadiness(sharpness_of(np.asarray(one, np.uint8))) for one in (leaves, moved)
    )

    assert steady > 0.85
    assert shaken < 0.6


def test_noise_does_not_make_a_blurred_photo_sharp() -> None:
    blurred = np.array(draw_leaves().filter(ImageFilter.GaussianBlur(3))).astype(np.float32)
    grained = blurred + np.random.default_rng(0).normal(0, 3, blurred.shape)

    sharpness = focus.measure_focus(sharpness_of(np.clip(grained, 0, 255).astype(np.uint8)))

    assert sharpness < 0.21


def test_steadiness_is_one_when_nothing_can_be_seen() -> None:
    assert focus.measure_steadiness(np.zeros(4)) == 1.0


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
def test_noise_is_the_standard_deviation_that_was_added(sigma: float) -> None:
    grain = np.random.default_rng(0).normal(120, sigma, (900, 1200))

    _, noises, means, _ = sum_pixels(np.clip(grain, 0, 255).astype(np.uint8))

    assert noise.measure_noise(noises, means) == pytest.approx(sigma, rel=0.12)


def test_noise_is_read_beside_black_borders_that_hide_it() -> None:
    noises = np.full((SPREAD_COUNT, BLOCKS_COUNT), 4.0)
    means = np.full((SPREAD_COUNT, BLOCKS_COUNT), 120.0)
    noises[:8], means[:8] = 0.0, 2.0

    assert noise.measure_noise(noises, means) == pytest.approx(4.0 * np.sqrt(np.pi / 2))


def test_texture_of_one_small_thing_on_black_is_not_noise() -> None:
    noises = np.zeros((SPREAD_COUNT, BLOCKS_COUNT))
    means = np.zeros((SPREAD_COUNT, BLOCKS_COUNT))
    noises[:2], means[:2] = 4.0, 120.0

    assert noise.measure_noise(noises, means) == 0.0


def test_blockiness_is_one_for_noise_and_high_for_blocks_on_any_grid() -> None:
    generator = np.random.default_rng(0)
    blocks = np.kron(generator.integers(100, 110, (120, 160)), np.ones((8, 8), int))
    grain = generator.integers(0, 3, blocks.shape)

    values = [
        artifacts.measure_blockiness(sum_pixels(picture.astype(np.uint8))[3])
        for picture in (100 + grain, blocks + grain, np.roll(blocks + grain, (3, 5), axis=(0, 1)))
    ]

    assert values[0] == pytest.approx(1.0, abs=0.02)
    assert min(values[1:]) > 2.5


def test_blockiness_is_one_when_the_picture_is_one_color() -> None:
    assert artifacts.measure_blockiness(np.zeros((2, SPREAD_COUNT, 8))) == 1.0


def count_levels(shares: dict[int, int]) -> np.ndarray:
    """A histogram of 256 levels with these counts."""
    counts = np.zeros(256, np.int64)
    for level, count in shares.items():
        counts[level] = count
    return counts


def test_burnt_is_what_exceeds_the_bright_part() -> None:
    assert exposure.measure_burnt(count_levels({100: 60, 230: 10, 254: 30})) == pytest.approx(0.2)
    assert exposure.measure_burnt(count_levels({100: 60, 230: 30, 254: 10})) == 0.0


def test_levels_of_a_histogram_are_found() -> None:
    counts = count_levels({20: 500, 200: 495, 250: 5})

    assert exposure.measure_brightest(counts) == 200.0
    assert exposure.measure_mean(counts) == pytest.approx(110.25)
    assert exposure.measure_contrast(counts) == pytest.approx(180 / 220)


def test_contrast_is_zero_when_all_is_black() -> None:
    assert exposure.measure_contrast(count_levels({0: 100})) == 0.0


def test_chosen_tiles_lie_where_the_detail_is() -> None:
    picture = np.full((2000, 3000, 3), 128, np.uint8)
    picture[1200:1900, 2000:2900] = np.random.default_rng(0).integers(0, 256, (700, 900, 1), dtype=np.uint8)

    corners = cut_frame(picture).corners[:4]

    assert np.all((corners[:, 0] + TILE_PX > 2000) & (corners[:, 1] + TILE_PX > 1200))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (255, 257), (100, 3000), (3000, 100), (577, 576)])
def test_tiles_have_one_shape_whatever_the_size_of_the_photo(height: int, width: int) -> None:
    cut = cut_frame(np.zeros((height, width, 3), np.uint8))

    assert cut.tiles.shape == (CHOSEN_COUNT + SPREAD_COUNT, TILE_PX, TILE_PX)
    assert cut.sample.shape == (576, 576, 3)
    assert np.all((cut.corners >= 0) & (cut.corners % 8 == 0))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_spot_moves_with_the_photo_when_exif_turns_it(orientation: int) -> None:
    stored = Image.new("L", (30, 20))
    stored.putpixel((4, 7), 255)
    stored.getexif()[274] = orientation

    spot = turn_spot((4, 7), (30, 20), orientation)

    assert ImageOps.exif_transpose(stored).getpixel(spot) == 255


@pytest.mark.parametrize(("height", "width"), [(1, 1), (30, 700), (577, 1153)])
def test_sample_is_of_single_pixels_at_even_distances(height: int, width: int) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows, columns = ((np.arange(576) * 2 + 1) * length // 1152 for length in (height, width))

    sample = sample_pixels(pixels)

    assert np.array_equal(sample, pixels[rows[:, None], columns[None, :]])
