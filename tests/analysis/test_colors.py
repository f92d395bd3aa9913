"""Color profiles: what they are called, and that measures see sRGB."""

import numpy as np
import pytest
from PIL import Image

from processing.analysis import colors, metadata
from processing.analysis.decode import Limits, decode
from processing.analysis.pipeline import Pipeline
from tests.analysis.pictures import build_profile, draw_random, encode_image


@pytest.mark.parametrize(
    ("name", "color_space"),
    [
        ("Adobe RGB (1998)", "Adobe RGB"),
        ("Display P3", "Display P3"),
        ("sRGB IEC61966-2.1", "sRGB"),
        ("ProPhoto RGB", "ProPhoto RGB"),
        ("Somebody's screen", "other"),
    ],
)
def test_color_space_is_named_by_the_profile(name: str, color_space: str) -> None:
    data = encode_image(draw_random(), "JPEG", icc_profile=build_profile(name))

    assert decode(data, Limits()).facts.color_space == color_space


def test_colors_are_measured_in_srgb_when_the_profile_is_wider(pipeline: Pipeline) -> None:
    picture = Image.fromarray(np.full((600, 800, 3), (180, 120, 60), np.uint8))
    plain, wide = (
        encode_image(picture, "PNG", **extra) for extra in ({}, {"icc_profile": build_profile("Display P3")})
    )

    measured = pipeline.measure([pipeline.prepare(plain), pipeline.prepare(wide)])

    saturations = [one.measures["saturation"] for one in measured]
    assert saturations[0] == 120
    assert saturations[1] > 130


def test_sample_stays_as_it_is_when_the_profile_cannot_be_used() -> None:
    pixels = np.array(draw_random())

    assert np.array_equal(colors.to_srgb(pixels, b"garbage"), pixels)


def test_memory_error_passes_when_a_profile_or_exif_block_takes_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def starve(*_args: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(colors.ImageCms, "ImageCmsProfile", starve)
    monkeypatch.setattr(metadata.Image, "Exif", starve)

    for read in (
        lambda: colors.name_profile(b"x"),
        lambda: colors.to_srgb(np.zeros((2, 2, 3), np.uint8), b"x"),
        lambda: metadata.read_exif(b"x"),
    ):
        with pytest.raises(MemoryError):
            read()


def test_exif_that_cannot_be_read_says_nothing() -> None:
    assert metadata.read_exif(b"Exif\0\0garbage") == metadata.Told()
