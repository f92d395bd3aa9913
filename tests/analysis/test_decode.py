"""What decode() makes of odd, damaged and hostile bytes."""

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from processing.analysis import decode as decoding
from processing.analysis.decode import Limits, decode
from processing.analysis.jpeg import read_header
from processing.analysis.records import PhotoRefused
from tests.analysis.pictures import draw_random, encode_image, forge_png, repeat_scan, set_sampling


@pytest.mark.parametrize(
    ("form", "mode", "named", "color_space"),
    [
        ("JPEG", "RGB", "JPEG", "sRGB"),
        ("JPEG", "L", "JPEG", "gray"),
        ("JPEG", "CMYK", "JPEG", "CMYK"),
        ("PNG", "RGBA", "PNG", "sRGB"),
        ("PNG", "P", "PNG", "sRGB"),
        ("PNG", "1", "PNG", "gray"),
        ("TIFF", "F", "TIFF", "gray"),
        ("TIFF", "CMYK", "TIFF", "CMYK"),
        ("WEBP", "RGB", "WEBP", "sRGB"),
        ("GIF", "P", "GIF", "sRGB"),
        ("BMP", "RGB", "BMP", "sRGB"),
        ("HEIF", "RGB", "HEIF", "sRGB"),
        ("AVIF", "RGB", "AVIF", "sRGB"),
    ],
)
def test_frame_names_format_and_color_space(form: str, mode: str, named: str, color_space: str) -> None:
    data = encode_image(draw_random(mode), form)

    frame = decode(data, Limits())

    facts = frame.facts
    assert (facts.format, facts.color_space, facts.bytes_count) == (named, color_space, len(data))
    assert (facts.width_px, facts.height_px, frame.pixels.shape, frame.damage) == (
        400,
        300,
        (300, 400, 3),
        "",
    )


def test_frame_keeps_the_upper_byte_when_gray_has_16_bits() -> None:
    levels = np.full((300, 400), 0x80FF, np.uint16)

    frame = decode(encode_image(Image.fromarray(levels), "PNG"), Limits())

    assert np.unique(frame.pixels).tolist() == [0x80]


def test_palette_with_transparency_is_decoded_without_a_warning() -> None:
    data = encode_image(draw_random("P"), "PNG", transparency=bytes(range(256)))

    frame = decode(data, Limits())

    assert frame.pixels.shape == (300, 400, 3)


@pytest.mark.parametrize(
    ("orientation", "size_px"),
    [(1, (400, 300)), (3, (400, 300)), (6, (300, 400)), (8, (300, 400)), (9, (400, 300))],
)
def test_size_is_upright_when_exif_turns_the_photo(orientation: int, size_px: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = encode_image(draw_random(), "JPEG", exif=exif)

    facts = decode(data, Limits()).facts

    assert (facts.width_px, facts.height_px) == size_px


def test_texts_lose_nul_control_characters_and_surrogates() -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Evil\x1b[31m\x00Corp", b"\xed\xa0\x80 One\n" + b"x" * 500
    data = encode_image(draw_random(), "JPEG", exif=exif)

    camera = decode(data, Limits()).facts.camera

    assert camera.isprintable()
    assert len(camera) <= 200
    assert camera.startswith("Evil [31m")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "unreadable"),
        (b"hello" * 100, "unreadable"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "truncated"),
        (encode_image(draw_random(), "JPEG")[:300], "truncated"),
        (encode_image(draw_random(), "PNG")[:20_000], "truncated"),
        (encode_image(draw_random(), "PNG").replace(b"IDAT", b"IDAT\x00", 1), "unreadable"),
    ],
)
def test_photo_is_refused_when_no_picture_comes_of_it(data: bytes, code: str) -> None:
    with pytest.raises(PhotoRefused) as refused:
        decode(data, Limits())

    assert (refused.value.code, refused.value.measured, refused.value.limit) == (code, None, None)
    assert "0x" not in refused.value.text


def test_png_is_refused_when_a_checksum_is_wrong() -> None:
    data = bytearray(encode_image(draw_random(), "PNG"))
    data[-16] ^= 1

    with pytest.raises(PhotoRefused) as refused:
        decode(bytes(data), Limits())

    assert refused.value.code == "unreadable"


