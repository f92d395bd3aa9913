"""What people look at: thumbnails, crops at 100 %, histograms and the facts of the camera."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from processing.analysis.cutting import CHOSEN_COUNT, SPREAD_COUNT, TILE_PX
from processing.analysis.pictures import BINS, CROP_PX, Pictures, turn_pixels
from processing.analysis.pipeline import Pipeline, Prepared
from processing.analysis.spots import find_blockiest, find_grainiest, find_light, find_softest
from tests.analysis.pictures import build_profile, draw_random, encode_image, forge_png

CODES = ("compression_artifacts", "motion_blur", "noise", "out_of_focus", "overexposed", "underexposed")


def prepare(pipeline: Pipeline, image: Image.Image, form: str = "PNG", **options: object) -> Prepared:
    """Prepare one picture."""
    return pipeline.prepare(encode_image(image, form, **options))


def pictures_of(prepared: Prepared) -> Pictures:
    """Give the pictures that were taken."""
    assert prepared.pictures is not None
    return prepared.pictures


def open_jpeg(data: bytes) -> Image.Image:
    """Open what was made; it is a JPEG without metadata."""
    image = Image.open(io.BytesIO(data), formats=["JPEG"])
    image.load()
    return image


def draw_quarters(width: int, height: int) -> Image.Image:
    """A picture with another color in each corner, so that every turn and mirror shows."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("lime", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    image.paste("white", (width // 2, height // 2, width, height))
    return image


def corners_of(image: Image.Image) -> list[tuple[int, ...]]:
    """Give the colors of the four corners, in steps that a JPEG cannot move them by."""
    right, bottom = image.width - 4, image.height - 4
    pixels = (image.getpixel(place) for place in ((3, 3), (right, 3), (3, bottom), (right, bottom)))
    return [tuple(round(level / 255) for level in pixel) for pixel in pixels]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_thumbnail_stands_upright_whatever_the_orientation(pipeline: Pipeline, orientation: int) -> None:
    image = draw_quarters(1200, 800)
    exif = Image.Exif()
    exif[274] = orientation
    image.getexif()[274] = orientation

    thumbnail = open_jpeg(pictures_of(prepare(pipeline, image, "JPEG", exif=exif)).thumbnail)

    assert thumbnail.size == ((480, 320) if orientation < 5 else (320, 480))
    assert corners_of(thumbnail) == corners_of(ImageOps.exif_transpose(image))
    assert len(thumbnail.getexif()) == 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1, 1), (1, 1)),
        ((480, 20), (480, 20)),
        ((481, 481), (480, 480)),
        ((700, 1000), (336, 480)),
        ((5000, 3), (480, 1)),
        ((8, 3000), (1, 480)),
        ((1919, 1000), (480, 250)),
    ],
)
def test_thumbnail_has_480_pixels_on_the_longer_edge_and_is_never_enlarged(
    pipeline: Pipeline, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    prepared = prepare(pipeline, Image.new("RGB", size, "gray"))

    assert open_jpeg(pictures_of(prepared).thumbnail).size == expected


@pytest.mark.parametrize(
    ("form", "mode"),
    [("JPEG", "L"), ("JPEG", "CMYK"), ("TIFF", "CMYK"), ("PNG", "RGBA"), ("PNG", "I;16"), ("HEIF", "RGB")],
)
def test_pictures_are_made_whatever_the_mode(pipeline: Pipeline, form: str, mode: str) -> None:
    image = Image.new("RGB", (600, 400), (200, 200, 200)).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.full((400, 600), 200 << 8, np.uint16))

    pictures = pictures_of(prepare(pipeline, image, form))

    mean = np.asarray(open_jpeg(pictures.thumbnail)).mean()
    assert mean == pytest.approx(200, abs=4)
    assert sorted(pictures.encode_crops(CODES)) == list(CODES)


