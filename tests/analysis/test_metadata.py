"""What an EXIF block tells of how a photo was taken, and what hostile ones cannot do."""

import io
import math
import random

import pytest
from PIL import Image, TiffImagePlugin

from processing.analysis.metadata import read_exif
from processing.analysis.records import UNTOLD, Exposure
from tests.analysis.pictures import draw_random, encode_image

Rational = TiffImagePlugin.IFDRational


def build_exif(orientation: int = 1, **inner: object) -> bytes:
    """An EXIF block with fields t33434=… of its inner folder."""
    exif = Image.Exif()
    exif[274] = orientation
    exif[271], exif[272] = "Nikon", "D750"
    exif.get_ifd(34665).update({int(name[1:]): value for name, value in inner.items()})
    with Image.open(io.BytesIO(encode_image(draw_random(), "JPEG", exif=exif))) as image:
        block = image.info["exif"]
    assert isinstance(block, bytes)
    return block


def test_exposure_is_read_as_the_camera_wrote_it() -> None:
    told = read_exif(
        build_exif(
            t33434=Rational(1, 200),
            t33437=Rational(28, 10),
            t34855=400,
            t37386=Rational(50, 1),
            t42036="50 mm",
        )
    )

    assert told.exposure == Exposure("50 mm", 0.005, 2.8, 400.0, 50.0)


def test_first_of_several_sensitivities_counts() -> None:
    assert read_exif(build_exif(t34855=(200, 400))).exposure.iso == 200.0


def test_exposure_is_untold_when_there_is_none() -> None:
    assert read_exif(build_exif()).exposure == UNTOLD


@pytest.mark.parametrize(
    "value", [Rational(1, 0), Rational(0, 0), Rational(0, 1), Rational(2**32 - 1, 1), b"fast", "1/200"]
)
def test_shutter_is_no_fact_when_it_is_no_sane_number(value: object) -> None:
    told = read_exif(build_exif(6, t33434=value, t33437=Rational(4, 1)))

    assert (told.exposure.shutter_s, told.exposure.aperture, told.orientation, told.camera) == (
        None,
        4.0,
        6,
        "Nikon D750",
    )


def test_lens_is_one_short_line_whatever_it_holds() -> None:
    told = read_exif(build_exif(t42036="<b>lens\x00\x1b[31m\r\n" + "x" * 5000))

    assert told.exposure.lens.startswith("<b>lens [31m x")
    assert (len(told.exposure.lens), told.exposure.lens.isprintable()) == (80, True)


def test_damaged_block_never_raises_and_tells_only_sane_numbers() -> None:
    block = build_exif(t33434=Rational(1, 200), t33437=Rational(28, 10), t34855=400, t42036="50 mm")
    chance = random.Random(7)
    numbers = []

    for _ in range(300):
        damaged = bytearray(block)
        for _ in range(4):
            damaged[chance.randrange(6, len(damaged))] = chance.randrange(256)
        told = read_exif(bytes(damaged)).exposure
        numbers += [told.shutter_s, told.aperture, told.iso, told.focal_mm]

    assert all(number is None or (math.isfinite(number) and number > 0) for number in numbers)
