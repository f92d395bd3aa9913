"""What a JPEG's markers say."""

import pytest

from processing.analysis.jpeg import estimate_quality, read_header
from tests.analysis.pictures import draw_random, encode_image


@pytest.mark.parametrize("quality", [20, 30, 50, 75, 95])
def test_quality_is_that_of_the_encoder(quality: int) -> None:
    header = read_header(encode_image(draw_random(), "JPEG", quality=quality), 100)

    assert estimate_quality(header.tables) == pytest.approx(quality, abs=1.5)


def test_quality_is_unknown_without_a_table() -> None:
    assert estimate_quality({}) is None


def test_cut_table_is_passed_over() -> None:
    jpeg = encode_image(draw_random(), "JPEG")
    place = jpeg.index(b"\xff\xdb")
    cut = jpeg[:place] + b"\xff\xdb\x00\x10" + bytes(14) + jpeg[place:]

    assert read_header(cut, 100).tables == read_header(jpeg, 100).tables


def test_header_tells_size_components_scans_and_end() -> None:
    header = read_header(encode_image(draw_random("L"), "JPEG", progressive=True), 100)

    assert (header.width_px, header.height_px, header.components, header.bits) == (400, 300, 1, 8)
    assert header.scans > 1
    assert header.ended


def test_header_has_no_end_when_the_file_is_cut() -> None:
    jpeg = encode_image(draw_random(), "JPEG")

    assert not read_header(jpeg[:-2], 100).ended


@pytest.mark.parametrize(
    "data", [b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xc0\x00\x01", b"\xff\xd8" + b"\xff" * 50]
)
def test_header_is_refused_when_there_is_no_frame(data: bytes) -> None:
    with pytest.raises(ValueError, match="no frame header"):
        read_header(data, 100)