def test_thumbnail_crop_and_histogram_are_in_srgb_when_the_photo_is_not(pipeline: Pipeline) -> None:
    image = Image.new("RGB", (600, 400), (60, 200, 60))

    pictures = pictures_of(prepare(pipeline, image, "PNG", icc_profile=build_profile("Display P3")))

    greens = [
        np.asarray(open_jpeg(data)).mean(axis=(0, 1))[0]
        for data in (pictures.thumbnail, pictures.encode_crops(["noise"])["noise"].data)
    ]
    assert all(red < 45 for red in greens)
    assert pictures.histogram["red"][60 * BINS // 256] == 0


def test_histogram_counts_every_sample_of_each_channel_once(pipeline: Pipeline) -> None:
    pictures = pictures_of(prepare(pipeline, Image.new("RGB", (300, 200), (0, 130, 255))))

    expected = {"red": 0, "green": 130 // 4, "blue": 63}
    assert {name: counts.index(576 * 576) for name, counts in pictures.histogram.items()} == expected
    assert [len(counts) for counts in pictures.histogram.values()] == [BINS] * 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_crop_is_what_the_upright_photo_shows_at_its_box(pipeline: Pipeline, orientation: int) -> None:
    image = draw_random().filter(ImageFilter.GaussianBlur(2)).resize((1000, 700))
    exif = Image.Exif()
    exif[274] = orientation
    pictures = pictures_of(prepare(pipeline, image, "JPEG", quality=95, exif=exif))

    crop = pictures.encode_crops(["noise"])["noise"]

    image.getexif()[274] = orientation
    x, y, width, height = crop.box
    shown = ImageOps.exif_transpose(image).crop((x, y, x + width, y + height))
    apart = np.abs(np.asarray(shown).astype(int) - np.asarray(open_jpeg(crop.data)))
    assert (width, height, shown.size) == (CROP_PX, CROP_PX, open_jpeg(crop.data).size)
    assert apart.mean() < 2
    assert x <= crop.spot[0] < x + width
    assert y <= crop.spot[1] < y + height


@pytest.mark.parametrize("size", [(1, 1), (300, 200), (100, 4000), (9000, 30)])
def test_crop_lies_inside_the_photo_whatever_its_shape(pipeline: Pipeline, size: tuple[int, int]) -> None:
    pictures = pictures_of(prepare(pipeline, Image.new("RGB", size)))

    crops = pictures.encode_crops(CODES)

    sides = (min(CROP_PX, size[0]), min(CROP_PX, size[1]))
    assert sorted(crops) == list(CODES)
    assert all(crop.box[2:] == sides == open_jpeg(crop.data).size for crop in crops.values())
    for crop in crops.values():
        x, y, width, height = crop.box
        assert 0 <= x <= crop.spot[0] < x + width <= size[0]
        assert 0 <= y <= crop.spot[1] < y + height <= size[1]


def test_reasons_without_a_place_have_no_crop(pipeline: Pipeline) -> None:
    pictures = pictures_of(prepare(pipeline, draw_random()))

    assert pictures.encode_crops(["too_small", "not_jpeg", "similar"]) == {}


def test_prepared_pictures_are_compact_whatever_the_size_of_the_photo(pipeline: Pipeline) -> None:
    pictures = pictures_of(prepare(pipeline, Image.new("RGB", (6000, 4000)), "JPEG"))

    sizes = {id(place.pixels): place.pixels.nbytes for place in pictures.places.values()}
    assert sum(sizes.values()) <= 5 * CROP_PX * CROP_PX * 3
    assert all(place.pixels.base is None for place in pictures.places.values())
    assert len(pictures.thumbnail) < 100_000


def test_bomb_leaves_no_picture(pipeline: Pipeline) -> None:
    prepared = pipeline.prepare(forge_png(100_000, 100_000))

    assert (prepared.pictures, prepared.refusal is not None) == (None, True)


def draw_tiles(count: int) -> np.ndarray:
    """Tiles of even gray with a little of everything."""
    noise = np.random.default_rng(1).normal(128, 2, (count, TILE_PX, TILE_PX))
    return np.clip(noise, 0, 255).astype(np.uint8)


def test_softest_tile_is_the_one_that_was_blurred() -> None:
    sharp = np.random.default_rng(2).integers(0, 2, (CHOSEN_COUNT, 32, 32), dtype=np.uint8) * 200
    tiles = sharp.repeat(8, axis=1).repeat(8, axis=2)
    soft = Image.fromarray(tiles[17]).filter(ImageFilter.GaussianBlur(3))
    tiles[17] = np.asarray(soft)

    assert find_softest(tiles) == 17


def test_grainiest_tile_is_the_one_with_noise_and_not_the_one_with_a_strong_edge() -> None:
    tiles = draw_tiles(SPREAD_COUNT)
    tiles[3, :, 100:110] = 255
    tiles[11] = np.clip(np.random.default_rng(3).normal(128, 12, (TILE_PX, TILE_PX)), 0, 255)

    assert find_grainiest(tiles) == 11


def test_blockiest_tile_is_the_one_with_steps_on_the_grid() -> None:
    tiles = draw_tiles(SPREAD_COUNT)
    tiles[5] += (np.arange(TILE_PX) // 8 % 2 * 5).astype(np.uint8)

    assert find_blockiest(tiles) == 5


def test_light_is_found_where_it_is_burnt_out_and_where_it_is_brightest() -> None:
    sample = np.zeros((576, 576, 3), np.uint8)
    sample[18:36, 36:54] = 250
    sample[180:186, 90:96] = 255

    burnt, brightest = find_light(sample)

    assert (divmod(burnt, 32), divmod(brightest, 32)) == ((10, 5), (1, 2))


def test_places_of_a_photo_show_its_light(pipeline: Pipeline) -> None:
    image = Image.new("RGB", (2000, 1000), (90, 90, 90))
    image.paste("white", (1500, 700, 1600, 800))

    crops = pictures_of(prepare(pipeline, image)).encode_crops(["overexposed"])

    x, y = crops["overexposed"].spot
    assert (1500 <= x < 1600, 700 <= y < 800) == (True, True)


def test_pixels_that_need_no_turn_are_not_copied() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)

    assert turn_pixels(pixels, 1) is pixels