def test_jpeg_is_damaged_when_its_end_is_missing() -> None:
    data = encode_image(draw_random(), "JPEG")

    frame = decode(data[: len(data) // 2], Limits())

    assert frame.damage == "ValueError: Premature end of JPEG file"


def test_jpeg_is_damaged_when_a_page_of_it_is_zeros() -> None:
    data = bytearray(encode_image(draw_random(), "JPEG"))
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)

    frame = decode(bytes(data), Limits())

    assert "Corrupt JPEG data" in frame.damage


@pytest.mark.parametrize("sampling", ["444", "422", "420", "440", "411"])
def test_jpeg_is_whole_whatever_its_chroma_sampling(sampling: str) -> None:
    data = simplejpeg.encode_jpeg(np.array(draw_random()), colorsubsampling=sampling)

    assert decode(data, Limits()).damage == ""


def test_jpeg_is_whole_when_only_its_sampling_is_unusual() -> None:
    data = set_sampling(simplejpeg.encode_jpeg(np.array(draw_random()), colorsubsampling="420"), 0x13)
    with pytest.raises(ValueError, match=decoding.ODD_SAMPLING):
        simplejpeg.decode_jpeg(data, strict=True)

    assert decode(data, Limits()).damage == ""


def test_pixel_bomb_is_refused_before_decoding() -> None:
    with pytest.raises(PhotoRefused) as refused:
        decode(forge_png(50_000, 40_000), Limits())

    assert (refused.value.code, refused.value.measured, refused.value.limit) == ("too_large", 2000.0, 120.0)


def test_scan_bomb_is_refused_before_decoding() -> None:
    data = repeat_scan(encode_image(draw_random(), "JPEG", progressive=True), 2000)

    with pytest.raises(PhotoRefused) as refused:
        decode(data, Limits())

    assert (refused.value.code, refused.value.limit) == ("too_large", pytest.approx(12.0))


def test_progressive_jpeg_is_decoded_when_its_scans_are_few() -> None:
    data = encode_image(draw_random(), "JPEG", progressive=True)

    assert decode(data, Limits()).damage == ""


def test_animation_is_refused_when_it_has_too_many_frames() -> None:
    frames = [draw_random("P", seed) for seed in range(4)]
    data = encode_image(frames[0], "GIF", save_all=True, append_images=frames[1:])

    with pytest.raises(PhotoRefused) as refused:
        decode(data, Limits(frames_max=3))

    assert refused.value.code == "too_large"


def test_file_is_refused_when_it_has_too_many_bytes() -> None:
    with pytest.raises(PhotoRefused) as refused:
        decode(b"x" * 1001, Limits(bytes_max=1000))

    assert (refused.value.code, refused.value.measured, refused.value.limit) == ("file_too_big", 1001, 1000)


def test_memory_error_passes_when_the_decoder_has_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(*_args: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decoding.simplejpeg, "decode_jpeg", starve)

    with pytest.raises(MemoryError):
        decode(encode_image(draw_random(), "JPEG"), Limits())


def test_adobe_rgb_is_named_when_exif_says_so() -> None:
    exif = Image.Exif()
    exif.get_ifd(34665)[40961] = 65535
    exif.get_ifd(34665)[40965] = {1: "R03"}

    facts = decode(encode_image(draw_random(), "JPEG", exif=exif), Limits()).facts

    assert facts.color_space == "Adobe RGB"


def test_color_space_is_other_when_the_profile_is_garbage() -> None:
    data = encode_image(draw_random(), "JPEG", icc_profile=b"garbage" * 40)

    assert decode(data, Limits()).facts.color_space == "other"


def test_memory_error_passes_when_pillow_has_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(*_args: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decoding.Image, "open", starve)

    with pytest.raises(MemoryError):
        decode(b"BM" + bytes(100), Limits())


def test_frame_buffer_is_used_again_unless_it_is_huge(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_image(draw_random(), "JPEG")
    first = decode(data, Limits()).pixels

    again = decode(data, Limits()).pixels

    assert np.shares_memory(first, again)
    monkeypatch.setattr(decoding, "KEPT_BYTES_MAX", 100)
    decoding.free_buffers()
    assert not np.shares_memory(decode(data, Limits()).pixels, decode(data, Limits()).pixels)


def test_jpeg_is_refused_when_it_is_an_endless_chain_of_segments() -> None:
    comment = b"\xff\xfe\x00\x02"
    jpeg = encode_image(draw_random(), "JPEG")

    with pytest.raises(ValueError, match="no frame header"):
        read_header(b"\xff\xd8" + comment * 20_000 + jpeg[2:], 100)


def test_jpeg_tells_its_quality_and_camera() -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Canon", "Canon EOS 5D"
    data = encode_image(draw_random(), "JPEG", quality=75, exif=exif)

    facts = decode(data, Limits()).facts

    assert facts.camera == "Canon EOS 5D"
    assert facts.quality == pytest.approx(75, abs=1)
